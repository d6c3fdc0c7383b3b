"""The parity certificate: one model, asked in three ways, and models whose ways answer differently."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from flowers_tfx.artifact_files import LITERT_FILE, LITERT_INT8_FILE, LITERT_RECORD_FILE
from flowers_tfx.components.parity_validator import certify
from flowers_tfx.data.records import RecordWriter, example_bytes
from flowers_tfx.errors import ExitCode, InputError, ParityFailed, exit_code
from flowers_tfx.model.conversion import convert
from flowers_tfx.model.difficult_pictures import difficult_pictures
from flowers_tfx.model.model_ways import Answers
from flowers_tfx.model.parity import ParityMeasurement, Photo
from flowers_tfx.model.recognition import Recognition
from flowers_tfx.model.signatures import answers, export
from flowers_tfx.model.unknown_detector import Detector, Scale, fit_geometry
from flowers_tfx.model_folder import write_litert_record
from flowers_tfx.parity_certificate import (
    LIMIT,
    LITERT,
    PAIRS,
    SAVED_MODEL,
    SCORE_LIMIT,
    TENSORFLOW_FREE,
    TIE,
    Difference,
    PhotoCount,
    read_certificate,
)
from tests.conftest import small_photo

SIZE, LABELS = 16, ("daisy", "roses", "tulips")
PHOTOS = 9


@dataclass
class Network:
    """A small one whose answers depend on the colours of a picture."""

    backbone: keras.Model = field(init=False)
    head: keras.Model = field(init=False)

    def __post_init__(self) -> None:
        keras.utils.set_random_seed(3)
        pictures = keras.Input((SIZE, SIZE, 3))
        features = keras.layers.Flatten()(keras.layers.AveragePooling2D(8)(keras.layers.Rescaling(1 / 64)(pictures)))
        self.backbone = keras.Model(pictures, features)
        self.head = keras.Sequential([keras.Input((features.shape[-1],)), keras.layers.Dense(len(LABELS))])


@pytest.fixture(scope="module")
def network() -> Network:
    return Network()


@pytest.fixture(scope="module")
def exported(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "1"
    export(network, SIZE, LABELS, {}, str(folder))
    return folder


@pytest.fixture
def model(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "1"))


def write_split(folder: Path, photos: Sequence[bytes]) -> Path:
    """As ImportExampleGen writes it."""
    folder.mkdir(parents=True)
    with (folder / "data_tfrecord-00000-of-00001.gz").open("wb") as file:
        writer = RecordWriter(file)
        for number, photo in enumerate(photos):
            digest = hashlib.sha256(photo).hexdigest()
            writer.write(example_bytes({"image": photo, "digest": digest, "label": LABELS[number % 3], "uri": f"photos/{number}.jpg"}))
        writer.close()
    return folder


@pytest.fixture(scope="module")
def photos() -> list[bytes]:
    return [small_photo(number, hue=number) for number in range(PHOTOS)]


@pytest.fixture(scope="module")
def split(photos: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_split(tmp_path_factory.mktemp("examples") / "Split-test", photos)


def change_litert(model: Path, change: Callable[[bytes], bytes], file: str = LITERT_FILE, source: str = LITERT_FILE) -> None:
    """Writes another model, which the record lists: nothing but its answers is wrong."""
    (model / file).write_bytes(change((model / source).read_bytes()))
    write_litert_record(model, tuple({LITERT_FILE, file}))


def with_changed_weight(network: Network, by: float) -> Callable[[bytes], bytes]:
    """Adds `by` to the first weight of the head."""
    kernel = network.head.get_weights()[0].astype(np.float32).T.copy()
    changed = kernel.copy()
    changed[0, 0] += by

    def change(content: bytes) -> bytes:
        assert content.count(kernel.tobytes()) == 1
        return content.replace(kernel.tobytes(), changed.tobytes())

    return change


def test_one_model_gets_a_certificate(model: Path, split: Path) -> None:
    certificate = certify(model, split)
    difficult = len(difficult_pictures(SIZE))
    assert certificate.photos == {"test": PhotoCount(PHOTOS, PHOTOS), "difficult": PhotoCount(difficult, difficult)}
    assert certificate.pixels == Difference(0, None)
    assert set(certificate.probability) == set(PAIRS)
    assert all(difference.largest < TIE for difference in certificate.probability.values())
    assert certificate.int8 is None
    assert certificate.score is None
    record = json.loads((model / LITERT_RECORD_FILE).read_text())
    assert certificate.digests == {"saved_model": record["saved_model"], LITERT_FILE: record["litert"][LITERT_FILE]}
    assert set(certificate.versions) == {"tensorflow", "ai-edge-litert", "pillow"}


def test_it_reads_as_it_was_written(model: Path, split: Path) -> None:
    change_litert(model, lambda content: content, LITERT_INT8_FILE)
    certificate = certify(model, split)
    assert certificate.int8 is not None
    content = json.loads(json.dumps(certificate.as_json()))
    assert content["limit"] == LIMIT
    assert read_certificate(content) == certificate
    with pytest.raises(ValueError, match="format 2"):
        read_certificate({**content, "format": 2})


def test_one_changed_weight_fails_and_names_a_photo(model: Path, split: Path, network: Network) -> None:
    change_litert(model, with_changed_weight(network, 0.5))
    with pytest.raises(ParityFailed) as failure:
        certify(model, split)
    message = failure.value.message
    assert message.startswith(("The answers to the photo photos/", "The answers to the photo difficult: "))
    assert message.count("\n") == 0
    assert "the SavedModel gives" in message
    assert f"at most {LIMIT} of difference is allowed" in message
    assert "photos differ so" in message
    assert "tensorflow 2." in failure.value.hint
    assert exit_code(failure.value) == ExitCode.FAILED


def test_a_change_that_rounding_hides_does_not_fail(model: Path, split: Path, network: Network) -> None:
    change_litert(model, with_changed_weight(network, 1e-4))
    assert 1e-6 < certify(model, split).probability[SAVED_MODEL, LITERT].largest <= LIMIT


def test_a_model_of_another_export_is_refused_before_anything_is_compared(model: Path, split: Path, network: Network) -> None:
    (model / LITERT_FILE).write_bytes(with_changed_weight(network, 1e-3)((model / LITERT_FILE).read_bytes()))
    with pytest.raises(InputError, match="is damaged"):
        certify(model, split)


def test_a_photo_that_cannot_be_decoded_is_named(model: Path, photos: list[bytes], tmp_path: Path) -> None:
    split = write_split(tmp_path / "Split-test", [*photos[:4], photos[4][:-300], photos[5]])
    with pytest.raises(ParityFailed, match=r"photos/4\.jpg cannot be decoded") as failure:
        certify(model, split)
    assert "reject its span" in failure.value.hint


def test_of_many_photos_the_same_are_chosen_in_any_order(model: Path, photos: list[bytes], tmp_path: Path) -> None:
    found = []
    for number, order in enumerate((photos, photos[::-1])):
        split = write_split(tmp_path / str(number) / "Split-test", order)
        certificate = certify(model, split, most=4)
        assert certificate.photos["test"] == PhotoCount(4, PHOTOS)
        found.append(certificate.probability)
    largest = [{pair: difference.largest for pair, difference in probability.items()} for probability in found]
    assert largest[0] == largest[1]


def test_a_split_without_photos_leaves_the_difficult_ones(model: Path, tmp_path: Path) -> None:
    certificate = certify(model, write_split(tmp_path / "Split-test", []))
    assert certificate.photos["test"] == PhotoCount(0, 0)
    assert certificate.compared == len(difficult_pictures(SIZE))


def test_int8_is_measured_beside_float32_and_has_no_limit(model: Path, split: Path, network: Network) -> None:
    # Calibrated on dark pictures, so that light ones are far off.
    dark = np.random.default_rng(0).integers(0, 20, (8, SIZE, SIZE, 3), np.uint8)
    variables = [*network.backbone.variables, *network.head.variables]
    quantised = convert(lambda pictures: answers(network, pictures), variables, SIZE, dark)
    change_litert(model, lambda content: quantised, LITERT_INT8_FILE)
    int8 = certify(model, split).int8
    assert int8 is not None
    assert int8.photos == PHOTOS
    assert int8.probability.largest > LIMIT
    assert str(int8.probability.photo).startswith("photos/")
    assert (int8.size, int8.float_size) == (len(quantised), (model / LITERT_FILE).stat().st_size)
    assert 0 <= int8.right <= PHOTOS
    change_litert(model, lambda content: content, LITERT_INT8_FILE)
    same = certify(model, split).int8
    assert same is not None
    assert (same.agreeing, same.right, same.probability.largest) == (PHOTOS, same.float_right, 0)
    assert same.float_right == int8.float_right


# Answers that are made up, of one photo or more.
def measure(saved_model: list[list[float]], litert: list[list[float]], pixels: int = 0) -> ParityMeasurement:
    first, second = (np.array(rows, np.float32) for rows in (saved_model, litert))
    made_up = Answers(np.full(len(first), pixels), {SAVED_MODEL: first, LITERT: second, TENSORFLOW_FREE: second})
    measurement = ParityMeasurement(SimpleNamespace(ask=lambda photos: made_up, labels=LABELS, digests={}, sizes={}), {"test": len(first)})
    measurement.add("test", [Photo(f"{number}.jpg", b"") for number in range(len(first))])
    return measurement


def test_another_top_class_fails_however_small_the_difference() -> None:
    with pytest.raises(ParityFailed, match=r"0\.jpg differ: the SavedModel answers daisy .*roses"):
        measure([[0.4003, 0.4, 0.1997]], [[0.4, 0.4003, 0.1997]]).certificate()


def test_equally_probable_classes_are_a_tie() -> None:
    tied = measure([[0.400001, 0.4, 0.199999], [0.9, 0.05, 0.05]], [[0.4, 0.400001, 0.199999], [0.9, 0.05, 0.05]]).certificate()
    assert tied.ties == 1
    assert tied.probability[SAVED_MODEL, LITERT].photo == "0.jpg"


@pytest.mark.parametrize(("difference", "passes"), [(0.0049, True), (0.0051, False)])
def test_the_limit(difference: float, passes: bool) -> None:
    measurement = measure([[0.6, 0.3, 0.1]], [[0.6 + difference, 0.3 - difference, 0.1]], pixels=2)
    if passes:
        certificate = measurement.certificate()
        assert certificate.pixels == Difference(2, "0.jpg")
        assert certificate.probability[LITERT, TENSORFLOW_FREE] == Difference()
        return
    with pytest.raises(ParityFailed, match=r"the SavedModel gives .* a probability of 0\."):
        measurement.certificate()


def test_the_photo_with_the_largest_difference_is_named() -> None:
    with pytest.raises(ParityFailed, match=r"1\.jpg differ: .*; 2 of 3 photos differ so\."):
        measure([[0.6, 0.3, 0.1]] * 3, [[0.61, 0.29, 0.1], [0.1, 0.3, 0.6], [0.6, 0.3, 0.1]]).certificate()


def measure_scores(saved_model: list[float], litert: list[float], known: list[bool] | None = None) -> ParityMeasurement:
    """Of photos with the same probabilities; `known` by the SavedModel, from its score by default."""
    first, second = np.array(saved_model, np.float32), np.array(litert, np.float32)
    probabilities = np.full((len(first), 3), [0.6, 0.3, 0.1], np.float32)
    ways = (SAVED_MODEL, LITERT, TENSORFLOW_FREE)
    made_up = Answers(
        np.zeros(len(first), np.int64),
        dict.fromkeys(ways, probabilities),
        scores={SAVED_MODEL: first, LITERT: second, TENSORFLOW_FREE: second},
        known={SAVED_MODEL: first <= 1 if known is None else np.array(known), LITERT: second <= 1, TENSORFLOW_FREE: second <= 1},
    )
    measurement = ParityMeasurement(SimpleNamespace(ask=lambda photos: made_up, labels=LABELS, digests={}, sizes={}), {"test": len(first)})
    measurement.add("test", [Photo(f"{number}.jpg", b"") for number in range(len(first))])
    return measurement


def test_scores_are_compared_and_a_photo_at_the_limit_is_a_tie() -> None:
    certificate = measure_scores([0.2, 1.0005, 40.0], [0.205, 0.9995, 40.2]).certificate()
    assert certificate.score is not None
    assert certificate.score[SAVED_MODEL, LITERT].largest == pytest.approx(0.005, abs=1e-4)
    assert certificate.score[LITERT, TENSORFLOW_FREE] == Difference()
    assert read_certificate(json.loads(json.dumps(certificate.as_json()))) == certificate


@pytest.mark.parametrize(
    ("saved_model", "litert", "known"), [(0.7, 0.72, None), (0.5, 0.5, False), (float("nan"), 0.5, True)], ids=["score", "known", "none"]
)
def test_another_score_or_verdict_fails(saved_model: float, litert: float, known: bool | None) -> None:
    with pytest.raises(ParityFailed, match=r"1\.jpg differ: the SavedModel gives a score of"):
        measure_scores([0.5, saved_model], [0.5, litert], None if known is None else [True, known]).certificate()


def test_a_model_with_a_detector_gets_a_certificate_with_scores(network: Network, split: Path, tmp_path: Path) -> None:
    features = np.random.default_rng(0).random((40, network.backbone.output_shape[1])).astype(np.float32) * 4
    detector = Detector(fit_geometry(features, np.arange(40) % 3), ((0.1, 0.05), (10.0, 5.0)), Scale(0.0, 2.0), Scale(0.0, 4.0))
    export(network, SIZE, LABELS, {}, str(tmp_path / "1"), recognition=Recognition(0.7, detector, {}))
    certificate = certify(tmp_path / "1", split)
    assert certificate.score is not None
    assert 0 < max(difference.largest for difference in certificate.score.values()) < SCORE_LIMIT


def test_a_probability_that_is_not_a_number_fails() -> None:
    nan = float("nan")
    with pytest.raises(ParityFailed, match=r"0\.jpg"):
        measure([[nan, nan, nan]], [[nan, nan, nan]]).certificate()
