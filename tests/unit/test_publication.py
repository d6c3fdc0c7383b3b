"""Rows of shards become one table."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from flowers_tfx import features
from flowers_tfx.data import photo_rows, publication, spans
from flowers_tfx.data.photo_rows import RowsWriter

SHARDS, ROWS = 700, 2


@pytest.fixture
def few_open_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def row(number: int) -> dict[str, Any]:
    zeros = {"integer": 0, "number": 0.0, "text": ""}
    measured = {column.name: zeros[_kind(column.type)] for column in spans.photos_schema() if not column.nullable}
    digest = f"{number * 7919 % (SHARDS * ROWS):064x}"
    return {**measured, features.URI: f"{number}.jpg", features.DIGEST: digest, features.LABEL: "daisy", "split": "train", features.SPAN: 3}


def _kind(column: object) -> str:
    return {"string": "text", "int64": "integer"}.get(str(column), "number")


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("wb") as out:
        writer = RowsWriter(out)
        for one in sorted(rows, key=lambda one: str(one[features.DIGEST])):
            writer.write(one)
        writer.close()
    return path


def test_more_shards_than_files_may_be_open(tmp_path: Path, few_open_files: None) -> None:
    rows = [row(number) for number in range(SHARDS * ROWS)]
    paths = [write_rows(tmp_path / f"{shard}.rows", rows[shard * ROWS : (shard + 1) * ROWS]) for shard in range(SHARDS)]
    before = set(tmp_path.iterdir())

    found = publication.write_photos(tmp_path / "photos.parquet", paths, ("daisy",))

    assert set(tmp_path.iterdir()) - before == {tmp_path / "photos.parquet"}
    table = pq.read_table(tmp_path / "photos.parquet")
    assert table[features.DIGEST].to_pylist() == sorted(one[features.DIGEST] for one in rows)
    assert table[features.URI].to_pylist() == [one[features.URI] for one in sorted(rows, key=lambda one: str(one[features.DIGEST]))]
    assert set(table[features.SPAN].to_pylist()) == {3}
    assert found.examples == SHARDS * ROWS
    assert found.digest == spans.span_digest(rows)

    few = write_rows(tmp_path / "few.rows", rows)
    assert publication.write_photos(tmp_path / "again.parquet", [few], ("daisy",)).digest == found.digest


def test_row_groups_do_not_depend_on_the_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans, "ROWS_PER_GROUP", 100)
    monkeypatch.setattr(photo_rows, "ROWS_PER_BATCH", 7)
    rows = [row(number) for number in range(250)]
    one = [write_rows(tmp_path / "one.rows", rows)]
    many = [write_rows(tmp_path / f"{shard}.rows", rows[shard::9]) for shard in range(9)]
    totals = [publication.write_photos(tmp_path / f"{len(paths)}.parquet", paths, ("daisy",)) for paths in (one, many)]
    assert totals[0] == totals[1]
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "9.parquet").read_bytes()
    metadata = pq.read_metadata(tmp_path / "9.parquet")
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [100, 100, 50]
    assert publication.write_photos(tmp_path / "none.parquet", [], ("daisy",)).examples == 0
