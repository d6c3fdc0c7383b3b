"""The LiteRT model beside a SavedModel: its answers, and files that are not what they should be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from flowers_tfx.artifact_files import LABELS_FILE, LITERT_FILE, LITERT_RECORD_FILE
from flowers_tfx.errors import InputError
from flowers_tfx.litert import LiteRtModel
from flowers_tfx.model.conversion import convert
from flowers_tfx.model_folder import load_litert, write_litert_record
from tests.conftest import ROOT

SIZE, CLASSES = 8, 3
WEIGHTS = np.random.default_rng(0).normal(size=(SIZE * SIZE * 3, CLASSES)).astype(np.float32) / 1000


def answer(pictures: tf.Tensor) -> dict[str, tf.Tensor]:
    features = tf.reshape(pictures, [-1, SIZE * SIZE * 3])
    return {"probabilities": tf.nn.softmax(features @ WEIGHTS), "features": features}


@pytest.fixture(scope="module")
def content() -> bytes:
    return convert(answer, [], SIZE)


@pytest.fixture
def folder(content: bytes, tmp_path: Path) -> Path:
    model = tmp_path / "1"
    (model / "assets.extra").mkdir(parents=True)
    (model / "variables").mkdir()
    (model / "saved_model.pb").write_bytes(b"a graph")
    (model / "variables" / "variables.index").write_bytes(b"weights")
    (model / LABELS_FILE).write_text("daisy\nroses\ntulips\n")
    (model / LITERT_FILE).write_bytes(content)
    write_litert_record(model, (LITERT_FILE,))
    return model


def pictures(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (number, SIZE, SIZE, 3), np.uint8)


def test_it_answers_as_the_function_that_it_was_made_from(folder: Path) -> None:
    model = load_litert(folder)
    assert model.image_size == SIZE
    assert model.outputs == {"probabilities": CLASSES, "features": SIZE * SIZE * 3}
    batch = pictures(20)
    expected = answer(tf.constant(batch, tf.float32))
    for name, values in model.run_batch(batch).items():
        np.testing.assert_allclose(values, expected[name], atol=1e-5)
    for name, values in model(batch[3]).items():
        np.testing.assert_allclose(values, expected[name][3], atol=1e-5)


def test_in_int8_it_answers_almost_the_same(tmp_path: Path, content: bytes) -> None:
    quantised = convert(answer, [], SIZE, pictures(50))
    assert quantised == convert(answer, [], SIZE, pictures(50))
    (tmp_path / "int8.tflite").write_bytes(quantised)
    model, batch = LiteRtModel(tmp_path / "int8.tflite"), pictures(50)[:20]
    answers, expected = model.run_batch(batch), answer(tf.constant(batch, tf.float32))
    assert {value.dtype for value in answers.values()} == {np.dtype(np.float32)}
    np.testing.assert_allclose(answers["probabilities"], expected["probabilities"], atol=0.03)
    np.testing.assert_allclose(answers["features"], expected["features"], atol=1.1)
    assert not np.array_equal(answers["probabilities"], expected["probabilities"])


def test_an_empty_batch_has_an_empty_answer(folder: Path) -> None:
    assert load_litert(folder).run_batch(pictures(1)[:0])["probabilities"].shape == (0, CLASSES)


def test_threads_share_a_model(folder: Path) -> None:
    model, batch = load_litert(folder), pictures(200)
    with ThreadPoolExecutor(8) as pool:
        rows = [row["probabilities"] for row in pool.map(model, batch)]
    np.testing.assert_allclose(rows, answer(tf.constant(batch, tf.float32))["probabilities"], atol=1e-5)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (LITERT_FILE, lambda data: data[: len(data) // 2], "is damaged"),
        (LITERT_FILE, lambda data: data[:-1] + bytes([data[-1] ^ 1]), "is damaged"),
        (LITERT_FILE, None, "model.tflite is missing"),
        (LITERT_RECORD_FILE, None, "litert.json is missing"),
        (LITERT_RECORD_FILE, lambda data: b"{", "litert.json is damaged"),
        (LITERT_RECORD_FILE, lambda data: b"[]", "litert.json is damaged"),
        (LITERT_RECORD_FILE, lambda data: b"[" * 200_000, "litert.json is damaged"),
        (LITERT_RECORD_FILE, lambda data: b"\xff", "litert.json is damaged"),
        ("saved_model.pb", lambda data: b"another graph", "does not belong to the SavedModel"),
        ("variables/variables.index", lambda data: b"other weights", "does not belong to the SavedModel"),
        ("saved_model.pb", None, "saved_model.pb is missing"),
        (LABELS_FILE, lambda data: b"daisy\nroses\n", "does not answer with 2 probabilities"),
        (LABELS_FILE, None, "is not a model of this program"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused(folder: Path, name: str, change: object, message: str) -> None:
    path = folder / name
    if callable(change):
        path.write_bytes(change(path.read_bytes()))
    else:
        path.unlink()
    with pytest.raises(InputError, match=message) as refusal:
        load_litert(folder)
    assert str(folder) in str(refusal.value)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_not_a_file_in_the_place_of_the_model_is_named(folder: Path, make: Callable[[Path], None]) -> None:
    (folder / LITERT_FILE).unlink()
    make(folder / LITERT_FILE)
    with pytest.raises(InputError, match=r"model\.tflite is not a file"):
        load_litert(folder)


def test_what_a_system_puts_among_the_variables_changes_nothing(folder: Path) -> None:
    (folder / "variables" / ".DS_Store").write_bytes(b"x")
    (folder / "variables" / "lost+found").mkdir()
    assert load_litert(folder).image_size == SIZE


@pytest.mark.parametrize("data", [b"", b"x", b"TFL3" * 100, b"\x1c\0\0\0TFL3" + b"\0" * 200], ids=["empty", "x", "magic", "zeros"])
def test_a_file_that_is_not_a_model_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"model\.tflite"):
        LiteRtModel(path)


def test_a_network_for_other_inputs_is_refused(tmp_path: Path) -> None:
    spec = [tf.TensorSpec([1, 4], tf.float32)]
    module = tf.Module()
    module.f = tf.function(lambda x: {"probabilities": x * 2}, input_signature=spec)
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures={"serving_default": module.f})
    path = tmp_path / "model.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved")).convert())
    with pytest.raises(InputError, match="is not a LiteRT model of this program"):
        LiteRtModel(path)


def test_nothing_but_numpy_is_loaded_and_nothing_is_printed(folder: Path) -> None:
    program = f"""
