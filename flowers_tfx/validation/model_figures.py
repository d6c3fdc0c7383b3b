"""What the registry stores of how a version answered its own test photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CalibrationBin:
    """`photos` with a mean probability of the answered class of `probability`; `correct` of them were answered right."""

    probability: float
    photos: int
    correct: int


@dataclass(frozen=True)
class ModelFigures:
    """`confusion`: photos by [actual][answered] class, in the order of `labels`. `calibration_error` and `overconfidence` as in a model
    card. `unknown`: the share of its own photos that the model refuses, None for one that knows every photo."""

    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    bins: tuple[CalibrationBin, ...]
    calibration_error: float | None
    overconfidence: float | None
    unknown: float | None

    @property
    def photos(self) -> int:
        return sum(map(sum, self.confusion))

    @property
    def correct(self) -> int:
        return sum(row[index] for index, row in enumerate(self.confusion))

    def of_label(self, label: str) -> tuple[int, int]:
        """Of the photos of the class: those answered right, and all; none of a class that the model does not know."""
        if label not in self.labels:
            return 0, 0
        index = self.labels.index(label)
        return self.confusion[index][index], sum(self.confusion[index])

    def of_answer(self, label: str) -> tuple[int, int]:
        """Of the photos that were answered with the class: those answered right, and all."""
        index = self.labels.index(label)
        return self.confusion[index][index], sum(row[index] for row in self.confusion)


def read_model_figures(card: Mapping[str, Any] | None) -> ModelFigures:
    """From the content of card.json. Raises ValueError with the reason if it does not have them."""
    if card is None:
        raise ValueError("it was pushed without a card, which has the figures of its test photos")
    try:
        metrics, calibration = card["metrics"], card.get("calibration") or {}
        labels = tuple(str(entry["name"]) for entry in metrics["classes"])
        confusion = tuple(tuple(int(count) for count in row) for row in metrics["confusion"])
        bins = tuple(map(_bin, calibration.get("reliability") or ()))
        refusal = card.get("refusal") or {}
        figures = ModelFigures(
            labels,
            confusion,
            bins,
            _number(calibration.get("error")),
            _number(calibration.get("overconfidence")),
            _number(refusal.get("share")),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ValueError("its card does not have the figures of its test photos") from None
    if not _is_square(confusion, len(labels)) or not figures.photos:
        raise ValueError("its card does not have the figures of its test photos")
    return figures


def _is_square(confusion: Sequence[Sequence[int]], side: int) -> bool:
    return len(confusion) == side and all(len(row) == side and min(row) >= 0 for row in confusion)


def _bin(entry: Mapping[str, Any]) -> CalibrationBin:
    photos = int(entry["count"])
    return CalibrationBin(float(entry["predicted"]), photos, round(float(entry["observed"]) * photos))


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
