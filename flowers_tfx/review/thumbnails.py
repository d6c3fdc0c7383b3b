"""Thumbnails: small JPEGs of photos, and the file that keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from flowers_tfx.data.pictures import BadPicture, decode, open_picture
from flowers_tfx.data.small_pictures import small_jpeg
from flowers_tfx.review.sides import Side

THUMBNAILS = "thumbnails.parquet"
THUMBNAIL_BYTES = 4_096


def thumbnail(data: bytes, side: int = 128) -> bytes:
    """A JPEG of at most `THUMBNAIL_BYTES`, upright, its longer side at most `side` px. BadPicture when it cannot be decoded."""
    return small_jpeg(decode(open_picture(data, max_pixels=None), max_analysis_px=16 * side * side), side, THUMBNAIL_BYTES)


def make_thumbnails(sides: Iterable[Side], digests: Iterable[str], known: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
    """Digest to thumbnail of these photos, as far as they can be read: those in `known` first, then from the sides in their order."""
    wanted = set(digests)
    made = {digest: data for digest, data in (known or {}).items() if digest in wanted}
    for side in sides:
        for digest, data in side.read_photos(wanted - set(made)):
            try:
                made[digest] = thumbnail(data)
            except BadPicture:
                continue
    return made


def write_thumbnails(home: Path, thumbnails: Mapping[str, bytes]) -> None:
    table = pa.table({"digest": pa.array(list(thumbnails), pa.string()), "jpeg": pa.array(list(thumbnails.values()), pa.binary())})
    pq.write_table(table, home / THUMBNAILS)


def read_thumbnails(home: Path) -> dict[str, bytes]:
    """Empty if `home` has no such file."""
    path = home / THUMBNAILS
    if not path.is_file():
        return {}
    table = pq.read_table(path)
    return dict(zip(table["digest"].to_pylist(), table["jpeg"].to_pylist(), strict=True))
