"""One explanation: its map lies where the model looks, its checks see a model that looks nowhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from flowers_tfx.errors import InputError
from flowers_tfx.explain.explain_picture import explain_picture
from flowers_tfx.explain.model_function import Floats, Pictures, Vectors
from flowers_tfx.litert import FEATURES, PROBABILITIES

SIZE = 56
LOOKED_AT = (slice(8, 28), slice(30, 50))  # rows, columns


def picture(seed: int = 0) -> Pictures:
    """Noise in gray, with a red square where the model looks."""
    pixels = np.random.default_rng(seed).integers(60, 120, (SIZE, SIZE, 3), dtype=np.uint8)
    pixels[LOOKED_AT] = np.uint8((230, 20, 20))
    return pixels


def answering(logits: Callable[[Pictures], Sequence[float]]) -> Callable[[Pictures | Sequence[Pictures]], Vectors]:
    """A model with these logits for a picture."""

    def answers(pictures: Pictures | Sequence[Pictures]) -> Vectors:
        rows = np.array([logits(one) for one in pictures], np.float64)
        exponentials = np.exp(rows - rows.max(axis=1, keepdims=True))
        means = [
            [one[down : down + 7, across : across + 7].mean() for down in range(0, SIZE, 7) for across in range(0, SIZE, 7)]
            for one in pictures
        ]
        probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
        return {PROBABILITIES: probabilities.astype(np.float32), FEATURES: np.array(means, np.float32)}

    return answers


def redness(one: Pictures) -> float:
    seen = one[LOOKED_AT].astype(np.float64)
    return float(seen[..., 0].mean() - seen[..., 1].mean()) / 20


looking = answering(lambda one: (redness(one), 4.0, 1.0))


def share_where_it_looks(values: Floats) -> float:
    positive = np.maximum(values, 0)
    return float(positive[LOOKED_AT].sum() / positive.sum())


def test_the_map_lies_where_the_model_looks() -> None:
    explanation = explain_picture(picture(), looking, "rise")
    assert (explanation.target, explanation.runner_up) == (0, 1)
    assert share_where_it_looks(explanation.map) > 0.5  # on an eighth of the picture
    assert explanation.quality.deletion_auc < explanation.quality.random_deletion_auc
    assert explanation.quality.insertion_auc > explanation.quality.random_insertion_auc
    x0, y0, x1, y1 = explanation.regions[0].box
    assert x0 < 40 / SIZE < x1 and y0 < 18 / SIZE < y1
    assert 0.8 <= sum(region.share for region in explanation.regions) <= 1 + 1e-9


def test_the_same_explanation_every_time() -> None:
    first, second = (explain_picture(picture(), looking, "rise") for _ in range(2))
    assert np.array_equal(first.map, second.map)
    assert replace(first.quality) == second.quality


def test_a_model_that_always_answers_the_same_is_not_explained() -> None:
    explanation = explain_picture(picture(), answering(lambda one: (2.0, 1.0, 0.0)), "rise")
    assert not explanation.quality.trustworthy
    assert explanation.regions == ()
    assert not explanation.map.any()


def test_a_method_with_gradients_needs_them() -> None:
    with pytest.raises(InputError, match="signature of gradients"):
        explain_picture(picture(), looking, "ig")
