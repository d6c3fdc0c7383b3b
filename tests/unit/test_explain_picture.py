"""One explanation: its map lies where the model looks, its checks see a model that looks nowhere."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from flowers_tfx.errors import InputError
from flowers_tfx.explain.explain_picture import explain_picture
from flowers_tfx.explain.hidden_parts import BATCH_SIZE
from flowers_tfx.explain.model_function import Floats, Pictures, Vectors
from flowers_tfx.litert import FEATURES, PROBABILITIES

SIZE = 56
MASKS = 256  # fewer than people get, for the time
LOOKED_AT = (slice(8, 28), slice(30, 50))  # rows, columns

Model = Callable[[Pictures | Sequence[Pictures]], Vectors]


def picture(seed: int = 0) -> Pictures:
    """Noise in gray, with a red square where the model looks."""
    pixels = np.random.default_rng(seed).integers(60, 120, (SIZE, SIZE, 3), dtype=np.uint8)
    pixels[LOOKED_AT] = np.uint8((230, 20, 20))
    return pixels


def answering(logits: Callable[[Pictures], Sequence[float]]) -> Model:
    """A model with these logits for a picture. Its features are the brightness of the cells of a grid."""

    def answers(pictures: Pictures | Sequence[Pictures]) -> Vectors:
        batch = np.asarray(pictures, np.float64)
        cells = batch.reshape(len(batch), 8, SIZE // 8, 8, SIZE // 8, 3).mean((2, 4, 5)).reshape(len(batch), -1)
        rows = np.array([logits(one) for one in pictures], np.float64)
        exponentials = np.exp(rows - rows.max(axis=1, keepdims=True))
        probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
        return {PROBABILITIES: probabilities.astype(np.float32), FEATURES: cells.astype(np.float32)}

    return answers


def redness(one: Pictures) -> float:
    seen = one[LOOKED_AT].astype(np.float64)
    return float(seen[..., 0].mean() - seen[..., 1].mean()) / 20


looking = answering(lambda one: (redness(one), 4.0, 1.0))


def share_where_it_looks(values: Floats) -> float:
    positive = np.maximum(values, 0)
    return float(positive[LOOKED_AT].sum() / positive.sum())


def test_the_map_lies_where_the_model_looks() -> None:
    explanation = explain_picture(picture(), looking, "rise", masks=MASKS)
    assert (explanation.target, explanation.runner_up) == (0, 1)
    assert share_where_it_looks(explanation.map) > 0.5  # on an eighth of the picture
    assert explanation.quality.deletion_auc < explanation.quality.random_deletion_auc
    assert explanation.quality.insertion_auc > explanation.quality.random_insertion_auc
    x0, y0, x1, y1 = explanation.regions[0].box
    assert x0 < 40 / SIZE < x1 and y0 < 18 / SIZE < y1
    assert explanation.quality.trustworthy, explanation.quality.reasons
    assert 0.8 <= sum(region.share for region in explanation.regions) <= 1 + 1e-9


def test_what_speaks_for_the_runner_up_is_a_map_too() -> None:
    explanation = explain_picture(picture(), looking, "rise", masks=MASKS)
    # The square speaks against it.
    assert explanation.runner_up_map[LOOKED_AT].mean() < explanation.runner_up_map.mean()


def test_any_class_can_be_explained() -> None:
    explanation = explain_picture(picture(), looking, "rise", target=1, masks=MASKS)
    assert (explanation.target, explanation.runner_up) == (1, 0)
    assert share_where_it_looks(explanation.runner_up_map) > 0.5


def test_the_same_explanation_every_time() -> None:
    first, second = (explain_picture(picture(), looking, "rise", masks=MASKS) for _ in range(2))
    assert np.array_equal(first.map, second.map) and np.array_equal(first.runner_up_map, second.runner_up_map)
    assert first.quality == second.quality and first.regions == second.regions


def test_a_model_that_always_answers_the_same_is_not_explained() -> None:
    explanation = explain_picture(picture(), answering(lambda one: (2.0, 1.0, 0.0)), "rise", masks=MASKS)
    assert len(explanation.quality.reasons) == 3  # both curves, stability
    assert explanation.regions == ()
    assert not explanation.map.any()


def test_a_model_that_answers_by_chance_is_not_explained() -> None:
    def by_content(one: Pictures) -> Sequence[float]:
        return tuple(np.random.default_rng(zlib.crc32(one.tobytes())).normal(size=3))

    explanation = explain_picture(picture(), answering(by_content), "rise", masks=MASKS)
    assert not explanation.quality.trustworthy


def test_a_model_whose_map_is_that_of_a_random_head_is_not_explained() -> None:
    """All that a picture does to this network lies in one direction of its features, which any last layer would mark."""

    def answers(pictures: Pictures | Sequence[Pictures]) -> Vectors:
        vectors = looking(pictures)
        return {**vectors, FEATURES: np.array([[redness(one)] for one in pictures], np.float32)}

    (reason,) = explain_picture(picture(), answers, "rise", masks=MASKS).quality.reasons
    assert "random weights" in reason


def test_a_sure_model_is_explained_without_overflow() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explanation = explain_picture(picture(), answering(lambda one: (1000 if redness(one) > 8 else 0, 500, -500)), "rise", masks=MASKS)
    assert np.isfinite(explanation.map).all() and np.isfinite(explanation.quality.deletion_auc)
    assert share_where_it_looks(explanation.map) > 0.3


@pytest.mark.parametrize("colour", [0, 90, 255])
def test_a_picture_of_one_colour_has_no_explanation(colour: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explanation = explain_picture(np.full((SIZE, SIZE, 3), colour, np.uint8), looking, "rise", masks=MASKS)
    assert not explanation.quality.trustworthy and np.isfinite(explanation.map).all()


def test_two_classes() -> None:
    explanation = explain_picture(picture(), answering(lambda one: (redness(one), 4.0)), "rise", masks=MASKS)
    assert (explanation.target, explanation.runner_up) == (0, 1)
    assert np.allclose(explanation.map, -explanation.runner_up_map, atol=1e-4)


@pytest.mark.parametrize("size", [1, 3])
def test_tiny_pictures(size: int) -> None:
    def answers(pictures: Pictures | Sequence[Pictures]) -> Vectors:
        bright = np.array([one.mean() / 255 for one in pictures], np.float32)
        return {PROBABILITIES: np.stack([bright, 1 - bright], axis=1)}

    explanation = explain_picture(np.full((size, size, 3), 200, np.uint8), answers, "rise", masks=MASKS)
    assert explanation.map.shape == (size, size)
    assert explanation.quality.randomised_correlation is None  # there are no features


def test_an_exception_of_the_model_ends_the_work() -> None:
    class TooLate(Exception):
        pass

    asked = []

    def answers(pictures: Pictures | Sequence[Pictures]) -> Vectors:
        asked.append(len(pictures))
        if len(asked) == 3:
            raise TooLate
        return looking(pictures)

    with pytest.raises(TooLate):
        explain_picture(picture(), answers, "rise", masks=MASKS)
    assert sum(asked) <= 1 + 2 * BATCH_SIZE


def test_a_method_with_gradients_needs_them() -> None:
    with pytest.raises(InputError, match="integrated gradients needs"):
        explain_picture(picture(), looking, "ig")
