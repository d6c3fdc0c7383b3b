"""What the answers for each class rest on: parts of photos that matter for it, found without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flowers_tfx.explain.concept_factors import Concepts, concepts_at_most, evidence_for, measure_quality, probability_falls
from flowers_tfx.explain.concept_words import (
    Part,
    Surroundings,
    colours_of,
    detail_word,
    inside_of,
    inside_word,
    measure_surroundings,
    place_word,
    suspicion,
    words_for,
)
from flowers_tfx.explain.crops import Box, crop_boxes, crop_features
from flowers_tfx.explain.model_function import Answers, Floats, Head, Vectors
from flowers_tfx.explain.photo_set import PhotoSet
from flowers_tfx.explain.salient_regions import salient_masks
from flowers_tfx.litert import FEATURES
from flowers_tfx.progress import ProgressCallback

Indices = npt.NDArray[np.int64]
Masks = Sequence[npt.NDArray[np.bool_] | None]

# Photos of a class at most, and of all classes: the time grows with them.
_OF_CLASS, _OF_ALL = 40, 1000
_OF_OTHERS = 100  # photos in which the concepts of a class are looked for
_EXAMPLES = 6  # crops that show a concept, one a photo
# A photo has a concept if its strongest crop has this share of the median evidence in the three photos with the most.
_PRESENT, _STRONGEST = 0.5, 3
# A concept with less of a class's evidence is left out.
_SMALLEST_SHARE = 0.02
_DIGITS = 4


@dataclass(frozen=True)
class ConceptAnalysis:
    """Both by class name, as JSON. `concepts`: suspicious ones first, and then the largest share of the evidence first. `quality`: how far
    they can be trusted."""

    concepts: dict[str, list[dict[str, Any]]]
    quality: dict[str, dict[str, Any] | None]


def find_concepts(
    photo_set: PhotoSet, answers: Answers, outputs: Vectors, head: Head, masks: Masks | None, progress: ProgressCallback
) -> ConceptAnalysis:
    """`outputs`: the answers to the whole set. `masks`: where in each photo the flower is, bool [s, s], if it stands out; None: they are
    looked for. Progress counts photos. A class without photos, or without any evidence in them, has no concepts and the quality None."""
    indices, boxes = _choose(photo_set), crop_boxes()
    outlines = salient_masks(photo_set.pictures[indices]) if masks is None else [masks[index] for index in indices]
    features = crop_features(photo_set.pictures[indices], boxes, answers, progress)
    crops = _Crops(photo_set, indices, boxes, features, outputs[FEATURES][indices], outlines)
    analyses = {label: _analyse_class(crops, target, head) for target, label in enumerate(photo_set.labels)}
    return ConceptAnalysis({label: rows for label, (rows, _) in analyses.items()}, {label: row for label, (_, row) in analyses.items()})


def _choose(photo_set: PhotoSet) -> Indices:
    """At most 40 photos of each class, fewer of many classes, evenly spaced in the set's order."""
    limit = max(1, min(_OF_CLASS, _OF_ALL // max(len(photo_set.labels), 1)))
    members = [np.flatnonzero(photo_set.truth == target) for target in range(len(photo_set.labels))]
    return np.sort(np.concatenate([_evenly(rows, limit) for rows in members]))


def _evenly(rows: Indices, limit: int) -> Indices:
    """At most so many of the rows."""
    return rows[np.linspace(0, len(rows) - 1, min(limit, len(rows))).round().astype(np.int64)]


@dataclass(frozen=True)
class _Crops:
    """Of the photos with these indices in the set: `features` [n, crops, F] of the crops, `whole` [n, F] of the whole photos, and their
    outlines."""

    photo_set: PhotoSet
    indices: Indices
    boxes: tuple[Box, ...]
    features: Floats
    whole: Floats
    masks: Masks

    def of_class(self, target: int) -> Indices:
        """Rows of the features."""
        return np.flatnonzero(self.photo_set.truth[self.indices] == target)

    def of_others(self, target: int) -> Indices:
        return _evenly(np.flatnonzero(self.photo_set.truth[self.indices] != target), _OF_OTHERS)

    def part(self, row: int, box: int) -> Part:
        index = int(self.indices[row])
        return Part(self.photo_set.pictures[index], self.boxes[box], self.masks[row])


def _analyse_class(crops: _Crops, target: int, head: Head) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """The concepts of one class, and their quality."""
    own = crops.of_class(target)
    if not len(own):
        return [], None
    evidence, whole = evidence_for(target, crops.features[own], head), evidence_for(target, crops.whole[own], head)
    concepts = Concepts(_as_rows(evidence), concepts_at_most(len(own)))
    if not len(concepts):
        return [], None
    logits = crops.whole[own].astype(np.float64) @ head.weights + head.bias
    amounts = concepts.amounts(whole)
    shares = amounts.sum(axis=0) / max(float(whole.sum()), 1e-12)
    falls = probability_falls(logits, target, amounts)
    strengths = _strengths(concepts, evidence)
    foreign = crops.of_others(target)
    elsewhere = _strengths(concepts, evidence_for(target, crops.features[foreign], head))
    surroundings = measure_surroundings(
        crops.photo_set.pictures[crops.indices], [crops.part(row, box) for row in own.tolist() for box in range(len(crops.boxes))]
    )
    rows: list[dict[str, Any]] = []
    for number in np.argsort(-shares, kind="stable").tolist():
        if shares[number] >= _SMALLEST_SHARE and strengths[..., number].any():
            row = _describe(crops, own, strengths[..., number], elsewhere[..., number], surroundings)
            rows.append(row | {"share": _round(shares[number]), "importance": _round(falls[:, number].mean())})
    rows.sort(key=lambda row: row["suspicious"] is None)
    quality = asdict(measure_quality(concepts, evidence, whole, logits, target))
    return rows, {"photos": len(own)} | {name: None if value is None else _round(value) for name, value in quality.items()}


def _as_rows(evidence: Floats) -> Floats:
    return evidence.reshape(-1, evidence.shape[-1])


def _strengths(concepts: Concepts, evidence: Floats) -> Floats:
    """[n, crops, k] of the evidence of crops, [n, crops, F]."""
    return concepts.amounts(_as_rows(evidence)).reshape(*evidence.shape[:2], len(concepts))


def _describe(crops: _Crops, own: Indices, strengths: Floats, elsewhere: Floats, surroundings: Surroundings) -> dict[str, Any]:
    """One concept, from its strength in each crop of the class's photos, [n, crops], and of other classes' photos."""
    best, strongest = strengths.argmax(axis=1), strengths.max(axis=1)
    order = np.argsort(-strongest, kind="stable")
    threshold = _PRESENT * float(np.median(strongest[order[:_STRONGEST]]))
    present = [row for row in order.tolist() if strongest[row] >= threshold]
    parts = [crops.part(int(own[row]), int(best[row])) for row in present]
    shown = parts[:_EXAMPLES]
    colours, inside, place = colours_of(shown, surroundings), inside_of(parts), place_word([part.box for part in parts])
    detail, in_own = detail_word(shown, surroundings), len(present) / len(own)
    in_others = float((elsewhere.max(axis=1) >= threshold).mean()) if len(elsewhere) else None
    return {
        "words": words_for(colours, detail, inside_word(inside, place), place),
        "suspicious": suspicion(place, inside, in_own, in_others),
        "colours": colours,
        "detail": detail,
        "inside": None if inside is None else _round(inside),
        "position": _position([part.box for part in parts]) | {"words": place},
        "present_in": _round(in_own),
        "present_in_others": None if in_others is None else _round(in_others),
        "crops": [_example(crops, own, row, int(best[row]), float(strongest[row])) for row in present[:_EXAMPLES]],
    }


def _example(crops: _Crops, own: Indices, row: int, box: int, strength: float) -> dict[str, Any]:
    """`evidence`: of the crop alone, in logits."""
    return {"photo": int(crops.indices[own[row]]), "box": [_round(end) for end in crops.boxes[box]], "evidence": _round(strength)}


def _position(boxes: Sequence[Box]) -> dict[str, float]:
    """The mean centre of the crops, and their root mean square distance from it; shares of the picture."""
    centres = np.array([((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in boxes])
    mean = centres.mean(axis=0)
    return {"x": _round(mean[0]), "y": _round(mean[1]), "spread": _round(np.sqrt(((centres - mean) ** 2).sum(axis=1).mean()))}


def _round(value: float) -> float:
    return round(float(value), _DIGITS)
