"""`flowers predict`: its rows, the engines behind it, and what it does with models and photos that are not as they should be."""

from __future__ import annotations

import errno
import io
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowers_tfx import cli
from flowers_tfx.artifact_files import LABELS_FILE, LITERT_FILE, LITERT_RECORD_FILE
from flowers_tfx.data.pictures import BadPicture
from flowers_tfx.inference.answer import Unreadable
from flowers_tfx.inference.engines import EngineName, LiteRtEngine
from flowers_tfx.inference.prediction import photo_files
from flowers_tfx.inference.predictor import Prediction, Predictor
from flowers_tfx.model.signatures import export
from flowers_tfx.registry import publish
from tests.conftest import ROOT, small_photo
from tests.unit import photo_kinds
from tests.unit.buckets import FakeStore
from tests.unit.small_network import LABELS, SIZE, SmallNetwork

LIMIT = 50_000_000
ENGINES: tuple[EngineName, ...] = ("litert", "savedmodel")
KEYS = {"file", "label", "probability", "probabilities", "known", "why", "score", "model_version"}
# Libraries that take longer to load than a prediction does.
HEAVY = ("tensorflow", "keras", "tfx", "apache_beam", "pandas", "pyarrow", "sklearn", "matplotlib", "boto3", "google.auth")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with two versions."""
    registry = tmp_path_factory.mktemp("registry")
    for version in (1, 2):
        export(SmallNetwork(version), SIZE, LABELS, {}, str(registry / str(version)))
    return registry


@pytest.fixture
def registry(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "registry"))


@pytest.fixture(scope="module")
def predictors(exported: Path) -> dict[str, Predictor]:
    return {engine: Predictor(exported / "2", LIMIT, engine) for engine in ENGINES}


def predict(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> Any:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["predict", *map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    assert (stopped.value.code or 0, err) == (code, ""), out
    return json.loads(out)


def large_photo() -> bytes:
    """49.9 megapixels."""
    out = io.BytesIO()
    photo_kinds.scene().resize((7680, 6500)).save(out, "JPEG", quality=80)
    return out.getvalue()


def test_a_folder_stands_for_its_photos_without_what_systems_put_among_them(tmp_path: Path) -> None:
    hidden = ("._rose.jpg", ".trash/c.jpg", ".ipynb_checkpoints/rose-checkpoint.jpg", "deep/__MACOSX/b.jpg")
    for name in ("rose.jpg", "deep/b.PNG", "notes.txt", *hidden):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert photo_files(tmp_path) == [tmp_path / "deep" / "b.PNG", tmp_path / "rose.jpg"]
    # One that is named is meant, and so is a folder, wherever it lies.
    assert photo_files(tmp_path / "._rose.jpg") == [tmp_path / "._rose.jpg"]
    assert photo_files(tmp_path / ".trash") == [tmp_path / ".trash" / "c.jpg"]


def test_one_photo_needs_no_heavy_library(exported: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(small_photo(1))
    program = f"""
import atexit, sys
from flowers_tfx.cli import main
atexit.register(lambda: print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr))
main(["predict", {str(photo)!r}, "--set", "registry={exported}"])
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{photo}: ")
    assert done.stderr == f"1 files, 0 unreadable, model version 2: {exported / '2'}\n[]\n"


@pytest.mark.parametrize(
    "photo",
    [
        small_photo(3),
        photo_kinds.jpeg_with_exif(photo_kinds.scene(), 6),
        photo_kinds.png_with_exif(photo_kinds.scene(), 8),
        *(kind.make() for kind in photo_kinds.kinds() if kind.name in ("JPEG, YCCK", "PNG, palette, 4 bit", "PNG, gray, 16 bit")),
        large_photo(),
    ],
    ids=["small", "turned JPEG", "turned PNG", "inks", "gray PNG", "palette PNG", "50 megapixels"],
)
def test_the_engines_answer_alike(predictors: dict[str, Predictor], photo: bytes) -> None:
    fast, slow = (next(iter(predictors[engine].predict([photo]))) for engine in ENGINES)
    assert isinstance(fast, Prediction)
    assert isinstance(slow, Prediction)
    assert fast.label == slow.label
    assert fast.probabilities == pytest.approx(slow.probabilities, abs=1e-5)
    assert fast.probability == max(fast.probabilities.values()) == fast.probabilities[fast.label]


