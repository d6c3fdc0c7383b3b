"""Why a picture is not known: the part that makes it so, or the whole of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from flowers_tfx.explain.explain_unknown import explain_unknown
from flowers_tfx.explain.model_function import Pictures, Vectors
from flowers_tfx.litert import FAR, PROBABILITIES, SCORE, UNSURE

SIZE = 56
STRANGE = (slice(30, 50), slice(6, 26))  # rows, columns


def picture() -> Pictures:
    pixels = np.random.default_rng(0).integers(60, 120, (SIZE, SIZE, 3), dtype=np.uint8)
    pixels[STRANGE] = np.uint8((20, 20, 240))
    return pixels


def scoring(score: Callable[[Pictures], float]) -> Callable[[Pictures | Sequence[Pictures]], Vectors]:
    def answers(pictures: Pictures | Sequence[Pictures]) -> Vectors:
        scores = np.array([[score(one)] for one in pictures], np.float32)
        return {PROBABILITIES: np.full((len(scores), 2), 0.5, np.float32), FAR: scores, UNSURE: scores * 0, SCORE: scores}

    return answers


def blueness(one: Pictures) -> float:
    seen = one[STRANGE].astype(np.float64)
    return float(seen[..., 2].mean() - seen[..., 0].mean()) / 110


def test_the_part_that_makes_a_picture_unknown() -> None:
    explanation = explain_unknown(picture(), scoring(blueness))
    assert (explanation.why, explanation.score) == ("far", pytest.approx(2, abs=0.1))
    assert explanation.trustworthy
    assert explanation.score_without < 1 < explanation.random_score_without
    x0, y0, x1, y1 = explanation.regions[0].box
    assert x0 < 16 / SIZE < x1 and y0 < 40 / SIZE < y1


def test_no_part_where_it_is_the_whole_picture() -> None:
    (reason,) = explain_unknown(picture(), scoring(lambda one: 3.0)).reasons
    assert "whole picture" in reason


def test_hiding_what_raises_the_score_must_do_more_than_hiding_anything() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    (reason,) = explain_unknown(noise, scoring(lambda one: float(np.abs(np.diff(one.astype(np.float64), axis=0)).mean()) / 50)).reasons
    assert "random parts" in reason


def test_a_picture_that_the_model_knows_is_not_explained_so() -> None:
    with pytest.raises(ValueError, match="knows"):
        explain_unknown(picture(), scoring(lambda one: 0.5))
