"""Answers as named tensors, for protocols that know nothing of photos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from flowers_tfx.inference.answer import Answer
from flowers_tfx.serving.loaded_version import LoadedVersion
from flowers_tfx.serving.service import answer_json

Datatype = Literal["BYTES", "FP32", "BOOL"]


@dataclass(frozen=True)
class Output:
    """`value`: of one photo, from the fields of `POST /predict`; a list if the output `has_classes`, in the order of the model's labels."""

    name: str
    datatype: Datatype
    value: Callable[[dict[str, Any]], Any]
    has_classes: bool = False


@dataclass(frozen=True)
class OutputTensor:
    """`rows`: a value for each photo; `shape`: [N] or [N, classes]."""

    output: Output
    shape: tuple[int, ...]
    rows: list[Any]

    @property
    def flat(self) -> list[Any]:
        return [value for row in self.rows for value in row] if self.output.has_classes else self.rows


_OUTPUTS = (
    Output("label", "BYTES", lambda fields: fields["label"]),
    Output("probability", "FP32", lambda fields: fields["probability"]),
    Output("probabilities", "FP32", lambda fields: list(fields["probabilities"].values()), has_classes=True),
    Output("known", "BOOL", lambda fields: fields["known"]),
    Output("why", "BYTES", lambda fields: fields["why"] or ""),
)
# There is no number for "this model cannot tell": such a model has no score, and takes everything as known.
_SCORE = Output("score", "FP32", lambda fields: fields["score"])


def outputs_of(loaded: LoadedVersion) -> tuple[Output, ...]:
    """The outputs that a version has. Only for users that acquired it."""
    return (*_OUTPUTS, _SCORE) if loaded.engine.tells_unknown else _OUTPUTS


def output_tensors(loaded: LoadedVersion, answers: Sequence[Answer]) -> list[OutputTensor]:
    """Of answers, one at least."""
    fields = [answer_json(loaded, answer) for answer in answers]
    outputs = _OUTPUTS if answers[0].score is None else (*_OUTPUTS, _SCORE)
    return [OutputTensor(output, _shape(output, len(answers), loaded), [output.value(row) for row in fields]) for output in outputs]


def _shape(output: Output, photos: int, loaded: LoadedVersion) -> tuple[int, ...]:
    return (photos, len(loaded.labels)) if output.has_classes else (photos,)
