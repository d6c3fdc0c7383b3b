from __future__ import annotations

import io
import struct
import warnings
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flowers_tfx.data.pictures import BadPicture, decode, open_picture

LIMIT = 50_000_000


def photo(width: int = 64, height: int = 48, mode: str = "RGB", seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 255, (height, width, 3), dtype=np.uint8)).convert(mode)


def encoded(image: Image.Image, file_format: str = "JPEG", **settings: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, file_format, **settings)
    return out.getvalue()


def reason(data: bytes, limit: int = LIMIT, max_analysis_px: int | None = None) -> str:
    with pytest.raises(BadPicture) as caught:
        decode(open_picture(data, limit), max_analysis_px)
    return str(caught.value)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_takes_every_kind_of_jpeg(mode: str, progressive: bool) -> None:
    image = decode(open_picture(encoded(photo(mode=mode), progressive=progressive), LIMIT))
    assert image.size == (64, 48)
    assert image.mode == ("L" if mode == "L" else "RGB")


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA", "LA", "I"])
def test_takes_every_kind_of_png(mode: str) -> None:
    image = decode(open_picture(encoded(photo(mode=mode), "PNG"), LIMIT))
    assert image.size == (64, 48)
    assert image.mode in ("RGB", "L")


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    deep = Image.fromarray(np.full((8, 8), 0x8040, dtype=np.uint16))
    assert decode(open_picture(encoded(deep, "PNG"), LIMIT)).getpixel((0, 0)) == 0x80


def test_alpha_is_dropped_as_tensorflow_does() -> None:
    clear = Image.new("RGBA", (8, 8), (10, 20, 30, 0))
    assert decode(open_picture(encoded(clear, "PNG"), LIMIT)).getpixel((0, 0)) == (10, 20, 30)


def test_a_jpeg_with_more_pictures_in_it_is_a_jpeg() -> None:
    assert open_picture(encoded(photo(), "MPO", save_all=True, append_images=[photo(seed=1)]), LIMIT).stored.format == "JPEG"


@pytest.mark.parametrize("file_format", ["GIF", "BMP", "WEBP", "TIFF"])
def test_names_the_format_that_is_not_supported(file_format: str) -> None:
    name = {"WEBP": "WebP"}.get(file_format, file_format)
    assert reason(encoded(photo(), file_format)) == f"{name} is not supported: deliver JPEG or PNG"


def test_refuses_what_is_not_a_picture() -> None:
    assert reason(b"") == "empty file"
    assert reason(b"<html>not found</html>") == "not a picture"
    assert reason(b"\xff\xd8\xff").startswith("truncated or damaged")
    assert reason(b"\x89PNG\r\n\x1a\n").startswith("truncated or damaged")


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("max_analysis_px", [None, 1 << 14])
def test_finds_truncation_at_every_scale(progressive: bool, max_analysis_px: int | None) -> None:
    whole = encoded(photo(400, 300), quality=90, progressive=progressive)
    decode(open_picture(whole, LIMIT), max_analysis_px)
    for kept in (0.3, 0.6, 0.9, 0.99):
        assert reason(whole[: int(len(whole) * kept)], max_analysis_px=max_analysis_px).startswith("truncated or damaged")


def test_png_without_an_end_or_with_wrong_checksums_is_damaged() -> None:
    # Pillow takes both, TensorFlow neither.
    whole = encoded(photo(), "PNG")
    for lost in (1, 4, 12, 14):
        assert reason(whole[:-lost]).startswith("truncated or damaged")
    assert reason(whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:]).startswith("truncated or damaged")


def test_size_is_judged_by_the_header_and_without_warnings() -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", 12000, 9000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + b"\0\0\0\0IDAT"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert reason(bomb) == "12000x9000 is 108 megapixels, the limit is 50"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    upright = Image.new("L", (64, 32), 0)
    upright.paste(255, (0, 0, 16, 16))  # the upper left corner is white
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose that undoes what the viewer will do
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    seen = decode(open_picture(encoded(stored, exif=exif.tobytes(), quality=95), LIMIT))
    assert seen.size == (64, 32)
    assert np.abs(np.asarray(seen, dtype=int) - np.asarray(upright, dtype=int)).mean() < 5


def test_a_photo_with_broken_exif_is_not_refused() -> None:
    data = encoded(photo(), exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
    assert decode(open_picture(data, LIMIT)).size == (64, 48)


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (2000, 700), (9, 40000)])
@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_large_pictures_are_decoded_smaller(size: tuple[int, int], file_format: str) -> None:
    image = decode(open_picture(encoded(Image.new("RGB", size, (9, 99, 199)), file_format), LIMIT), 1 << 16)
    assert image.width * image.height <= (1 << 16) * 1.3
    pixel = image.getpixel((0, 0))
    assert isinstance(pixel, tuple)
    assert max(abs(a - b) for a, b in zip(pixel, (9, 99, 199), strict=True)) <= 3
