from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flowers_tfx import storage
from flowers_tfx.data import spans
from flowers_tfx.data.decisions import read_decisions
from flowers_tfx.data.sidecars import write_sidecar
from flowers_tfx.data.span_writers import span_writer
from flowers_tfx.errors import InputError
from flowers_tfx.review import decisions
from flowers_tfx.storage import BucketPath, check_bucket
from tests.unit.buckets import FakeStore, Killed

ROOT = BucketPath("s3://bucket/data")
FILES = {"manifest.json", "photos.parquet", "train-00000-of-00001.tfrecord.gz"}


def manifest(number: int) -> str:
    return json.dumps({"span": number, "format_version": 1, "digest": f"d{number}", "examples": 1, "labels": ["daisy"]})


def write_span(wanted: int | None = None) -> int:
    """As ingest does: a file of a worker, a file of its own, the manifest."""
    with span_writer(ROOT) as writer:
        number = writer.claim_number(wanted, spans.list_spans(ROOT))
        with writer.draft(number) as draft:
            shard = f"{draft.work_uri}/train-0.abc"
            BucketPath(shard).write_bytes(b"records")
            (draft.scratch / "photos.parquet").write_bytes(b"photos")
            draft.add_file(shard, "train-00000-of-00001.tfrecord.gz")
            draft.add_file(str(draft.scratch / "photos.parquet"), "photos.parquet")
            draft.publish(manifest(number))
    return number


def test_a_span_appears_with_its_manifest(store: FakeStore) -> None:
    assert write_span() == 1
    assert [(span.number, span.digest, str(span.path)) for span in spans.list_spans("s3://bucket/data")] == [
        (1, "d1", "s3://bucket/data/span-1")
    ]
    assert set(store.objects) == {f"data/span-1/{name}" for name in FILES}
    assert [key for key in store.order if "/span-1/" in key][-1].endswith("manifest.json")


def test_an_ingest_that_is_killed_at_any_moment_leaves_a_whole_span_or_none(store: FakeStore, short_lease: Callable[[float], None]) -> None:
    short_lease(0.05)
    killed, whole = 0, 0
    for writes in range(1, 50):
        store.fail_after_writes(writes)
        try:
            number = write_span()
        except Killed:
            store.fail_after_writes(None)
            killed += 1
            found = spans.list_spans(ROOT)
            assert len(found) - whole in (0, 1)
            whole = len(found)
            assert all(set(storage.file_sizes(span.path)) == FILES for span in found)
        else:
            break
    store.fail_after_writes(None)
    assert killed - whole > 5, "it was never cut in the middle"
    assert number > whole + 1, "the numbers of killed ingests are not used again"
    write_span()
    left = {key.split("/")[1] for key in store.objects}
    shown = {f"span-{span.number}" for span in spans.list_spans(ROOT)}
    assert {name for name in left - shown if not name.endswith(".claim")} == set(), "what killed ingests left is swept away"


def test_ingests_at_the_same_time_get_numbers_of_their_own(store: FakeStore) -> None:
    numbers: list[int] = []
    threads = [threading.Thread(target=lambda: numbers.append(write_span())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == [1, 2, 3, 4] == [span.number for span in spans.list_spans(ROOT)]


def test_a_number_is_claimed_even_where_the_lease_fails(store: FakeStore) -> None:
    with span_writer(ROOT) as one:
        number = one.claim_number(None, [])
        store.delete(["data/.lock"])  # as if it had been taken over
        with span_writer(ROOT) as another:
            assert another.claim_number(None, []) == number + 1
            with pytest.raises(InputError, match="did not end"):
                another.claim_number(number, [])


def test_a_span_that_is_there_is_never_written_again(store: FakeStore) -> None:
    write_span(3)
    with pytest.raises(InputError, match="exists already"):
        write_span(3)
    assert write_span() == 4


def test_an_ingest_without_news_leaves_nothing(store: FakeStore) -> None:
    with span_writer(ROOT) as writer, writer.draft(writer.claim_number(None, [])) as draft:
        BucketPath(f"{draft.work_uri}/ledger.json").write_bytes(b"{}")
        assert draft.local_file("ledger.json").read_bytes() == b"{}"
    assert store.objects == {}


def test_decisions_of_several_reviewers_at_once_are_all_kept(store: FakeStore) -> None:
    write_span()
    assert read_decisions("s3://bucket/data") == []
    threads = [
        threading.Thread(target=decisions.decide, args=("s3://bucket/data", "accept", 1, [f"f{n}"], "seen", f"reviewer {n}"))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {decision.findings for decision in read_decisions("s3://bucket/data")} == {(f"f{n}",) for n in range(8)}


def test_a_damaged_manifest_is_named(store: FakeStore) -> None:
    write_span()
    store.write("data/span-1/manifest.json", b"{")
    with pytest.raises(InputError, match="no readable manifest"):
        spans.list_spans(ROOT)


def test_a_bucket_that_was_probed_holds_no_span(store: FakeStore) -> None:
    check_bucket(ROOT)
    assert spans.list_spans(ROOT) == []


def test_properties_that_were_measured_later_lie_beside_the_span(store: FakeStore) -> None:
    photos = pa.table({"digest": ["aa", "bb"], "label": ["daisy"] * 2, "width_px": [3, 4]})
    for name, content in (("photos.parquet", parquet(photos)), ("manifest.json", manifest(1).encode())):
        (ROOT / "span-1" / name).write_bytes(content)
    [before] = spans.list_spans(ROOT)
    assert (before.sidecars, "noise" in spans.missing_properties(before)) == ((), True)
    path = write_sidecar(before.path, before.digest, pa.table({"digest": ["aa", "bb"], "noise": [0.5, 1.5]}))
    assert str(path).startswith("s3://bucket/data/measured/span-1/d1-")
    [span] = spans.list_spans(ROOT)
    assert spans.read_photos(span)["noise"].tolist() == [0.5, 1.5]
    assert set(spans.missing_properties(before)) - set(spans.missing_properties(span)) == {"noise"}
    assert "noise" not in spans.read_photos(before)
    with span_writer(ROOT):  # clears up what killed writers left
        pass
    assert spans.list_spans(ROOT) == [span]


def parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()
