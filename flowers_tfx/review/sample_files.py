"""The files of samples and thumbnails, in artifacts and in the registry."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from flowers_tfx.data.tables import Table, read_table, write_table

PHOTOS, THUMBNAILS = "photos.parquet", "thumbnails.parquet"


def write_sample(home: Path, frame: pd.DataFrame, network: str, thumbnails: Mapping[str, bytes], photos: int) -> None:
    """`photos`: how many there are, of which `frame` holds a sample."""
    home.mkdir(parents=True, exist_ok=True)
    write_table(home / PHOTOS, Table(frame, network, facts={"photos": photos}))
    write_thumbnails(home, thumbnails)


def write_thumbnails(home: Path, thumbnails: Mapping[str, bytes]) -> None:
    table = pa.table({"digest": pa.array(list(thumbnails), pa.string()), "jpeg": pa.array(list(thumbnails.values()), pa.binary())})
    pq.write_table(table, home / THUMBNAILS)


def read_thumbnails(home: Path) -> dict[str, bytes]:
    path = home / THUMBNAILS
    if not path.is_file():
        return {}
    table = pq.read_table(path)
    return dict(zip(table["digest"].to_pylist(), table["jpeg"].to_pylist(), strict=True))


def read_sample(home: Path, name: str = PHOTOS) -> Table:
    return read_table(home / name)
