from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowers_tfx.errors import InputError
from flowers_tfx.review.stored_reviews import HTML, JSON, newest_review, store_review, stored_reviews
from flowers_tfx.storage import BucketPath
from tests.unit.buckets import FakeStore, Killed


def put(root: Path, name: str, created: str, spans: list[int]) -> Path:
    return store_review(str(root), name, {JSON: json.dumps({"created": created, "new": {"spans": spans}})})


def test_the_newest_review_of_a_span_and_of_all(tmp_path: Path) -> None:
    put(tmp_path, "1-a", "2026-01-01", [1])
    second = put(tmp_path, "2-b", "2026-01-02", [2])
    third = put(tmp_path, "2-c", "2026-01-03", [2])
    assert [stored.folder for stored in stored_reviews(str(tmp_path))][:2] == [third, second]
    newest = newest_review(str(tmp_path), 1)
    assert newest is not None
    assert newest.folder.name == "1-a"
    assert newest_review(str(tmp_path), 7) is None


def test_what_a_killed_run_left_is_no_review(tmp_path: Path) -> None:
    whole = put(tmp_path, "1-a", "2026-01-01", [1])
    whole.rename(whole.with_name(".1-a.0123.tmp"))
    assert stored_reviews(str(tmp_path)) == []


def test_no_review_takes_the_place_of_another(tmp_path: Path) -> None:
    put(tmp_path, "1-a", "2026-01-01", [1])
    with pytest.raises(InputError, match="not empty"):
        put(tmp_path, "1-a", "2026-01-02", [1])
    assert [stored.review["created"] for stored in stored_reviews(str(tmp_path))] == ["2026-01-01"]
    assert [path.name for path in (tmp_path / "reviews").iterdir()] == ["1-a"]


def test_a_review_in_a_bucket_is_there_with_its_json(store: FakeStore) -> None:
    files = {JSON: json.dumps({"created": "2026-01-01", "new": {"spans": [1]}}), HTML: "<p>"}
    store.dies_after(1)
    with pytest.raises(Killed):
        store_review("gs://bucket/root", "1-a", files)
    store.dies_after(None)
    assert stored_reviews("gs://bucket/root") == []
    home = store_review("gs://bucket/root", "1-b", files)
    (found,) = stored_reviews("gs://bucket/root")
    assert found.folder == home == BucketPath("gs://bucket/root/reviews/1-b")
    assert BucketPath(str(found.html)).read_text() == "<p>"


def test_roots_of_runs_on_kubeflow_are_not_looked_into(store: FakeStore) -> None:
    store.dies_after(0)
    assert stored_reviews("s3://bucket/root") == stored_reviews("minio://bucket/root") == []
