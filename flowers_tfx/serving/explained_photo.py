"""The explanation of one photo as the service answers it."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flowers_tfx.data.pictures import open_picture
from flowers_tfx.explain.explain_picture import explain_picture
from flowers_tfx.explain.explain_unknown import explain_unknown
from flowers_tfx.explain.heat_map import overlay
from flowers_tfx.explain.model_function import Answers, Floats, Pictures
from flowers_tfx.explain.rows import explanation_row, unknown_row
from flowers_tfx.inference.answer import Answer
from flowers_tfx.serving.explain_request import METHOD, MapKind

_LONGEST_SIDE = 512  # px, of the overlay
_DIGITS = 5


@dataclass(frozen=True)
class Question:
    """`picture`: the photo as the network sees it, with its `answer`; `target`: the index of the class to explain, None for the
    answer."""

    photo: bytes
    picture: Pictures
    answer: Answer
    target: int | None
    map: MapKind


def explain_photo(question: Question, labels: Sequence[str], answers: Answers) -> dict[str, Any]:
    """The fields of `flowers explain --json`, and the heat maps in the form that is wanted: of the class, of the runner-up and, unless a
    class was named, of what makes an unknown photo unknown."""
    size = open_picture(question.photo, max_pixels=None).size  # its pixels were let in when it was answered
    explanation = explain_picture(question.picture, answers, METHOD, None, question.target)
    unknown = None if question.answer.known or question.target is not None else explain_unknown(question.picture, answers)
    row = explanation_row(explanation, question.answer, labels, size)
    row["runner_up"]["map"] = _map(explanation.runner_up_map, size, question.map)
    reasons = unknown_row(unknown, size)
    if unknown is not None and reasons is not None:
        reasons["map"] = _map(unknown.map, size, question.map)
    return {**row, "unknown": reasons, "map": _map(explanation.map, size, question.map), "width": size[0], "height": size[1]}


def _map(values: Floats, size: tuple[int, int], kind: MapKind) -> str | list[list[float]] | None:
    if kind == "png":
        return base64.b64encode(_png(values, size)).decode()
    return [[round(float(value), _DIGITS) for value in row] for row in values] if kind == "values" else None


def _png(values: Floats, size: tuple[int, int]) -> bytes:
    """A transparent picture in the geometry of the photo, at most as large."""
    shrink = min(1.0, _LONGEST_SIDE / max(size))
    out = io.BytesIO()
    overlay(values, (max(1, round(size[0] * shrink)), max(1, round(size[1] * shrink)))).save(out, "PNG")
    return out.getvalue()
