"""What a change of the photos costs the model: its accuracy on the new photos beside that on its own test photos.

Where most of the photos have labels it is measured, otherwise estimated from the probabilities of the answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flowers_tfx.class_names import with_class_names
from flowers_tfx.features import LABEL
from flowers_tfx.validation.confidence_calibration import ConfidenceCalibration
from flowers_tfx.validation.model_answers import KNOWN, PREDICTED, PROBABILITY, SCORE, ModelAnswers
from flowers_tfx.validation.model_figures import ModelFigures
from flowers_tfx.validation.review import number
from flowers_tfx.validation.shares import Share, difference_interval, exact_share
from flowers_tfx.validation.tables.columns import word_column_of
from flowers_tfx.wilson import wilson_interval

CONFIDENCE = 0.95  # of the intervals of single shares; that of differences follows the review's error rate
# With fewer labels among the answered photos they are not those of the delivery but of photos that somebody picked.
_FEWEST_LABELLED = 0.5
_BINS = 10  # of the calibration error, as in the evaluation

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class AnsweredPhotos:
    """Photos, a table as `compare` takes it, that the model with these `figures` answered. `alpha`: the chance that photos like its test
    photos give a finding."""

    photos: pd.DataFrame
    answers: ModelAnswers
    figures: ModelFigures
    alpha: float

    @cached_property
    def answered(self) -> pd.DataFrame:
        """The photos with an answer, with the columns of both."""
        photos = with_class_names(self.photos).reset_index(drop=True)
        answers = self.answers.for_photos(photos)
        return photos.drop(columns=answers.columns, errors="ignore").join(answers)[answers[PREDICTED].notna()]

    @cached_property
    def correct(self) -> Floats:
        """[answered photos]: as `ModelAnswers.correct`."""
        return self.answers.correct(self.answered)

    @property
    def labelled(self) -> Flags:
        """[answered photos]: those with a label, also one that the model does not know: its answer is wrong."""
        flags: Flags = np.isfinite(self.correct)
        return flags

    @property
    def knows_no_label(self) -> bool:
        """Whether the photos have labels, and the model knows none of these classes: it is a model of other things."""
        labels = word_column_of(self.answered, LABEL)[self.labelled]
        return not self.is_estimated and not set(labels) & set(self.figures.labels)

    @property
    def is_estimated(self) -> bool:
        return float(self.labelled.mean()) < _FEWEST_LABELLED


def measure_harm(asked: AnsweredPhotos) -> dict[str, Any] | None:
    """`harm` of the review's JSON (docs/interfaces.md); None if no photo has an answer."""
    if not len(asked.answered):
        return None
    figures = asked.figures
    counted = np.ones(len(asked.answered), bool) if asked.is_estimated else asked.labelled
    baseline = exact_share(figures.correct, figures.photos, 1 - asked.alpha)
    overall = _compare(_accuracy(asked, counted, CONFIDENCE), _accuracy(asked, counted, 1 - asked.alpha), baseline)
    return {
        **overall,
        "baseline_interval": _rounded(wilson_interval(figures.correct / figures.photos, figures.photos)),
        "photos": int(counted.sum()),
        "of": len(asked.photos),
        "baseline_photos": figures.photos,
        "per_class": dict(_classes(asked, counted)),
        "per_class_by": "answer" if asked.is_estimated else "label",
        "calibration": None if asked.is_estimated else _calibration(asked),
        "unknown": _unknown(asked),
        "estimated": asked.is_estimated,
        "confidence": 1 - asked.alpha,
        "version": asked.answers.version,
    }


def _accuracy(asked: AnsweredPhotos, chosen: Flags, confidence: float) -> Share:
    """Of the chosen among the answered photos, one or more. An interval of `CONFIDENCE` is Wilson's, as everywhere."""
    if asked.is_estimated:
        probabilities = asked.answered[PROBABILITY].to_numpy(np.float64)[chosen]
        return ConfidenceCalibration(asked.figures.bins).accuracy(probabilities, confidence)
    right, photos = int(asked.correct[chosen].sum()), int(chosen.sum())
    if confidence != CONFIDENCE:
        return exact_share(right, photos, confidence)
    low, high = wilson_interval(right / photos, photos) or (0.0, 1.0)
    return Share(right / photos, low, high)


def _compare(share: Share, wider: Share, baseline: Share) -> dict[str, Any]:
    """`share` with its own interval; `wider`: the same share with the interval that goes into that of the difference."""
    return {
        "accuracy": number(share.value),
        "interval": _rounded(share.interval),
        "baseline_accuracy": number(baseline.value),
        "difference": number(share.value - baseline.value),
        "difference_interval": _rounded(difference_interval(wider, baseline)),
    }


def _classes(asked: AnsweredPhotos, counted: Flags) -> Iterator[tuple[str, dict[str, Any]]]:
    """Photos of each class: those that have it as a label or, in an estimate, those that the model answered with it; classes that the model
    does not know come last. The intervals of the differences are so wide that all of them together keep the error rate (Bonferroni)."""
    names = word_column_of(asked.answered, PREDICTED if asked.is_estimated else LABEL)
    known = asked.figures.labels
    confidence = 1 - asked.alpha / len(known)
    for label in (*known, *sorted(set(names[counted]) - set(known))):
        chosen = counted & (names == label)
        right, photos = asked.figures.of_answer(label) if asked.is_estimated else asked.figures.of_label(label)
        if chosen.any():
            share = _accuracy(asked, chosen, CONFIDENCE)
            entry = (
                _compare(share, _accuracy(asked, chosen, confidence), exact_share(right, photos, confidence))
                if photos
                else {
                    "accuracy": number(share.value),
                    "interval": _rounded(share.interval),
                    **dict.fromkeys(("baseline_accuracy", "difference", "difference_interval")),
                }
            )
            yield label, {**entry, "photos": int(chosen.sum()), "baseline_photos": photos}


def _calibration(asked: AnsweredPhotos) -> dict[str, Any]:
    """The expected calibration error (Naeini et al., 2015), and by how much the mean probability is above the accuracy, beside those on
    the test photos."""
    probabilities = asked.answered[PROBABILITY].to_numpy(np.float64)[asked.labelled]
    gaps = probabilities - asked.correct[asked.labelled]
    bins = np.minimum((probabilities * _BINS).astype(int), _BINS - 1)
    error = sum(abs(float(gaps[bins == at].sum())) for at in np.unique(bins)) / len(gaps)
    return {
        "error": number(error),
        "overconfidence": number(float(gaps.mean())),
        "baseline_error": number(asked.figures.calibration_error),
        "baseline_overconfidence": number(asked.figures.overconfidence),
    }


def _unknown(asked: AnsweredPhotos) -> dict[str, Any] | None:
    """The share of photos that the model does not know; None for a model that cannot tell."""
    answered = asked.answered
    if SCORE not in answered or not answered[SCORE].notna().any():
        return None
    share = float((~answered[KNOWN].astype(bool)).mean())
    return {
        "share": number(share),
        "interval": _rounded(wilson_interval(share, len(answered))),
        "baseline_share": number(asked.figures.unknown),
    }


def _rounded(interval: tuple[float, float] | list[float] | None) -> list[float | None] | None:
    return None if interval is None else [number(end) for end in interval]
