"""The parity certificate: how far the answers to the same photos differ between the ways of asking one exported model. It lies beside a
pushed model as parity.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from flowers_tfx.wilson import wilson_interval

FORMAT = 1
LIMIT = 0.005  # the largest difference of a probability with which a model may be pushed
SCORE_LIMIT = 0.01  # the largest difference of a score, relative to the score where it is more than 1
# Two classes whose probabilities differ by less are equally probable: rounding in float32, which moves a probability by 3e-6 in a small
# network, decides which of them is the top class.
TIE = 1e-4

DIFFICULT = "difficult"  # the set of pictures that the program makes; the other set is the split
SAVED_MODEL, LITERT, TENSORFLOW_FREE = "saved_model", "litert", "tensorflow_free"
# The ways of asking a model, by their names in the JSON.
TITLES = {
    SAVED_MODEL: "the SavedModel",
    LITERT: "LiteRT on TensorFlow's pictures",
    TENSORFLOW_FREE: "LiteRT without TensorFlow",
}
PAIRS = ((SAVED_MODEL, LITERT), (SAVED_MODEL, TENSORFLOW_FREE), (LITERT, TENSORFLOW_FREE))


@dataclass(frozen=True)
class Difference:
    """The largest difference, and the photo with it: its URI, or what a generated picture is; None where no photo differs."""

    largest: float = 0.0
    photo: str | None = None


@dataclass(frozen=True)
class PhotoCount:
    """How many photos of a set were compared, and how many it has."""

    compared: int
    of: int


@dataclass(frozen=True)
class Int8Accuracy:
    """The quantised model and the float32 one, both asked without TensorFlow, on the same `photos` with labels: how many each got right,
    for how many both have the same top class, and the largest difference of a probability. Sizes of the files in bytes."""

    photos: int
    right: int
    float_right: int
    agreeing: int
    probability: Difference
    size: int
    float_size: int

    @property
    def accuracy(self) -> float | None:
        return self._share(self.right)

    @property
    def float_accuracy(self) -> float | None:
        return self._share(self.float_right)

    @property
    def agreement(self) -> float | None:
        return self._share(self.agreeing)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of the accuracy."""
        return wilson_interval(self.accuracy, self.photos)

    @property
    def float_interval(self) -> tuple[float, float] | None:
        return wilson_interval(self.float_accuracy, self.photos)

    def _share(self, count: int) -> float | None:
        return count / self.photos if self.photos else None

    def as_json(self) -> dict[str, Any]:
        derived = ("accuracy", "interval", "float_accuracy", "float_interval", "agreement")
        return {**asdict(self), **{name: getattr(self, name) for name in derived}}


@dataclass(frozen=True)
class Certificate:
    """`photos` by set. `pixels`: of 255, between the pictures that TensorFlow's graph and the code without TensorFlow prepare.
    `probability` and `score` by pair of ways; `score` is None for a model without a detector, and relative where scores exceed 1.
    `ties`: photos whose two best classes are equal within `TIE`, so that the ways name either. `digests` of the SavedModel and the
    LiteRT models; `versions` of the libraries that answered."""

    photos: Mapping[str, PhotoCount]
    pixels: Difference
    probability: Mapping[tuple[str, str], Difference]
    ties: int
    digests: Mapping[str, str]
    versions: Mapping[str, str]
    int8: Int8Accuracy | None = None
    score: Mapping[tuple[str, str], Difference] | None = None

    @property
    def compared(self) -> int:
        return sum(count.compared for count in self.photos.values())

    def as_json(self) -> dict[str, Any]:
        """The content of parity.json (docs/interfaces.md)."""
        return {
            "format": FORMAT,
            "limit": LIMIT,
            "photos": {name: asdict(count) for name, count in self.photos.items()},
            "pixels": asdict(self.pixels),
            "probability": _by_pair(self.probability),
            "score_limit": SCORE_LIMIT,
            "score": _by_pair(self.score) if self.score else None,
            "ties": self.ties,
            "digests": dict(self.digests),
            "versions": dict(self.versions),
            "int8": self.int8.as_json() if self.int8 else None,
        }


def _by_pair(differences: Mapping[tuple[str, str], Difference]) -> dict[str, Any]:
    return {"/".join(pair): asdict(difference) for pair, difference in differences.items()}


def read_certificate(content: Mapping[str, Any]) -> Certificate:
    """The certificate whose `as_json` is this. Raises ValueError for one of another format."""
    if content.get("format") != FORMAT:
        raise ValueError(f"a parity certificate of format {content.get('format')}, not {FORMAT}")
    return Certificate(
        photos={name: PhotoCount(**count) for name, count in content["photos"].items()},
        pixels=Difference(**content["pixels"]),
        probability=_read_by_pair(content["probability"]),
        ties=content["ties"],
        digests=content["digests"],
        versions=content["versions"],
        int8=_read_int8(content["int8"]) if content["int8"] else None,
        score=_read_by_pair(content["score"]) if content.get("score") else None,
    )


def _read_by_pair(content: Mapping[str, Any]) -> dict[tuple[str, str], Difference]:
    return {pair: Difference(**content["/".join(pair)]) for pair in PAIRS}


def _read_int8(content: Mapping[str, Any]) -> Int8Accuracy:
    counts = {field.name: content[field.name] for field in fields(Int8Accuracy)}
    return Int8Accuracy(**{**counts, "probability": Difference(**content["probability"])})
