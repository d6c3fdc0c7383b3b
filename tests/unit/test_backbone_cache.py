"""Backbones that are converted once: what embeddings and training read them from."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pytest

from flowers_tfx.config import ModelConfig
from flowers_tfx.errors import InputError
from flowers_tfx.litert import FEATURES
from flowers_tfx.model.backbone_cache import cache_folder, load_backbone, network_name
from flowers_tfx.model.embedding import Embedder
from flowers_tfx.model.network import build_backbone
from flowers_tfx.progress import Progress, listening
from tests.conftest import ROOT
from tests.unit.photo_kinds import encode, scene

SIZE = 32


class Notices:
    def __init__(self) -> None:
        self.messages: list[str] = []

    def report(self, progress: Progress) -> None: ...

    def notify(self, message: str) -> None:
        self.messages.append(message)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelConfig:
    """MobileNetV2 0.35 with random weights from a file."""
    keras.utils.set_random_seed(7)
    path = tmp_path_factory.mktemp("weights") / "v2.weights.h5"
    keras.applications.MobileNetV2((SIZE, SIZE, 3), 0.35, include_top=False, weights=None).save_weights(path)
    return ModelConfig(image_size=SIZE, weights=str(path))


@pytest.fixture(scope="module")
def converted(model: ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("first")))
        load_backbone(model)
        (file,) = cache_folder().glob("*.tflite")
        return file.read_bytes()


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "flowers_tfx" / "backbones"


def refuse() -> bytes:
    raise AssertionError("converted although the cache has it")


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if not path.name.startswith(".")]


def test_its_features_are_those_of_the_network(model: ModelConfig, converted: bytes, cache: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), np.uint8)
    features = load_backbone(model, lambda: converted).run_batch(pictures)[FEATURES]
    np.testing.assert_allclose(features, build_backbone(model)(pictures), rtol=1e-4, atol=1e-5)


def test_a_network_is_converted_once(model: ModelConfig, converted: bytes, cache: Path) -> None:
    load_backbone(model, lambda: converted)
    load_backbone(model, refuse)
    assert len(files_in(cache)) == 1
    other_size = model.model_copy(update={"image_size": 40})
    with pytest.raises(AssertionError, match="converted although"):
        load_backbone(other_size, refuse)


def test_the_content_of_the_weights_counts_and_not_their_place(model: ModelConfig, converted: bytes, cache: Path, tmp_path: Path) -> None:
    load_backbone(model, lambda: converted)
    moved = tmp_path / "other.h5"
    moved.write_bytes(Path(model.weights).read_bytes())
    for weights in (str(moved), f"file://{moved}"):
        load_backbone(model.model_copy(update={"weights": weights}), refuse)
    moved.write_bytes(moved.read_bytes() + b"\0")
    with pytest.raises(AssertionError, match="converted although"):
        load_backbone(model.model_copy(update={"weights": str(moved)}), refuse)


@pytest.mark.parametrize("change", [lambda data: data[:1000], lambda data: data[:-1] + bytes([data[-1] ^ 1]), lambda _: b""])
def test_a_damaged_file_is_converted_again(model: ModelConfig, converted: bytes, cache: Path, change: object) -> None:
    load_backbone(model, lambda: converted)
    (file,) = cache.glob("*.tflite")
    assert callable(change)
    file.write_bytes(change(converted))
    notices = Notices()
    with listening(notices):
        load_backbone(model, lambda: converted)
    assert file.read_bytes() == converted
    assert any("is damaged" in message for message in notices.messages)


def test_several_at_once_convert_once(model: ModelConfig, converted: bytes, cache: Path) -> None:
    conversions = []

    def convert() -> bytes:
        conversions.append(1)
        time.sleep(0.3)
        return converted

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: load_backbone(model, convert), range(4)))
    assert len(conversions) == 1
    assert len(files_in(cache)) == 1


def test_a_conversion_that_fails_leaves_nothing(model: ModelConfig, cache: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.h5"
    wrong.write_bytes(b"not HDF5")
    with pytest.raises(InputError, match="is not an HDF5 file"):
        load_backbone(model.model_copy(update={"weights": str(wrong)}))
    assert files_in(cache) == []
    with pytest.raises(InputError, match="does not exist"):
        load_backbone(model.model_copy(update={"weights": f"file://{tmp_path}/nowhere.h5"}))


def test_without_a_writable_cache_it_converts_for_this_process(
    model: ModelConfig, converted: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    notices = Notices()
    with listening(notices):
        load_backbone(model, lambda: converted)
        load_backbone(model, refuse)
    (message,) = notices.messages
    assert str(tmp_path / "file") in message
    assert "for this process only" in message


def test_a_full_disk_is_no_reason_to_fail(model: ModelConfig, converted: bytes, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_bytes

    def write_or_fail(path: Path, data: bytes) -> int:
        if path.is_relative_to(cache):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", write_or_fail)
    notices = Notices()
    with listening(notices):
        assert load_backbone(model, lambda: converted).image_size == SIZE
    (message,) = notices.messages
    assert "No space left on device. Backbones are converted for this process only." in message
    assert files_in(cache) == []


def test_a_relative_cache_folder_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == tmp_path / ".cache" / "flowers_tfx" / "backbones"


def run_without_tensorflow(program: str) -> subprocess.CompletedProcess[str]:
    """Runs Python in which an import of TensorFlow or Keras fails."""
    blocked = "import sys\nfor name in ('tensorflow', 'keras'): sys.modules[name] = None\n"
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", blocked + program], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )


def test_embeddings_need_no_tensorflow_once_it_is_converted(model: ModelConfig, converted: bytes, cache: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(encode(scene()))
    (tmp_path / "photos.csv").write_text(f"{photo},daisy\n{photo},daisy\n")
    options = ("--weights", model.weights, "--set", f"model.image_size={SIZE}", "--json")
    command = ["dataset", "measure", str(tmp_path / "photos.csv"), "--out", str(tmp_path / "table.parquet"), *options]
    program = f"from flowers_tfx.cli import main\nsys.argv[1:] = {command!r}\nmain()"
    assert "lacks keras, which this command needs" in run_without_tensorflow(program).stdout

    load_backbone(model, lambda: converted)
    done = run_without_tensorflow(program)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["embedding"] == network_name(model)
    np.testing.assert_array_equal(Embedder(model)([photo.read_bytes()]).shape, (1, 1280))
