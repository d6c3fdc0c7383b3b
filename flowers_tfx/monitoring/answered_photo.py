"""An answered photo as the service hands it to the recorder."""

from __future__ import annotations

import json
from dataclasses import dataclass

from flowers_tfx import features
from flowers_tfx.inference.answer import Answer
from flowers_tfx.monitoring.record_columns import (
    CLIENT,
    ID,
    KNOWN,
    PHOTO,
    PREDICTED,
    PROBABILITIES,
    PROBABILITY,
    SCORE,
    TIME,
    VERSION,
    WHY,
)

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))  # made once: json.dumps makes one for each call


@dataclass(frozen=True)
class AnsweredPhoto:
    """`number`: its place in the request, from 0; `time_us`: since 1970; `network`: what made the answer's features, empty if unknown."""

    request: str
    number: int
    time_us: int
    version: int
    network: str
    client: str
    labels: tuple[str, ...]
    photo: bytes
    answer: Answer

    def line(self, digest: str) -> bytes:
        """Of the journal of answers."""
        answer = self.answer
        best = int(answer.probabilities.argmax())
        probabilities = [round(value, 6) for value in answer.probabilities.tolist()]
        row = {
            ID: self.request,
            PHOTO: self.number,
            TIME: self.time_us,
            VERSION: self.version,
            CLIENT: self.client or None,
            features.DIGEST: digest,
            PREDICTED: self.labels[best],
            PROBABILITY: probabilities[best],
            PROBABILITIES: probabilities,
            KNOWN: answer.known,
            WHY: answer.why,
            SCORE: answer.score,
        }
        return _JSON.encode(row).encode() + b"\n"
