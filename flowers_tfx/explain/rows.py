"""An explanation as JSON: the row of `flowers explain --json` and of the web service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from flowers_tfx.explain.explain_unknown import UnknownExplanation
from flowers_tfx.explain.explanation import Explanation, Quality, Region
from flowers_tfx.inference.answer import Answer

_DIGITS = 6
CHECKS = tuple(field.name for field in fields(Quality) if field.name != "reasons")


def explanation_row(explanation: Explanation, answer: Answer, labels: Sequence[str], size: tuple[int, int]) -> dict[str, Any]:
    """`answer`: the model's, to the same photo; `labels`: in the order of its probabilities; `size`: width and height of the upright photo,
    px. The caller adds what it knows besides: file, map, model_version."""
    quality = explanation.quality
    return {
        "label": labels[explanation.target],
        "probability": _probability(answer, explanation.target),
        "known": answer.known,
        "why": answer.why,
        "score": answer.score,
        "method": explanation.method,
        "regions": _regions(explanation.regions, size),
        **{name: None if (value := getattr(quality, name)) is None else round(value, _DIGITS) for name in CHECKS},
        "trustworthy": quality.trustworthy,
        "reasons": list(quality.reasons),
        "runner_up": {"label": labels[explanation.runner_up], "probability": _probability(answer, explanation.runner_up)},
        "seconds": round(explanation.seconds, 3),
    }


def unknown_row(unknown: UnknownExplanation | None, size: tuple[int, int]) -> dict[str, Any] | None:
    """The field `unknown`: why a photo is not known; None for one that is."""
    if unknown is None:
        return None
    return {
        "regions": _regions(unknown.regions, size),
        "hidden_share": round(unknown.hidden_share, _DIGITS),
        "score_without": round(unknown.score_without, _DIGITS),
        "random_score_without": round(unknown.random_score_without, _DIGITS),
        "trustworthy": unknown.trustworthy,
        "reasons": list(unknown.reasons),
    }


def box_in_pixels(region: Region, size: tuple[int, int]) -> list[int]:
    """x0, y0, x1, y1 of the region in a photo of this width and height; at least one pixel wide and high."""
    (x0, x1), (y0, y1) = (_side(region.box[axis], region.box[axis + 2], size[axis]) for axis in (0, 1))
    return [x0, y0, x1, y1]


def _regions(regions: Sequence[Region], size: tuple[int, int]) -> list[dict[str, Any]]:
    return [{"box": box_in_pixels(region, size), "share": round(region.share, _DIGITS)} for region in regions]


def _side(start: float, end: float, pixels: int) -> tuple[int, int]:
    first = min(round(start * pixels), pixels - 1)
    return first, max(round(end * pixels), first + 1)


def _probability(answer: Answer, index: int) -> float:
    return round(float(answer.probabilities[index]), _DIGITS)
