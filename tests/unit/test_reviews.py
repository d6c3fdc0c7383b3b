from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowers_tfx.review.stored_reviews import HTML, JSON, local_page, newest_review, review_roots, store_review, stored_reviews
from flowers_tfx.storage import BucketPath
from tests.unit.buckets import FakeStore, Killed


def put(root: Path, name: str, created: str, spans: list[int]) -> Path:
    return store_review(str(root), name, {JSON: json.dumps({"created": created, "new": {"spans": spans}})})


def test_the_newest_review_of_a_span_and_of_all(tmp_path: Path) -> None:
    put(tmp_path, "1-a", "2026-01-01", [1])
    second = put(tmp_path, "2-b", "2026-01-02", [2])
    third = put(tmp_path, "2-c", "2026-01-03", [2])
    assert [stored.folder for stored in stored_reviews(str(tmp_path))][:2] == [third, second]
    newest = newest_review(str(tmp_path), span=1)
    assert newest is not None
    assert newest.folder.name == "1-a"
    assert newest_review(str(tmp_path), span=7) is None


def test_what_a_killed_run_left_is_not_a_review(tmp_path: Path) -> None:
    whole = put(tmp_path, "1-a", "2026-01-01", [1])
    whole.rename(whole.with_name(".1-a.0123.tmp"))
    assert stored_reviews(str(tmp_path)) == []


@pytest.mark.parametrize("where", ["folder", "bucket"])
def test_no_review_takes_the_place_of_another(tmp_path: Path, store: FakeStore, where: str) -> None:
    """A step that a cluster tries again, after it had stored its review, succeeds and leaves the first one as it is."""
    root = str(tmp_path) if where == "folder" else "gs://bucket/root"
    for created in ("2026-01-01", "2026-01-02"):
        store_review(root, "1-a", {JSON: json.dumps({"created": created, "new": {"spans": [1]}})})
    newest, first = stored_reviews(root)
    assert [newest.review["created"], first.review["created"]] == ["2026-01-02", "2026-01-01"]
    assert first.folder.name == "1-a"
    assert newest.folder.name.startswith("1-a-")


def test_a_review_in_a_bucket_is_there_with_its_json(store: FakeStore) -> None:
    files = {JSON: json.dumps({"created": "2026-01-01", "new": {"spans": [1]}}), HTML: "<p>"}
    store.fail_after_writes(1)
    with pytest.raises(Killed):
        store_review("gs://bucket/root", "1-a", files)
    store.fail_after_writes(None)
    assert stored_reviews("gs://bucket/root") == []
    home = store_review("gs://bucket/root", "1-b", files)
    (found,) = stored_reviews("gs://bucket/root")
    assert local_page(found).read_text() == "<p>"
    assert found.folder == home == BucketPath("gs://bucket/root/reviews/1-b")
    assert BucketPath(str(found.html)).read_text() == "<p>"


def test_reviews_of_a_cluster_are_found_beside_those_of_this_machine(tmp_path: Path) -> None:
    """A run on Kubeflow keeps them in the data root, whatever its pipeline root is."""
    data, pipeline = tmp_path / "data", tmp_path / "pipeline"
    put(pipeline, "1-a", "2026-01-01", [1])
    in_cluster = put(data, "1-b", "2026-01-02", [1])
    assert [stored.folder.name for stored in stored_reviews(*review_roots(str(pipeline), str(data)))] == ["1-b", "1-a"]
    for pipeline_root in ("minio://b/artifacts", "s3://b/artifacts"):
        newest = newest_review(*review_roots(pipeline_root, str(data)), span=1)
        assert newest is not None
        assert newest.folder == in_cluster  # the root that only a cluster can write to was not looked into