import sys, json, numpy
from pathlib import Path
from flowers_tfx.model_folder import load_litert
load_litert(Path({str(folder)!r})).run_batch(numpy.zeros((3, {SIZE}, {SIZE}, 3), numpy.uint8))
print(json.dumps([name for name in ("tensorflow", "keras", "tfx", "apache_beam", "pandas") if name in sys.modules]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == []
    assert done.stderr == ""


def test_an_interpreter_that_cannot_be_loaded_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    with pytest.raises(InputError, match="interpreter cannot be loaded") as refusal:
        load_litert(folder)
    assert "\n" not in str(refusal.value)


def test_an_interpreter_for_another_numpy_is_not_a_damaged_model(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "broken" / "ai_edge_litert"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('compiled for another NumPy')")
    monkeypatch.syspath_prepend(str(package.parent))
    for name in [name for name in sys.modules if name.partition(".")[0] == "ai_edge_litert"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(InputError, match="interpreter cannot be loaded: compiled for another NumPy"):
        load_litert(folder)


@pytest.mark.parametrize("state", ["no temporary folder", "stderr is closed", "stderr cannot be written to"])
def test_a_model_loads_whatever_the_state_of_stderr(folder: Path, tmp_path: Path, state: str) -> None:
    prepare = {
        "no temporary folder": "import tempfile; tempfile._candidate_tempdir_list = lambda: ['/absent']",
        "stderr is closed": "import os, sys; os.close(2); sys.stderr = None",
        "stderr cannot be written to": "import os; os.dup2(os.open(os.devnull, os.O_RDONLY), 2)",
    }[state]
    program = f"""
{prepare}
from pathlib import Path
from flowers_tfx.model_folder import load_litert
print(load_litert(Path({str(folder)!r})).image_size)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, str(SIZE)), done.stderr
    assert "Traceback" not in done.stderr
