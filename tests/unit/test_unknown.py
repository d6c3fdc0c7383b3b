"""`not a flower that the model knows`: the rule by numbers, its limits, the temperature, tiny data, and the same answer in all forms."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from flowers_tfx import cli
from flowers_tfx.config.training import TrainingConfig
from flowers_tfx.config.unknown import UnknownConfig
from flowers_tfx.inference.answer import answer_of
from flowers_tfx.inference.engines import EngineName
from flowers_tfx.inference.predictor import Prediction, Predictor
from flowers_tfx.model.recognition import Recognition
from flowers_tfx.model.signatures import export
from flowers_tfx.model.splits import SplitSource
from flowers_tfx.model.temperature import calibration_error, fit_temperature
from flowers_tfx.model.training import HEAD
from flowers_tfx.model.unknown_detector import Detector, Geometry, Scale, doubt, fit_geometry, joint_score, unit_features
from flowers_tfx.model.unknown_fit import fit_recognition
from flowers_tfx.model.unknown_folds import assign_folds, logits_without_own_fold
from flowers_tfx.model.unknown_limits import fit_limits
from tests.conftest import small_photo

SIZE, LABELS, LIMIT = 32, ("daisy", "roses", "tulips"), 50_000_000
ENGINES: tuple[EngineName, ...] = ("litert", "savedmodel")


class SmallNetwork:
    """Features are mean colours of the quarters of a picture."""

    def __init__(self, seed: int = 0) -> None:
        keras.utils.set_random_seed(seed)
        pictures = keras.Input((SIZE, SIZE, 3))
        quarters = keras.layers.Flatten()(keras.layers.AveragePooling2D(SIZE // 2)(keras.layers.Rescaling(1 / 255)(pictures)))
        self.backbone = keras.Model(pictures, quarters)
        self.head = keras.Sequential([keras.Input((12,)), keras.layers.Dense(len(LABELS))])


def colours(number: int, seed: int = 0, classes: int = len(LABELS)) -> SplitSource:
    """Pictures of a class have one colour, with noise."""
    random = np.random.default_rng(seed)
    labels = np.arange(number) % classes
    pictures = np.full((number, SIZE, SIZE, 3), 30.0)
    pictures[np.arange(number), :, :, labels] = 200
    pictures += random.normal(0, 15, (number, 1, 1, 3)) + random.normal(0, 15, pictures.shape)
    data = np.clip(pictures, 0, 255).astype(np.uint8)
    return SplitSource(number, lambda: tf.data.Dataset.from_tensor_slices((data, labels)))


def half_white() -> bytes:
    picture = Image.new("RGB", (SIZE, SIZE))
    picture.paste((255, 255, 255), (0, 0, SIZE, SIZE // 2))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def recognise(train: SplitSource, eval_set: SplitSource, stage: str = HEAD, **unknown: Any) -> tuple[Any, Recognition]:
    network = SmallNetwork()
    result = SimpleNamespace(network=network, backbone_trained=stage != HEAD, head_epochs=2)
    return network, fit_recognition(result, TrainingConfig(), UnknownConfig(**unknown), train, eval_set)  # type: ignore[arg-type]


def verdicts(network: Any, recognition: Recognition, pictures: Any) -> dict[str, np.ndarray]:
    assert recognition.detector is not None
    features = network.backbone(np.asarray(pictures, np.float32))
    outputs = recognition.detector.outputs(features, network.head(features) / recognition.temperature)
    return {name: values.numpy() for name, values in outputs.items()}


def test_features_keep_signs_and_become_unit_vectors_of_their_powers() -> None:
    np.testing.assert_allclose(unit_features([[16.0, -1.0, 0.0]]), [[8 / 65**0.5, -1 / 65**0.5, 0]], rtol=1e-5)
    np.testing.assert_array_equal(unit_features([[0.0, 0.0]]), [[0, 0]])


def test_distances_by_hand() -> None:
    geometry = Geometry(
        basis=np.eye(3, 2, dtype=np.float32),
        bank=np.array([[1, 0], [0, 1]], np.float32),
        means=np.array([[1, 0]], np.float32),
        whitening=np.diag([2.0, 3.0]).astype(np.float32),
        residual=5.0,
    )
    nearest, mahalanobis = (values.numpy() for values in geometry.distances([[7.0, 0, 0], [0, 0, 7.0]]))
    np.testing.assert_allclose(nearest, [0.5, 1], atol=1e-5)  # the mean over both photos of the bank
    np.testing.assert_allclose(mahalanobis, [0, 4 + 5], atol=1e-5)  # whitened distance of 2 to the class, and all of it outside


def test_the_geometry_keeps_lengths_inside_its_basis() -> None:
    random = np.random.default_rng(0)
    features = random.random((30, 6)).astype(np.float32)
    geometry = fit_geometry(features, np.arange(30) % 3)
    np.testing.assert_allclose(geometry.basis.T @ geometry.basis, np.eye(6), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(geometry.bank, axis=1), 1, atol=1e-5)
    near, _ = geometry.distances(features[:5])
    away, _ = geometry.distances(-features[:5])
    assert near.numpy().max() < 1 < away.numpy().min()


def test_doubt_grows_with_even_and_with_low_logits() -> None:
    sure, even, low = doubt([[6.0, 0, 0], [6.0, 6.0, 0], [1.0, -5.0, -5.0]]).numpy()
    assert sure < even
    assert sure < low
    np.testing.assert_allclose(even, -6 + 2 * np.log(2 + np.exp(-6)), rtol=1e-5)


@pytest.mark.parametrize(
    ("far", "unsure", "score"),
    [(0, 0, 0), (0.5, 0, 0.5), (0.5, 0.5, 0.75), (1, -3, 1), (2.5, 0.9, 2.5), (0.2, 1.5, 1.5), (-1, 0.5, 0)],
)
def test_one_score_from_two(far: float, unsure: float, score: float) -> None:
    assert joint_score(tf.constant(float(far)), tf.constant(float(unsure))).numpy() == pytest.approx(score, abs=1e-6)


def test_the_score_has_no_step_at_the_limit() -> None:
    below, above = (joint_score(tf.constant(far), tf.constant(0.3)).numpy() for far in (1 - 1e-5, 1 + 1e-5))
    assert abs(below - above) < 1e-4


@pytest.mark.parametrize(("number", "refused"), [(99, 0.05), (999, 0.05), (499, 0.2)])
def test_the_stated_share_is_refused_and_of_new_photos_as_many(number: int, refused: float) -> None:
    random = np.random.default_rng(number)
    shares = []
    for _ in range(200):
        distances, doubts = random.normal(size=(2, number))
        limits = fit_limits(distances, doubts, refused)
        over = np.maximum(limits.far(distances), limits.unsure(doubts)) > 1 + 1e-9  # rounding
        assert over.sum() == round((number + 1) * refused) - 1
        fresh = random.normal(size=(2, 20_000))
        shares.append((np.maximum(limits.far(fresh[0]), limits.unsure(fresh[1])) > 1).mean())
    assert limits.share == pytest.approx(refused)
    # The scales of the two questions come from the same photos, hence a little more than the share.
    assert np.mean(shares) == pytest.approx(refused, abs=0.008)
    inside = np.mean([limits.interval[0] <= share <= limits.interval[1] for share in shares])
    assert inside > 0.88


def test_the_interval_says_how_little_a_few_photos_say() -> None:
    few, many = (fit_limits(np.arange(n, dtype=np.float32), np.arange(n, dtype=np.float32), 0.05) for n in (6, 2000))
    assert few.share == pytest.approx(1 / 7)
    assert few.interval == pytest.approx((0.0042, 0.4593), abs=1e-3)  # Beta(1, 6)
    assert many.interval == pytest.approx((0.0410, 0.0600), abs=1e-3)  # Beta(100, 1901)


@pytest.mark.parametrize(("number", "refused"), [(4, 0.05), (200, 0.0)])
def test_nothing_is_refused_where_nothing_may_or_too_few_decide(number: int, refused: float) -> None:
    values = np.random.default_rng(1).normal(size=number)
    limits = fit_limits(values, values, refused)
    assert (limits.share, limits.interval) == (0, (0, 0))
    assert np.max(limits.far(np.array([1e6]))) == 1


def test_a_temperature_makes_overconfident_logits_as_often_right_as_they_say() -> None:
    random = np.random.default_rng(2)
    truth = random.normal(size=(3000, 4)) * 2
    probabilities = np.exp(truth) / np.exp(truth).sum(axis=1, keepdims=True)
    labels = np.array([random.choice(4, p=row) for row in probabilities])
    logits = (3 * truth).astype(np.float32)
    temperature = fit_temperature(logits, labels)
    assert temperature == pytest.approx(3, rel=0.1)
    assert calibration_error(logits / temperature, labels) < 0.3 * calibration_error(logits, labels)


def test_a_few_photos_that_are_all_right_move_the_temperature_little() -> None:
    logits = np.eye(3, dtype=np.float32) * 4
    assert 0.5 < fit_temperature(logits, np.arange(3)) < 1
    assert fit_temperature(np.zeros((0, 3), np.float32), np.zeros(0, np.int64)) == pytest.approx(1)


def test_calibration_error_by_hand() -> None:
    logits = np.log(np.array([[0.95, 0.05], [0.95, 0.05], [0.65, 0.35]], np.float32))
    # Of two photos at 0.95 one is right; the one at 0.65 is right.
    assert calibration_error(logits, np.array([0, 1, 0])) == pytest.approx((abs(1.9 - 1) + 0.35) / 3, abs=1e-5)


def test_no_photo_is_asked_about_by_a_head_that_trained_on_it() -> None:
    random = np.random.default_rng(3)
    features = random.random((60, 200)).astype(np.float32)
    labels = random.integers(0, 2, 60)  # nothing to learn but the photos themselves
    folds = assign_folds(labels, seed=0)
    assert set(np.bincount(folds)) == {2}
    settings = TrainingConfig(head_learning_rate=0.01, dropout=0, label_smoothing=0)
    logits = logits_without_own_fold(features, labels, 2, folds, settings, epochs=60)
    assert (logits.argmax(axis=1) == labels).mean() < 0.75
    own = logits_without_own_fold(features, labels, 2, (folds + 1) % (folds.max() + 1), settings, epochs=60)
    assert (own.argmax(axis=1) == labels).mean() < 0.75
    again = logits_without_own_fold(features, labels, 2, folds, settings, epochs=60)
    np.testing.assert_array_equal(again, logits)


def test_other_things_are_far_and_own_ones_are_not() -> None:
    network, recognition = recognise(colours(120), colours(30, seed=1))
    assert recognition.record["limits_from"] == {"split": "train", "photos": 120, "cross_fitted": True}
    assert recognition.record["share"] == pytest.approx(0.05, abs=0.01)
    own = verdicts(network, recognition, [picture for picture, _ in colours(300, seed=2).read().as_numpy_iterator()])
    assert (own["score"] > 1).mean() < 0.15
    other = verdicts(network, recognition, np.asarray(Image.open(io.BytesIO(half_white())))[np.newaxis])
    assert other["far"][0] > 1
    assert other["score"][0] > own["score"].max()


@pytest.mark.parametrize("stage", [HEAD, "fine_tune", "from_scratch"])
def test_a_class_of_three_photos_and_five_to_decide(stage: str) -> None:
    network, recognition = recognise(colours(9), colours(5, seed=1), stage)
    assert recognition.record["limits_from"] == {"split": "eval", "photos": 5, "cross_fitted": False}
    assert recognition.record["interval"][1] > 0.4
    assert all(np.isfinite(values).all() for values in verdicts(network, recognition, np.zeros((2, SIZE, SIZE, 3))).values())
    assert json.loads(json.dumps(recognition.record)) == recognition.record


@pytest.mark.parametrize(("train", "decide"), [(1, 1), (2, 1), (3, 4)])
def test_hardly_any_photos_refuse_nothing(train: int, decide: int) -> None:
    network, recognition = recognise(colours(train), colours(decide, seed=1))
    assert recognition.record["interval"] == [0, 0]
    assert verdicts(network, recognition, np.full((1, SIZE, SIZE, 3), 255))["score"].max() <= 1


@pytest.mark.parametrize("stage", [HEAD, "from_scratch"])
def test_features_that_are_all_alike_say_nothing_and_stay_numbers_in_all_forms(stage: str, tmp_path: Path) -> None:
    """As those of a network that has learned nothing: they differ by rounding alone."""
    network = SmallNetwork()
    kernel = np.random.default_rng(0).normal(0, 1e-9, (12, 12))
    constant = keras.layers.Dense(
        12, kernel_initializer=keras.initializers.Constant(kernel), bias_initializer=keras.initializers.Constant(0.1)
    )
    network.backbone = keras.Model(network.backbone.input, constant(network.backbone.output))
    result = SimpleNamespace(network=network, backbone_trained=stage != HEAD, head_epochs=1)
    recognition = fit_recognition(result, TrainingConfig(), UnknownConfig(), colours(60), colours(10, seed=1))  # type: ignore[arg-type]
    export(network, SIZE, LABELS, {}, str(tmp_path / "1"), recognition=recognition)
    photos = [*(small_photo(number, hue=number * 7) for number in range(12)), half_white()]
    fast, slow = (list(Predictor(tmp_path / "1", LIMIT, engine).predict(photos)) for engine in ENGINES)
    for one, other in zip(fast, slow, strict=True):
        assert isinstance(one, Prediction)
        assert isinstance(other, Prediction)
        assert one.score == pytest.approx(other.score, abs=1e-3)
        assert one.score is not None and abs(one.score) < 10


def test_a_bank_has_at_most_the_photos_that_the_configuration_names() -> None:
    _, recognition = recognise(colours(120), colours(30, seed=1), photos=21)
    assert recognition.detector is not None
    assert recognition.detector.geometry.bank.shape[0] == 21
    assert recognition.record["bank"]["photos"] == 21


@pytest.mark.parametrize("refused", [0.3, 0.0])
def test_all_forms_of_a_model_give_the_same_verdict(refused: float, tmp_path: Path) -> None:
    network, recognition = recognise(colours(120), colours(30, seed=1), refused=refused)
    export(network, SIZE, LABELS, {}, str(tmp_path / "1"), recognition=recognition)
    assert json.loads((tmp_path / "1" / "assets.extra" / "unknown.json").read_text()) == recognition.record
    photos = [*(small_photo(number, hue=number * 7) for number in range(12)), half_white()]
    fast, slow = (list(Predictor(tmp_path / "1", LIMIT, engine).predict(photos)) for engine in ENGINES)
    for one, other in zip(fast, slow, strict=True):
        assert isinstance(one, Prediction)
        assert isinstance(other, Prediction)
        assert (one.known, one.why) == (other.known, other.why)
        assert one.score == pytest.approx(other.score, rel=1e-3, abs=1e-3)
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-4)
        assert one.known == (one.why is None) == (one.score is not None and one.score <= 1)
    assert any(isinstance(one, Prediction) and not one.known for one in fast) == (refused > 0)


def test_predict_says_in_words_and_in_json_that_it_does_not_know(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network, recognition = recognise(colours(120), colours(30, seed=1))
    export(network, SIZE, LABELS, {}, str(tmp_path / "1"), recognition=recognition)
    photo = tmp_path / "photo.png"
    photo.write_bytes(half_white())

    def predict(*options: str) -> str:
        with pytest.raises(SystemExit):
            cli.main(["predict", str(photo), "--model", str(tmp_path / "1"), *options])
        return capsys.readouterr().out

    (row,) = json.loads(predict("--json"))
    assert list(row) == ["file", "label", "probability", "probabilities", "known", "why", "score", "model_version"]
    assert (row["known"], row["why"]) == (False, "far")
    assert row["score"] > 1
    nearest = f"(nearest: {row['label']} {row['probability']:.1%}, "
    assert predict().startswith(f"{photo}: not a flower that the model knows, it is unlike all training photos {nearest}")


def test_why_is_the_larger_of_the_two() -> None:
    def answer(far: float, unsure: float, score: float) -> tuple[bool, str | None]:
        vectors = {name: np.array([value], np.float32) for name, value in (("far", far), ("unsure", unsure), ("score", score))}
        given = answer_of({"probabilities": np.array([1.0], np.float32), **vectors})
        return given.known, given.why

    assert answer(2, 1.5, 2) == (False, "far")
    assert answer(0.2, 1.5, 1.5) == (False, "unsure")
    assert answer(1, 0.2, 1) == (True, None)


def test_a_detector_counts_both_questions() -> None:
    geometry = fit_geometry(np.eye(4, dtype=np.float32), np.arange(4) % 2)
    detector = Detector(geometry, ((0.0, 1.0), (0.0, 1e9)), Scale(0.0, 0.9), Scale(0.0, 5.0))
    outputs = detector.outputs([[1.0, 0, 0, 0]], [[-20.0, -20.0]])
    assert outputs["far"].numpy()[0] == pytest.approx(0.75 / 0.9, rel=1e-4)  # one of four photos of the bank is the same
    assert outputs["unsure"].numpy()[0] == pytest.approx((20 + 2 * np.log(2)) / 5, rel=1e-4)
    assert outputs["score"].numpy()[0] == outputs["unsure"].numpy()[0]
