"""The result of an evaluation in plain types, as HTML and as JSON.

Shares (accuracy, precision, recall, predicted and observed probabilities) run from 0 to 1; None or NaN: not measurable.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from flowers_tfx.parity_certificate import DIFFICULT, LIMIT, TITLES, Certificate
from flowers_tfx.reports.rendering import finite_or_none, render
from flowers_tfx.wilson import wilson_interval


@dataclass(frozen=True)
class ClassScore:
    name: str
    precision: float | None
    recall: float | None
    auc: float | None
    support: int  # photos of this class in the split; 0 is possible


@dataclass(frozen=True)
class CalibrationBin:
    """Photos whose top class got about the same probability: its mean, and how often that class was right."""

    predicted: float | None
    observed: float | None
    count: int


@dataclass(frozen=True)
class Slice:
    feature: str
    value: str
    examples: int
    accuracy: float | None

    @property
    def interval(self) -> tuple[float, float] | None:
        return wilson_interval(self.accuracy, self.examples)


@dataclass(frozen=True)
class BaselineScore:
    """The model that serves now, measured on the same photos."""

    version: str
    accuracy: float


@dataclass(frozen=True)
class Evaluation:
    model_version: str
    run_id: str
    created: str  # ISO 8601
    blessed: bool
    reasons: tuple[str, ...]  # reasons of the verdict, one sentence each
    split: str
    examples: int
    accuracy: float | None
    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]  # [true class][predicted class], both in the order of `classes`
    calibration_error: float | None = None  # expected calibration error
    calibration: tuple[CalibrationBin, ...] = ()
    slices: tuple[Slice, ...] = ()
    min_accuracy: float | None = None
    max_drop: float | None = None
    baseline: BaselineScore | None = None
    no_baseline: str = ""  # why there is none
    parity: Certificate | None = None  # how far the ways of asking this model differ

    def __post_init__(self) -> None:
        size = len(self.classes)
        if len(self.confusion) != size or any(len(row) != size for row in self.confusion):
            raise ValueError(f"the confusion matrix must be {size} by {size}, as there are {size} classes")

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of the accuracy."""
        return wilson_interval(self.accuracy, self.examples)

    @property
    def change(self) -> float | None:
        """Accuracy less the baseline's."""
        accuracy = finite_or_none(self.accuracy)
        return None if self.baseline is None or accuracy is None else accuracy - self.baseline.accuracy

    @property
    def overconfidence(self) -> float | None:
        """Mean of predicted less observed over all photos: positive if the model is overconfident."""
        bins = [(finite_or_none(bin.predicted), finite_or_none(bin.observed), bin.count) for bin in self.calibration]
        gaps = [(p - o, count) for p, o, count in bins if p is not None and o is not None and count]
        total = sum(count for _, count in gaps)
        return sum(gap * count for gap, count in gaps) / total if total else None

    def mistakes(self, most: int = 3) -> list[tuple[int, int, str, str]]:
        """The largest confusions: (photos, photos of the true class, true class, predicted class)."""
        names = [score.name for score in self.classes]
        confusions = [
            (wrong, sum(row), names[i], names[j]) for i, row in enumerate(self.confusion) for j, wrong in enumerate(row) if i != j and wrong
        ]
        return sorted(confusions, key=lambda mistake: (-mistake[0], mistake[2:]))[:most]


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """The fields of the types above, with the derived ones; strict JSON: what is not measurable is null."""
    derived = {
        "interval": evaluation.interval,
        "change": evaluation.change,
        "overconfidence": evaluation.overconfidence,
        "slices": [{**asdict(part), "interval": part.interval} for part in evaluation.slices],
        "parity": evaluation.parity.as_json() if evaluation.parity else None,
    }
    plain: dict[str, Any] = _plain({**asdict(evaluation), **derived})
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return finite_or_none(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def render_html(evaluation: Evaluation) -> str:
    """One file that needs no other: it contains styles and pictures, and no scripts."""
    by_feature = groupby(sorted(evaluation.slices, key=lambda part: part.feature), key=lambda part: part.feature)
    features = [(feature, list(parts)) for feature, parts in by_feature]
    return render("evaluation.html.j2", e=evaluation, features=features, ways=TITLES, limit=LIMIT, difficult=DIFFICULT)
