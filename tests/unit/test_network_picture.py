"""The picture that the network sees: the same, bit for bit, from Pillow and NumPy and from the TensorFlow graph."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from flowers_tfx.data.network_picture import jpeg_ratio, prepare_picture
from flowers_tfx.data.pictures import MAX_SIDE, BadPicture, open_picture
from flowers_tfx.model.picture_graph import prepare_pictures
from tests.unit import photo_kinds

SIZE = 56
# Width and height: one pixel, thin, long, odd, on both sides of every threshold of the definition.
SIDES = ((1, 1), (3, 700), (9000, 1), (55, 57), (56, 56), (111, 112), (112, 113), (223, 224), (225, 449), (448, 448), (1000, 667))


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def graph(photos: tf.Tensor) -> tf.Tensor:
    return prepare_pictures(photos, SIZE)


def of_graph(data: bytes) -> np.ndarray:
    return graph(tf.constant([data]))[0].numpy()


def of_pillow(data: bytes) -> np.ndarray:
    return prepare_picture(open_picture(data, None), SIZE)


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    channels = () if mode == "L" else (len(mode),)
    return Image.fromarray(np.random.default_rng(width * height).integers(0, 256, (height, width, *channels), np.uint8), mode)


def encoded(image: Image.Image, kind: str, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    image.save(out, kind, exif=exif)
    return out.getvalue()


@pytest.mark.parametrize("side", SIDES, ids=str)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_every_size_is_the_same_bit_for_bit(side: tuple[int, int], kind: str, mode: str) -> None:
    data = encoded(noise(*side, mode), kind, 1 + sum(side) % 8)
    assert np.array_equal(of_pillow(data), of_graph(data))


@pytest.mark.parametrize("side", [(56, 56), (130, 300), (900, 700)], ids=str)
def test_cmyk_is_the_same_bit_for_bit(side: tuple[int, int]) -> None:
    data = encoded(noise(*side, "CMYK"), "JPEG")
    assert np.array_equal(of_pillow(data), of_graph(data))


@pytest.mark.parametrize("kind", [kind for kind in photo_kinds.kinds() if not kind.refused], ids=lambda kind: kind.name)
def test_every_kind_of_file_is_the_same_bit_for_bit(kind: photo_kinds.Kind) -> None:
    data = kind.make()
    assert np.array_equal(of_pillow(data), of_graph(data))


@pytest.mark.parametrize("folder", ["flower_photos/roses", "others", "nasty"])
def test_real_photos_are_the_same_bit_for_bit(shared: Path, folder: str) -> None:
    compared = 0
    for path in sorted((shared / folder).glob("*.jpg"))[:60]:
        data = path.read_bytes()
        try:
            picture = of_pillow(data)
        except BadPicture:
            continue
        compared += 1
        assert np.array_equal(picture, of_graph(data)), path.name
    assert compared >= 5


def test_a_jpeg_is_decoded_no_smaller_than_the_network_needs() -> None:
    assert [jpeg_ratio(width, height, 224) for width, height in ((100, 100), (447, 900), (448, 448), (895, 2000), (4000, 3000))] == [
        1,
        1,
        2,
        2,
        8,
    ]


def test_thin_lines_of_a_large_picture_become_their_mean_and_not_a_pattern() -> None:
    """Interpolation alone would pick some of the lines and leave out others."""
    lines = np.zeros((SIZE * 8, SIZE * 8, 3), np.uint8)
    lines[:, ::4] = 255
    picture = of_pillow(encoded(Image.fromarray(lines), "PNG"))
    assert picture.min() == picture.max() == 64


def test_a_small_picture_keeps_its_colours_and_corners() -> None:
    corners = Image.fromarray(np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8))
    picture = of_pillow(encoded(corners, "PNG"))
    assert [picture[row, column].tolist() for row in (0, -1) for column in (0, -1)] == [
        [255, 0, 0],
        [0, 255, 0],
        [0, 0, 255],
        [255, 255, 255],
    ]


def test_threads_do_not_share_memory() -> None:
    photos = [encoded(noise(100 + 9 * number, 130), "PNG") for number in range(24)]
    alone = [of_pillow(photo) for photo in photos]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(of_pillow, photos * 4))
    assert all(np.array_equal(*pair) for pair in zip(together, alone * 4, strict=True))


def test_a_picture_as_long_as_is_taken_is_the_same_bit_for_bit() -> None:
    data = encoded(noise(MAX_SIDE, 1, "L"), "PNG")
    assert np.array_equal(of_pillow(data), of_graph(data))
