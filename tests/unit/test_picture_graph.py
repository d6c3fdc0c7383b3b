"""The picture graph beside Pillow, which ingest uses: same orientation, same colours."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageDraw, ImageOps

from flowers_tfx.model.picture_graph import exif_orientation, prepare_pictures

SIZE = 64
JPEG_ERROR = 3.0  # mean difference, of 255, between bilinear interpolation and Pillow's filter
DITHER_ERROR = 6.0  # the same, of a picture with noise in every pixel


def draw_picture(width: int = 192, height: int = 128, mode: str = "RGB") -> Image.Image:
    """A picture without any symmetry: a gradient, a bar at the top, a disc at the left."""
    ramp = np.linspace(30, 220, width * height).reshape(height, width)
    picture = Image.fromarray(np.stack([ramp, ramp[::-1], np.full_like(ramp, 90)], -1).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    draw.rectangle([0, 0, width, height // 5], fill=(250, 240, 20))
    draw.ellipse([width // 16, height // 3, width // 4, height // 3 + width // 4], fill=(200, 20, 160))
    return picture.convert(mode)


def encoded(picture: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **({"quality": 95, "subsampling": 0} if kind == "JPEG" else {}), **options)
    return out.getvalue()


def exif_block(orientation: int, order: str = "<", kind: int = 3, entries_before: int = 2) -> bytes:
    """A TIFF block written by hand: other tags before the orientation, a directory that does not start at once."""
    value = struct.pack(order + ("HH" if kind == 3 else "I"), *([orientation, 0] if kind == 3 else [orientation]))
    entries = [struct.pack(order + "HHI4s", 0x0100 + i, 3, 1, struct.pack(order + "HH", 6, 0)) for i in range(entries_before)]
    entries.append(struct.pack(order + "HHI4s", 0x0112, kind, 1, value))
    header = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 12) + b"gap!"
    return header + struct.pack(order + "H", len(entries)) + b"".join(entries) + struct.pack(order + "I", 0)


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def exif_segment(block: bytes) -> bytes:
    return segment(0xE1, b"Exif\x00\x00" + block)


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def graph(data: tf.Tensor) -> tf.Tensor:
    return prepare_pictures(data, SIZE)


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def orientation_graph(data: tf.Tensor) -> tf.Tensor:
    return exif_orientation(data)


def seen(*photos: bytes) -> np.ndarray:
    """What the network sees, through a graph, as in Transform and serving."""
    return np.asarray(graph(tf.constant(list(photos))))


def orientation_of(photo: bytes) -> int:
    return int(orientation_graph(tf.constant(photo)))


def by_pillow(photo: bytes) -> np.ndarray:
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(photo))).convert("RGB")
    return np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.BILINEAR))


def difference(photo: bytes) -> float:
    return float(np.abs(seen(photo)[0].astype(float) - by_pillow(photo)).mean())


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_stands_upright_as_in_pillow(orientation: int, order: str) -> None:
    photo = with_segments(encoded(draw_picture()), exif_segment(exif_block(orientation, order)))
    assert orientation_of(photo) == orientation
    assert difference(photo) < JPEG_ERROR


@pytest.mark.parametrize("order", ["<", ">"])
def test_an_orientation_written_as_a_long_is_read(order: str) -> None:
    photo = with_segments(encoded(draw_picture()), exif_segment(exif_block(6, order, kind=4)))
    assert orientation_of(photo) == 6


def test_exif_behind_other_segments_and_fill_bytes_is_found() -> None:
    others = [
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\x00<x/>"),
        segment(0xE2, b"ICC_PROFILE\x00" + b"Exif\x00\x00" * 3000),
    ]
    photo = with_segments(encoded(draw_picture()), *others, b"\xff\xff\xff", exif_segment(exif_block(8)))
    assert orientation_of(photo) == 8
    assert difference(photo) < JPEG_ERROR


def test_pillows_own_exif_is_read() -> None:
    exif = Image.Exif()
    exif[0x010F] = "A maker whose name is longer than four bytes"
    exif[0x0112] = 5
    photo = encoded(draw_picture(), exif=exif.tobytes())
    assert orientation_of(photo) == 5
    assert difference(photo) < JPEG_ERROR


@pytest.mark.parametrize(
    "block",
    [
        exif_block(0),
        exif_block(9),
        exif_block(6)[:14],
        exif_block(6)[:30],
        b"",
        b"II",
        b"\x00" * 40,
        b"II*\x00\xff\xff\xff\xff" + b"\xff" * 20,
        b"II*\x00\x08\x00\x00\x00\xff\xff" + b"\x12" * 20,
    ],
)
def test_a_broken_orientation_counts_as_none(block: bytes) -> None:
    photo = with_segments(encoded(draw_picture()), exif_segment(block))
    assert orientation_of(photo) == 1
    assert seen(photo).shape == (1, SIZE, SIZE, 3)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff\xe1",
        b"\xff" * 64,
        b"\xff\xd8" + b"\xff" * 64,
        b"\x89PNG\r\n\x1a\n",
        b"<html>" * 9,
    ],
)
def test_bytes_that_are_not_a_jpeg_have_no_orientation(data: bytes) -> None:
    assert orientation_of(data) == 1


@pytest.mark.parametrize(
    "photo",
    [
        encoded(draw_picture(mode="L")),
        encoded(draw_picture(), progressive=True),
        encoded(draw_picture(mode="RGBA"), "PNG"),
        encoded(draw_picture(mode="L"), "PNG"),
        encoded(draw_picture(width=500, height=40)),
        encoded(draw_picture(width=20, height=30)),
    ],
    ids=["gray", "progressive", "png-alpha", "png-gray", "wide", "smaller-than-the-picture"],
)
def test_every_kind_of_photo_looks_as_in_pillow(photo: bytes) -> None:
    assert difference(photo) < JPEG_ERROR


def test_a_palette_becomes_the_colours_that_pillow_shows() -> None:
    assert difference(encoded(draw_picture(mode="P"), "PNG")) < DITHER_ERROR


def test_cmyk_becomes_the_colours_that_pillow_shows() -> None:
    assert difference(encoded(draw_picture(mode="CMYK"))) < 2 * JPEG_ERROR


def test_a_transparent_png_keeps_the_colours_under_its_alpha() -> None:
    picture = draw_picture().convert("RGBA")
    picture.putalpha(Image.new("L", picture.size, 40))
    assert difference(encoded(picture, "PNG")) < JPEG_ERROR


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_photo_of_one_pixel_fills_the_picture(kind: str) -> None:
    (picture,) = seen(encoded(Image.new("RGB", (1, 1), (200, 100, 50)), kind))
    assert np.abs(picture.astype(int) - [200, 100, 50]).max() <= 2


def test_a_batch_is_its_photos_one_by_one() -> None:
    photos = [encoded(draw_picture(60 + 30 * i, 90)) for i in range(5)]
    np.testing.assert_array_equal(seen(*photos), np.concatenate([seen(photo) for photo in photos]))
    assert seen(*photos).dtype == np.uint8


def test_no_photos_give_no_pictures() -> None:
    graph = tf.function(lambda data: prepare_pictures(data, SIZE), input_signature=[tf.TensorSpec([None], tf.string)])
    assert graph(tf.constant([], tf.string)).shape == (0, SIZE, SIZE, 3)


def test_an_unreadable_photo_is_an_error() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError):
        seen(b"no picture")
