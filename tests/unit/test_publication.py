"""Rows of shards become one table."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flowers_tfx import features
from flowers_tfx.data import publication, spans

SHARDS, ROWS = 700, 2


@pytest.fixture
def few_open_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def row(number: int) -> str:
    digest = f"{number * 7919 % (SHARDS * ROWS):064x}"
    zeros = {"integer": 0, "number": 0.0, "text": ""}
    measured = {column.name: zeros[_kind(column.type)] for column in spans.photos_schema() if not column.nullable}
    values = {**measured, features.DIGEST: digest, features.LABEL: "daisy", "split": "train"}
    del values[features.URI], values[features.SPAN]
    return f"{digest}\t{spans.canonical(values)}\t{json.dumps(f'{number}.jpg')}\n"


def _kind(column: object) -> str:
    return {"string": "text", "int64": "integer"}.get(str(column), "number")


def test_more_shards_than_files_may_be_open(tmp_path: Path, few_open_files: None) -> None:
    rows = [row(number) for number in range(SHARDS * ROWS)]
    paths = [tmp_path / f"{shard}.rows" for shard in range(SHARDS)]
    for shard, path in enumerate(paths):
        path.write_text("".join(sorted(rows[shard * ROWS : (shard + 1) * ROWS])))
    before = set(tmp_path.iterdir())

    found = publication.write_photos(tmp_path / "photos.parquet", paths, 3, ("daisy",))

    assert set(tmp_path.iterdir()) - before == {tmp_path / "photos.parquet"}
    table = pq.read_table(tmp_path / "photos.parquet")
    assert table[features.DIGEST].to_pylist() == sorted(line.partition("\t")[0] for line in rows)
    assert sorted(table[features.URI].to_pylist()) == sorted(f"{number}.jpg" for number in range(SHARDS * ROWS))
    assert set(table[features.SPAN].to_pylist()) == {3}
    assert found.examples == SHARDS * ROWS

    few = tmp_path / "few.rows"
    few.write_text("".join(sorted(rows)))
    assert publication.write_photos(tmp_path / "again.parquet", [few], 3, ("daisy",)).digest == found.digest
