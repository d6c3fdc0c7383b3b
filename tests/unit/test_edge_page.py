"""The program that docs/edge.md prints: it makes the same pictures and gives the same answers as ours."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from flowers_tfx.data.network_picture import prepare_picture
from flowers_tfx.data.pictures import open_picture
from flowers_tfx.litert import LiteRtModel
from flowers_tfx.model.conversion import convert
from tests.conftest import ROOT
from tests.unit.photo_kinds import encode, jpeg_with_exif, png_with_exif

SIZE = 24


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "edge.md").read_text(encoding="utf-8"), re.S)
    path = tmp_path_factory.mktemp("edge") / "classify.py"
    path.write_text(code, encoding="utf-8")
    return path


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    image = Image.fromarray(np.random.default_rng(width * height).integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), np.uint8))
    return image.resize((width, height)).convert(mode)


PHOTOS = {
    "small.jpg": encode(noise(17, 30)),
    "exact.png": encode(noise(SIZE, SIZE), "PNG"),
    "wide.jpg": encode(noise(400, 60)),
    "large.jpg": encode(noise(301, 449)),
    "large.png": encode(noise(301, 449), "PNG"),
    "grey.jpg": encode(noise(90, 70, "L")),
    **{f"turned{number}.jpg": jpeg_with_exif(noise(130, 97), number) for number in range(1, 9)},
    "turned.png": png_with_exif(noise(130, 97), 6),
}


@pytest.mark.parametrize("name", PHOTOS)
def test_its_pictures_are_those_of_the_network(program: Path, tmp_path: Path, name: str) -> None:
    namespace: dict[str, object] = {"__name__": "classify"}
    exec(compile(program.read_text(encoding="utf-8"), str(program), "exec"), namespace)
    path = tmp_path / name
    path.write_bytes(PHOTOS[name])
    make = namespace["network_picture"]
    assert callable(make)
    np.testing.assert_array_equal(make(path, SIZE), prepare_picture(open_picture(PHOTOS[name], None), SIZE))


def test_it_prints_the_class_of_each_photo(program: Path, tmp_path: Path) -> None:
    weights = np.random.default_rng(0).normal(0, 1e-3, (SIZE * SIZE * 3, 3)).astype(np.float32)
    content = convert(lambda pictures: {"probabilities": tf.nn.softmax(tf.reshape(pictures, [-1, SIZE * SIZE * 3]) @ weights)}, [], SIZE)
    (tmp_path / "model.tflite").write_bytes(content)
    labels = ["daisy", "roses", "tulips"]
    (tmp_path / "labels.txt").write_text("\n".join(labels) + "\n")
    model, expected = LiteRtModel(tmp_path / "model.tflite"), []
    for name, data in PHOTOS.items():
        (tmp_path / name).write_bytes(data)
        probabilities = model(prepare_picture(open_picture(data, None), SIZE))["probabilities"]
        expected.append(f"{tmp_path / name} {labels[probabilities.argmax()]} {probabilities.max():.6f}")
    command = [sys.executable, str(program), str(tmp_path), *(str(tmp_path / name) for name in PHOTOS)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines() == expected
