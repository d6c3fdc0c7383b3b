"""The pictures that the parity certificate is measured on besides photos."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from flowers_tfx.data.file_headers import PNG
from flowers_tfx.data.network_picture import prepare_picture
from flowers_tfx.data.pictures import open_picture
from flowers_tfx.model.difficult_pictures import DifficultPicture, difficult_pictures

SIZE = 32
PICTURES = difficult_pictures(SIZE)
FILES = {picture.name: picture.make() for picture in PICTURES}


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_it_is_let_in_and_decoded_and_the_same_each_time(picture: DifficultPicture) -> None:
    data = picture.make()
    assert data == FILES[picture.name]
    square = prepare_picture(open_picture(data, None), SIZE)
    assert square.shape == (SIZE, SIZE, 3)
    assert picture.name.endswith("1 x 1 px") or square.min() < square.max()


def test_every_name_and_every_file_is_there_once() -> None:
    assert len(FILES) == len(PICTURES)
    assert len(set(FILES.values())) == len(PICTURES)


def test_they_are_what_their_names_promise() -> None:
    opened = {name: open_picture(data, None) for name, data in FILES.items()}
    for kind in ("JPEG, EXIF", "PNG, eXIf"):
        assert {picture.orientation for name, picture in opened.items() if name.startswith(kind)} == set(range(2, 9))
    assert opened["PNG, XMP orientation 6"].orientation == 6
    assert {picture.stored.mode for picture in opened.values()} >= {"1", "L", "LA", "P", "RGB", "RGBA", "CMYK"}
    adobe = {name: "adobe" in picture.stored.info for name, picture in opened.items() if "CMYK" in name}
    assert adobe == {"JPEG, CMYK with Adobe's marker": True, "JPEG, CMYK without Adobe's marker": False}
    # The last byte of a PNG's header, and the one with its bit depth.
    assert {(data[28], data[24]) for data in FILES.values() if data.startswith(PNG)} >= {(0, 1), (0, 8), (0, 16), (1, 8), (1, 16)}
    assert opened["JPEG, progressive"].stored.info.get("progressive")


def test_interlaced_and_16_bit_pictures_show_what_the_others_do() -> None:
    """Pillow reads what was written by hand."""
    plain = Image.open(io.BytesIO(FILES["PNG"]))
    interlaced = Image.open(io.BytesIO(FILES["PNG, RGB, 8 bit, interlaced"]))
    assert plain.tobytes() == interlaced.tobytes()
    deep = Image.open(io.BytesIO(FILES["PNG, RGB, 16 bit, interlaced"]))
    assert deep.tobytes() == Image.open(io.BytesIO(FILES["PNG, RGB, 16 bit"])).tobytes()


def test_some_are_larger_than_any_decoder_can_reduce_them() -> None:
    sizes = [open_picture(data, None).stored.size for data in FILES.values()]
    assert any(min(size) > 8 * SIZE for size in sizes)
    assert {(1, 1), (8 * SIZE + 1, 3), (3, 8 * SIZE + 1)} <= set(sizes)
    assert any(width % 2 and height % 2 for width, height in sizes)
