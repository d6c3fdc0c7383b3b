from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flowers_tfx import features
from flowers_tfx.data import spans
from flowers_tfx.data.span_writers import span_writer
from flowers_tfx.errors import InputError


def make_span(root: Path, number: int, **changes: Any) -> Path:
    path = root / f"span-{number}"
    path.mkdir(parents=True)
    manifest = {"span": number, "format_version": 1, "digest": f"d{number}", "examples": 3, "labels": ["daisy"], **changes}
    (path / "manifest.json").write_text(json.dumps(manifest))
    return path


def photo_row(**changes: Any) -> dict[str, Any]:
    samples = {"int": 1, "float": 0.1, "string": "x"}
    row: dict[str, Any] = {prop.name: None if prop.optional else samples[prop.kind] for prop in features.PROPERTIES}
    return {**row, "uri": "1.jpg", "digest": "00", "label": "daisy", "split": "train", "span": 1, **changes}


def test_spans_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        make_span(tmp_path, number)
    for other in (".span-3.0123abcd.tmp", "span-x", "notes"):
        (tmp_path / other).mkdir()
    (tmp_path / "decisions.jsonl").touch()
    found = spans.list_spans(tmp_path)
    assert [span.number for span in found] == [1, 2, 10]
    assert (found[0].digest, found[0].examples, found[0].labels) == ("d1", 3, ("daisy",))
    assert spans.next_number(found) == 11
    assert spans.next_number([]) == 1
    assert spans.span_dir(tmp_path, 4) == tmp_path / "span-4"


def test_no_data_root_no_spans(tmp_path: Path) -> None:
    assert spans.list_spans(tmp_path / "absent") == []


@pytest.mark.parametrize("manifest", [None, "", "[]", '{"span": 1}', "{"])
def test_a_span_without_a_readable_manifest_is_named(tmp_path: Path, manifest: str | None) -> None:
    path = make_span(tmp_path, 1) / "manifest.json"
    path.unlink()
    if manifest is not None:
        path.write_text(manifest)
    with pytest.raises(InputError, match=r"span-1 has no readable manifest\.json") as caught:
        spans.list_spans(tmp_path)
    assert caught.value.hint


def test_a_renamed_or_foreign_span_is_named(tmp_path: Path) -> None:
    make_span(tmp_path, 1, span=2)
    with pytest.raises(InputError, match="says that it is span 2"):
        spans.list_spans(tmp_path)
    make_span(tmp_path / "other", 1, format_version=9)
    with pytest.raises(InputError, match="format 9"):
        spans.list_spans(tmp_path / "other")


def test_a_data_root_elsewhere_is_refused() -> None:
    with pytest.raises(InputError, match="not supported"):
        spans.list_spans("ftp://host/data")


def test_photos_have_the_types_of_the_table(tmp_path: Path) -> None:
    path = make_span(tmp_path, 1)
    rows = [photo_row(), photo_row(digest="01", jpeg_quality=90)]
    pq.write_table(pa.Table.from_pylist(rows, spans.photos_schema()), path / "photos.parquet")
    frame = spans.read_photos(spans.list_spans(tmp_path)[0])
    assert len(frame) == 2
    assert set(features.PROPERTY_NAMES) < set(frame.columns)
    assert str(frame.width_px.dtype) == "int64"
    assert str(frame.mean_luma.dtype) == "float64"
    assert str(frame.jpeg_quality.dtype) == "Int64"
    assert frame.jpeg_quality.isna().tolist() == [True, False]


def test_the_digest_sees_content_and_nothing_else() -> None:
    rows = [photo_row(), photo_row(digest="01")]
    digest = spans.span_digest(rows)
    assert spans.span_digest(rows[::-1]) == digest
    assert spans.span_digest([photo_row(uri="elsewhere", span=9), photo_row(digest="01")]) == digest
    assert spans.span_digest([photo_row(mean_luma=0.2), photo_row(digest="01")]) != digest
    assert spans.span_digest([photo_row(split="test"), photo_row(digest="01")]) != digest


def test_what_killed_ingests_left_goes_and_nothing_else(tmp_path: Path) -> None:
    make_span(tmp_path, 1)
    (tmp_path / ".span-2.0123456789abcdef.tmp" / "work").mkdir(parents=True)
    (tmp_path / ".other.tmp").mkdir()
    with span_writer(tmp_path):
        assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", ".other.tmp", "span-1"]


def test_a_full_disk_is_seen_before_the_work(tmp_path: Path) -> None:
    with span_writer(tmp_path) as writer:
        writer.check_space(1000)
        with pytest.raises(InputError, match="GB free"):
            writer.check_space(10**18)


def test_a_data_root_that_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="can't be written to"), span_writer(tmp_path / "file"):
        pass
