"""The columns of records: a row is a photo that the service answered. docs/interfaces.md describes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flowers_tfx import features

Kind = Literal["int", "float", "string", "bool", "time", "floats"]

ID, PHOTO, TIME, VERSION, CLIENT = "id", "photo", "time", "version", "client"
PREDICTED, PROBABILITY, PROBABILITIES, KNOWN, WHY, SCORE = "predicted", "probability", "probabilities", "known", "why", "score"
MEASURED, SHARE, NETWORK, KEPT = "measured", "measured_share", "network", "kept"


@dataclass(frozen=True)
class Column:
    """`time`: microseconds since 1970, UTC; `floats`: a list of float32."""

    name: str
    kind: Kind
    optional: bool = False


# Of every answered photo. `photo`: its place in the request, from 0; `probabilities` in the order of the version's classes.
ANSWER_COLUMNS = (
    Column(ID, "string"),
    Column(PHOTO, "int"),
    Column(TIME, "time"),
    Column(VERSION, "int"),
    Column(CLIENT, "string", optional=True),
    Column(features.DIGEST, "string"),
    Column(PREDICTED, "string"),
    Column(PROBABILITY, "float"),
    Column(PROBABILITIES, "floats"),
    Column(KNOWN, "bool"),
    Column(WHY, "string", optional=True),
    Column(SCORE, "float", optional=True),
)
# Of the photos that were measured. `measured_share`: of the photos answered at that time, how many were measured, 0 to 1; `network`: what
# made the embedding; `kept`: whether the photo itself was kept.
MEASUREMENT_COLUMNS = (
    Column(SHARE, "float", optional=True),
    Column(KEPT, "bool", optional=True),
    Column(NETWORK, "string", optional=True),
    Column(features.EMBEDDING, "floats", optional=True),
    *(Column(prop.name, prop.kind, optional=True) for prop in features.PROPERTIES),
)
COLUMNS = (*ANSWER_COLUMNS, Column(MEASURED, "bool"), *MEASUREMENT_COLUMNS)
