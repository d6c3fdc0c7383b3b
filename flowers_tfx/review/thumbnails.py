"""Thumbnails: small JPEGs of photos, and the file that keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from flowers_tfx.data.pictures import BadPicture, decode, open_picture
from flowers_tfx.data.small_pictures import small_jpeg
from flowers_tfx.review.sides import Side

THUMBNAILS = "thumbnails.parquet"


@dataclass(frozen=True)
class Size:
    """Of thumbnails: the longer side in pixels, and the most bytes."""

    px: int
    max_bytes: int


# For pages, where a photo opens larger, and for the samples of many photos that are kept with each version of the model.
LARGE, SMALL = Size(256, 10_240), Size(128, 4_096)


def thumbnail(data: bytes, size: Size = LARGE) -> bytes:
    """A JPEG of this size, upright. BadPicture when it cannot be decoded."""
    picture = decode(open_picture(data, max_pixels=None), max_analysis_px=16 * size.px * size.px)
    return small_jpeg(picture, size.px, size.max_bytes)


def make_thumbnails(
    sides: Iterable[Side], digests: Iterable[str], known: Mapping[str, bytes] | None = None, size: Size = LARGE
) -> dict[str, bytes]:
    """Digest to thumbnail of these photos, as far as they can be read: those in `known` first, then from the sides in their order."""
    wanted = set(digests)
    made = {digest: data for digest, data in (known or {}).items() if digest in wanted}
    for side in sides:
        for digest, data in side.read_photos(wanted - set(made)):
            try:
                made[digest] = thumbnail(data, size)
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
