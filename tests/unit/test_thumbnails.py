"""Thumbnails: small, upright, and nothing of the photo besides."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from flowers_tfx.data.pictures import BadPicture
from flowers_tfx.review.thumbnails import LARGE, SMALL, Size, thumbnail
from tests.conftest import small_photo


def photo(size: tuple[int, int], kind: str = "JPEG", **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("size", [(640, 480), (1, 3000), (3000, 1), (7, 5)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("limits", [SMALL, LARGE])
def test_a_thumbnail_is_small_whatever_the_photo_is(size: tuple[int, int], kind: str, limits: Size) -> None:
    data = thumbnail(photo(size, kind), limits)
    with Image.open(io.BytesIO(data)) as small:
        assert small.format == "JPEG"
        assert max(small.size) <= limits.px
    assert len(data) <= limits.max_bytes


def test_a_thumbnail_stands_upright_and_carries_nothing_else() -> None:
    exif = Image.Exif()
    exif[274] = 6
    data = thumbnail(photo((200, 100), exif=exif, comment=b"a secret"))
    with Image.open(io.BytesIO(data)) as small:
        assert small.size[0] < small.size[1]
    assert b"secret" not in data
    assert b"Exif" not in data


@pytest.mark.parametrize("data", [b"", b"GIF89a", small_photo(1)[:300]])
def test_what_is_not_a_photo_has_no_thumbnail(data: bytes) -> None:
    with pytest.raises(BadPicture):
        thumbnail(data)
