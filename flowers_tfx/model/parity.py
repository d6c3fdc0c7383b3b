"""Asks one exported model about the same photos in several ways (model_ways.py) and measures how far the answers differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from flowers_tfx.artifact_files import LITERT_FILE, LITERT_INT8_FILE
from flowers_tfx.data.pictures import BadPicture
from flowers_tfx.errors import ParityFailed
from flowers_tfx.model.model_ways import Answers, Probabilities
from flowers_tfx.parity_certificate import (
    LIMIT,
    PAIRS,
    SCORE_LIMIT,
    TENSORFLOW_FREE,
    TIE,
    TITLES,
    Certificate,
    Difference,
    Int8Accuracy,
    PhotoCount,
)

_LIBRARIES = ("tensorflow", "ai-edge-litert", "pillow")


@dataclass(frozen=True)
class Photo:
    """`name`: its URI, or what a generated picture is; `label`: its class, None if it has none."""

    name: str
    data: bytes
    label: str | None = None


class ParityMeasurement:
    """The largest differences over batches of photos, which are added one after another."""

    def __init__(self, ways: Any, sets: Mapping[str, int]) -> None:
        """`ways`: ModelWays, or what answers as it does; `sets`: how many photos each set has."""
        self._ways = ways
        self._photos = {name: PhotoCount(0, of) for name, of in sets.items()}
        self._pixels = Difference(0)
        self._probability = dict.fromkeys(PAIRS, Difference())
        self._score: dict[tuple[str, str], Difference] = {}
        self._ties = 0
        self._disagreements: list[_Disagreement | _OtherScore] = []
        self._int8 = _Int8Counts()

    def add(self, name: str, photos: Sequence[Photo]) -> None:
        """Asks about photos of a set. Raises ParityFailed for a photo that one of the ways refuses."""
        before = self._photos[name]
        self._photos[name] = PhotoCount(before.compared + len(photos), before.of)
        answers = self._ask(photos)
        self._pixels = _larger(self._pixels, answers.pixels, photos)
        tied = np.zeros(len(photos), bool)
        for pair in PAIRS:
            first, second = (answers.probabilities[way] for way in pair)
            differences = _differences(first, second)
            self._probability[pair] = _larger(self._probability[pair], differences.max(axis=1), photos)
            other_class = _top_classes_differ(first, second)
            tied |= (first.argmax(axis=1) != second.argmax(axis=1)) & ~other_class
            for row in np.flatnonzero(other_class | (differences.max(axis=1) > LIMIT)):
                self._disagreements.append(_Disagreement(photos[row].name, pair, first[row], second[row]))
        self._ties += int(tied.sum())
        self._add_scores(answers, photos)
        if answers.int8 is not None:
            self._int8.add(photos, self._ways.labels, answers.probabilities[TENSORFLOW_FREE], answers.int8)

    def _add_scores(self, answers: Answers, photos: Sequence[Photo]) -> None:
        for pair in PAIRS if answers.scores else ():
            first, second = (answers.scores[way] for way in pair)
            differences = _differences(first, second) / np.maximum(1, np.abs(second))
            self._score[pair] = _larger(self._score.get(pair, Difference()), differences, photos)
            one_refuses = (answers.known[pair[0]] != answers.known[pair[1]]) & (np.abs(second - 1) > SCORE_LIMIT)
            for row in np.flatnonzero(one_refuses | ~(differences <= SCORE_LIMIT)):
                self._disagreements.append(_OtherScore(photos[row].name, pair, float(first[row]), float(second[row])))

    def certificate(self) -> Certificate:
        """Raises ParityFailed if a probability differs by more than LIMIT, a score by more than SCORE_LIMIT, or a top class does."""
        versions = {library: metadata.version(library) for library in _LIBRARIES}
        if self._disagreements:
            compared = sum(count.compared for count in self._photos.values())
            raise _failure(self._disagreements, compared, self._ways.labels, versions)
        sizes = self._ways.sizes
        return Certificate(
            photos=dict(self._photos),
            pixels=self._pixels,
            probability=dict(self._probability),
            ties=self._ties,
            digests=self._ways.digests,
            versions=versions,
            int8=self._int8.accuracy(sizes[LITERT_INT8_FILE], sizes[LITERT_FILE]) if LITERT_INT8_FILE in sizes else None,
            score=dict(self._score) or None,
        )

    def _ask(self, photos: Sequence[Photo]) -> Answers:
        try:
            answers: Answers = self._ways.ask([photo.data for photo in photos])
            return answers
        except (BadPicture, tf.errors.OpError) as error:
            if len(photos) > 1:
                for photo in photos:
                    self._ask([photo])  # raises for the one that is at fault
                raise
            way = "Without TensorFlow" if isinstance(error, BadPicture) else "In TensorFlow"
            reason = str(error).partition("\n")[0]
            raise ParityFailed(
                f"{way}, the photo {photos[0].name} cannot be decoded: {reason}.",
                "Nothing is evaluated or pushed. Leave the photo out: reject its span, and deliver it again without the photo.",
            ) from error


@dataclass(frozen=True)
class _Disagreement:
    photo: str
    pair: tuple[str, str]
    first: Probabilities
    second: Probabilities

    @property
    def difference(self) -> float:
        return float(_differences(self.first, self.second).max())

    def sentence(self, labels: Sequence[str], further: str) -> str:
        """`further`: a clause on how many other photos differ, or empty."""
        one, other = (TITLES[way] for way in self.pair)
        position = int(_differences(self.first, self.second).argmax())
        if self.difference > LIMIT:
            probabilities = (
                f"{one} gives {labels[position]} a probability of {self.first[position]:.4f}, {other} {self.second[position]:.4f}"
            )
            what = f"{probabilities}; at most {LIMIT} of difference is allowed"
        else:
            top = [f"{labels[int(row.argmax())]} ({row.max():.5f})" for row in (self.first, self.second)]
            what = f"{one} answers {top[0]}, {other} {top[1]}"
        return f"The answers to the photo {self.photo} differ: {what}{further}."


@dataclass(frozen=True)
class _OtherScore:
    photo: str
    pair: tuple[str, str]
    first: float
    second: float

    @property
    def difference(self) -> float:
        """As far beyond its limit as a probability with this difference."""
        return float(_differences(np.float32(self.first), np.float32(self.second))) * LIMIT / SCORE_LIMIT

    def sentence(self, labels: Sequence[str], further: str) -> str:
        one, other = (TITLES[way] for way in self.pair)
        what = f"{one} gives a score of {self.first:.4f}, {other} {self.second:.4f}; more than 1 is `not known`"
        return f"The answers to the photo {self.photo} differ: {what}{further}."


class _Int8Counts:
    """Photos with labels for which the quantised model and the float32 one are right, and agree."""

    def __init__(self) -> None:
        self._photos = self._right = self._float_right = self._agreeing = 0
        self._probability = Difference()

    def add(self, photos: Sequence[Photo], labels: Sequence[str], float32: Probabilities, int8: Probabilities) -> None:
        rows = [row for row, photo in enumerate(photos) if photo.label is not None]
        if not rows:
            return
        truth = np.array([labels.index(label) if (label := photos[row].label) in labels else -1 for row in rows])
        float_classes, int8_classes = float32[rows].argmax(axis=1), int8[rows].argmax(axis=1)
        self._photos += len(rows)
        self._right += int((int8_classes == truth).sum())
        self._float_right += int((float_classes == truth).sum())
        self._agreeing += int((int8_classes == float_classes).sum())
        differences = _differences(float32[rows], int8[rows]).max(axis=1)
        self._probability = _larger(self._probability, differences, [photos[row] for row in rows])

    def accuracy(self, size: int, float_size: int) -> Int8Accuracy:
        return Int8Accuracy(self._photos, self._right, self._float_right, self._agreeing, self._probability, size, float_size)


def _differences(first: Any, second: Any) -> Any:
    """Of each probability or score; infinite where one is not a number."""
    return np.nan_to_num(np.abs(first - second), nan=np.inf)


def _top_classes_differ(first: Probabilities, second: Probabilities) -> npt.NDArray[np.bool_]:
    """bool [N]: whether two ways name different classes, and one of them prefers its own by TIE or more."""
    rows, top, other = np.arange(len(first)), first.argmax(axis=1), second.argmax(axis=1)
    lead = np.maximum(first[rows, top] - first[rows, other], second[rows, other] - second[rows, top])
    differ: npt.NDArray[np.bool_] = (top != other) & (lead >= TIE)
    return differ


def _larger(known: Difference, values: npt.NDArray[Any], photos: Sequence[Photo]) -> Difference:
    row = int(values.argmax())
    return Difference(values[row].item(), photos[row].name) if values[row] > known.largest else known


def _failure(
    disagreements: Sequence[_Disagreement | _OtherScore], compared: int, labels: Sequence[str], versions: Mapping[str, str]
) -> ParityFailed:
    """Names the photo with the largest difference."""
    worst = max(disagreements, key=lambda one: one.difference)
    photos = len({one.photo for one in disagreements})
    further = f"; {photos} of {compared} photos differ so" if photos > 1 else ""
    installed = ", ".join(f"{library} {version}" for library, version in versions.items())
    return ParityFailed(
        worst.sentence(labels, further),
        f"Nothing is evaluated or pushed. Installed are {installed}: install the versions of requirements/lock.txt and run again; "
        "with these, it is a bug.",
    )