@pytest.mark.parametrize("engine", ENGINES)
def test_each_file_has_its_row_in_order(registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], engine: EngineName) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number:02d}.jpg").write_bytes(small_photo(number, hue=number))
    whole = photo_kinds.jpeg_with_exif(photo_kinds.scene(), 1)
    (folder / "40.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "41.jpg").write_bytes(b"<html>")
    os.mkfifo(tmp_path / "pipe.jpg")
    named = [tmp_path / "pipe.jpg", tmp_path / "absent.jpg", folder / "07.jpg"]
    rows = predict(capsys, folder, *named, "--engine", engine, "--set", f"registry={registry}")
    assert [row["file"] for row in rows] == [str(file) for file in [*sorted(folder.iterdir()), *named]]
    assert {**rows[44], "file": ""} == {**rows[7], "file": ""}
    assert all(set(row) == KEYS for row in rows[:40])
    assert {row["model_version"] for row in rows[:40]} == {"2"}
    assert [row["error"] for row in rows[40:44]] == [
        "truncated or damaged: Truncated File Read",
        "not a picture",
        "not a regular file",
        "no such file or directory",
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_to_a_model_without_a_detector_everything_is_known(
    registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], engine: EngineName
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(small_photo(1))
    (row,) = predict(capsys, photo, "--engine", engine, "--model", registry)
    assert (row["known"], row["why"], row["score"]) == (True, None, None)


def test_a_picture_can_be_prepared_first_and_answered_later(exported: Path, predictors: dict[str, Predictor]) -> None:
    engine = LiteRtEngine(exported / "2", LIMIT)
    picture = engine.prepare(small_photo(2))
    assert (picture.shape, picture.dtype) == ((SIZE, SIZE, 3), np.uint8)
    answer = engine.answer_picture(picture)
    (prediction,) = predictors["litert"].predict([small_photo(2)])
    assert isinstance(prediction, Prediction)
    assert dict(zip(engine.labels, answer.probabilities.tolist(), strict=True)) == prediction.probabilities
    with pytest.raises(BadPicture, match="not a picture"):
        engine.prepare(b"<html>")


@pytest.mark.parametrize("engine", ENGINES)
def test_only_a_few_photos_are_read_ahead(predictors: dict[str, Predictor], engine: EngineName) -> None:
    endless = itertools.repeat(small_photo(4))
    results = list(itertools.islice(predictors[engine].predict(endless), 3))
    assert len(results) == 3
    assert results[0] == results[2]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_file_that_changes_meanwhile_is_named_or_answered(predictors: dict[str, Predictor], tmp_path: Path, engine: EngineName) -> None:
    first, second, third = (tmp_path / f"{number}.jpg" for number in range(3))
    for file in (first, second, third):
        file.write_bytes(small_photo(5))

    def photos() -> Iterator[Path]:
        yield first
        second.unlink()
        yield second
        third.write_bytes(small_photo(5)[:200])
        yield third

    whole, gone, cut = predictors[engine].predict(photos())
    assert isinstance(whole, Prediction)
    assert gone == Unreadable("no such file or directory")
    assert isinstance(cut, Unreadable)
    assert cut.reason.startswith("truncated or damaged")


def test_limits_of_pixels_and_bytes_hold(exported: Path, tmp_path: Path) -> None:
    file = tmp_path / "padded.jpg"
    file.write_bytes(small_photo(6) + bytes(1 << 21))
    few = Predictor(exported / "2", 100)
    many, long = few.predict([small_photo(6), file])
    assert many == Unreadable("48x40 is 0.00192 megapixels, the limit is 0.0001")
    assert long == Unreadable("more than 1 MB of file, the limit")


def test_a_version_or_a_registry_can_be_named(registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(small_photo(7))
    assert predict(capsys, photo, "--model", registry)[0]["model_version"] == "2"
    old, new = (predict(capsys, photo, "--model", registry / version)[0] for version in "12")
    assert (old["model_version"], new["model_version"]) == ("1", "2")
    assert old["probabilities"] != new["probabilities"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_model_in_a_bucket_answers(
    store: FakeStore, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], engine: EngineName
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(small_photo(11))
    pushed = publish(exported / "1", "s3://bucket/registry", "fingerprint", (), "id")
    (row,) = predict(capsys, photo, "--set", "registry=s3://bucket/registry", "--engine", engine)
    (local,) = predict(capsys, photo, "--model", exported / "1", "--engine", engine)
    assert row == {**local, "model_version": str(pushed.version)}


def corrupt(version: Path) -> None:
    content = bytearray((version / LITERT_FILE).read_bytes())
    content[len(content) // 2] ^= 255
    (version / LITERT_FILE).write_bytes(content)


def take_from_another_version(version: Path) -> None:
    for name in (LITERT_FILE, LITERT_RECORD_FILE):
        shutil.copy(version.parent / "1" / name, version / name)


def make_old(version: Path) -> None:
    """As versions were before they had a LiteRT model."""
    for name in (LITERT_FILE, LITERT_RECORD_FILE):
        (version / name).unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (corrupt, "model.tflite is damaged"),
        (take_from_another_version, "model.tflite does not belong to the SavedModel beside it"),
        (lambda version: (version / LITERT_FILE).unlink(), "model.tflite is missing"),
        (make_old, "has no LiteRT model"),
    ],
    ids=["corrupt", "of another version", "missing", "old version"],
)
def test_without_a_litert_model_only_the_savedmodel_that_is_asked_for_answers(
    registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Any, message: str
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(small_photo(8))
    spoil(registry / "2")
    error = predict(capsys, photo, "--model", registry, code=2)
    assert message in error["error"]
    assert str(registry / "2") in error["error"]
    assert "--engine savedmodel" in error["hint"]
    assert predict(capsys, photo, "--model", registry, "--engine", "savedmodel")[0]["model_version"] == "2"


def test_without_the_interpreter_the_savedmodel_can_be_asked(
    registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(small_photo(9))
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    error = predict(capsys, photo, "--model", registry, code=2)
    assert "interpreter cannot be loaded" in error["error"]
    assert "--engine savedmodel" in error["hint"]


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_not_a_model_is_refused_by_each_engine(
    registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], engine: EngineName
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(small_photo(10))
    (registry / "2" / "saved_model.pb").write_bytes(b"not a graph")
    assert str(registry / "2") in predict(capsys, photo, "--model", registry, "--engine", engine, code=2)["error"]
    shutil.rmtree(registry / "2" / "assets.extra")
    error = predict(capsys, photo, "--model", registry, "--engine", engine, code=2)
    assert "is not a model of this program" in error["error"]
    assert "--model" in error["hint"]


def add_a_class(version: Path) -> None:
    with (version / LABELS_FILE).open("a") as labels:
        labels.write("oak\n")


def cut_variables(version: Path) -> None:
    (data,) = (version / "variables").glob("variables.data-*")
    os.truncate(data, data.stat().st_size // 2)


@pytest.mark.parametrize(
    ("spoil", "message"), [(add_a_class, "does not answer with 4 probabilities"), (cut_variables, "is not a model of this program")]
)
def test_a_damaged_savedmodel_is_one_sentence(
    registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Any, message: str
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(small_photo(12))
    spoil(registry / "2")
    assert message in predict(capsys, photo, "--model", registry, "--engine", "savedmodel", code=2)["error"]


def test_no_temporary_folder_is_needed(exported: Path, tmp_path: Path) -> None:
    """Containers often have a read-only disk."""
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(small_photo(13))
    program = f"""
import tempfile
tempfile._candidate_tempdir_list = lambda: ["/absent"]
from flowers_tfx.cli import main
main(["predict", {str(photo)!r}, "--model", {str(exported)!r}])
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert str(photo) in done.stdout


def test_a_path_that_the_system_refuses_is_one_row_or_one_sentence(
    registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo, refused = tmp_path / "photo.jpg", tmp_path / ("x" * 300 + ".jpg")
    photo.write_bytes(small_photo(14))
    rows = predict(capsys, refused, photo, "--model", registry)
    assert rows[0] == {"file": str(refused), "error": "file name too long"}
    assert "label" in rows[1]
    assert predict(capsys, photo, "--model", refused, code=2)["error"] == f"No model can be read from {refused}: File name too long."
    assert "File name too long" in predict(capsys, photo, "--set", f"registry={refused}", code=2)["error"]


def test_a_model_that_vanishes_from_its_bucket_is_one_sentence(
    store: FakeStore, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(small_photo(15))
    publish(exported / "1", "s3://bucket/registry", "fingerprint", (), "id")

    def vanish(*_: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr("flowers_tfx.storage.fetch", vanish)
    error = predict(capsys, photo, "--set", "registry=s3://bucket/registry", code=2)["error"]
    assert error == "No model can be read from s3://bucket/registry: No such file or directory."


def test_no_photo_and_no_readable_photo_are_bad_input(registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert "contains no photos" in predict(capsys, tmp_path / "empty", "--model", registry, code=2)["error"]
    assert [set(row) for row in predict(capsys, tmp_path / "absent.jpg", "--model", registry, code=2)] == [{"file", "error"}]


def test_ctrl_c_ends_it_with_one_word(exported: Path, tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / f"{number}.jpg").write_bytes(small_photo(number))
    program = f"""
import os, sys, time
from flowers_tfx import litert
answer = litert.LiteRtModel.__call__
def slowly(model, picture):
    os.write(1, b"started\\n")
    time.sleep(0.1)
    return answer(model, picture)
litert.LiteRtModel.__call__ = slowly
from flowers_tfx.cli import main
main(["predict", {str(tmp_path)!r}, "--model", {str(exported)!r}])
"""
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err.strip() == "Error: Interrupted."
    assert str(tmp_path) not in out
