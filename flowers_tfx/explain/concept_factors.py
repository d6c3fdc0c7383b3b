"""Concepts of a class: directions of its evidence that often occur together in parts of its photos.

The factorisation of crops' features follows T. Fel et al., CRAFT: Concept Recursive Activation FacTorization for Explainability, CVPR 2023.
What is factorised here is the evidence, feature x weight: so the concepts are those that matter for the answer, features may be negative,
and the importance of a concept is exact, since the last layer is linear (T. Fel et al., A Holistic Approach to Unifying Automatic Concept
Extraction and Concept Importance Estimation, NeurIPS 2023).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment, nnls
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning

from flowers_tfx.explain.model_function import Floats, Head

Doubles = npt.NDArray[np.float64]

# Concepts of a class at most, and photos that each of them needs at least.
_CONCEPTS, _PHOTOS_EACH = 8, 2
_SEED = 0
_ITERATIONS, _TOLERANCE = 400, 1e-4
_SHUFFLES = 10


def evidence_for(target: int, features: Floats, head: Head) -> Floats:
    """float32 [..., F], not negative: by how much each feature lifts the logit of the class above the mean of the other classes' logits.

    Features that speak against the class count as 0. Adding a number to all logits changes no probability, and so no evidence.
    """
    contrast = head.weights[:, target] - np.delete(head.weights, target, axis=1).mean(axis=1)
    evidence: Floats = np.maximum(features * contrast, 0).astype(np.float32)
    return evidence


class Concepts:
    """Of one class. `patterns` float32 [k, F]: how the evidence of each concept is spread over the features; each sums to 1."""

    def __init__(self, evidence: Floats, limit: int) -> None:
        """`evidence` [n, F] of crops; no concepts where all of it is 0. At most `limit` concepts."""
        self._columns = np.flatnonzero(evidence.any(axis=0))
        number = min(limit, len(self._columns), len(evidence))
        self._model = NMF(number, init="nndsvda", random_state=_SEED, max_iter=_ITERATIONS, tol=_TOLERANCE) if number else None
        self.patterns = np.zeros((0, evidence.shape[1]), np.float32)
        if self._model is not None:
            with warnings.catch_warnings():
                # A factorisation that still improves a little is good enough: its error is part of the result.
                warnings.simplefilter("ignore", ConvergenceWarning)
                self._model.fit(_balanced(evidence[:, self._columns]))
            self._kept = np.flatnonzero(self._model.components_.sum(axis=1) > 0)
            self.patterns = np.zeros((len(self._kept), evidence.shape[1]), np.float32)
            self.patterns[:, self._columns] = self._model.components_[self._kept]
            self._sums = self.patterns.sum(axis=1)
            self.patterns /= self._sums[:, np.newaxis]

    def __len__(self) -> int:
        return len(self.patterns)

    def amounts(self, evidence: Floats) -> Floats:
        """float32 [n, k]: the evidence of each concept in rows [n, F], in logits."""
        if self._model is None or not len(evidence):
            return np.zeros((len(evidence), len(self)), np.float32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            loadings = self._model.transform(np.ascontiguousarray(evidence[:, self._columns]))
        amounts: Floats = (loadings[:, self._kept] * self._sums).astype(np.float32)
        return amounts


def _balanced(evidence: Floats) -> Floats:
    """Each row over the root of its length: else the squared errors of crops with much evidence outweigh all that is in other crops."""
    lengths = np.linalg.norm(evidence, axis=1, keepdims=True)
    balanced: Floats = (evidence / np.sqrt(np.where(lengths > 0, lengths, 1))).astype(np.float32)
    return balanced


def concepts_at_most(photos: int) -> int:
    """How many concepts are looked for in so many photos of a class."""
    return min(_CONCEPTS, max(1, photos // _PHOTOS_EACH)) if photos else 0


def probability_falls(logits: Doubles, target: int, amounts: Floats) -> Doubles:
    """[n, k]: by how much the probability of the class falls when the evidence of one concept is taken away. `logits` [n, classes]."""
    others = np.delete(logits, target, axis=1)
    top = others.max(axis=1, keepdims=True)
    margin = logits[:, target] - (top[:, 0] + np.log(np.exp(others - top).sum(axis=1)))
    falls: Doubles = _sigmoid(margin)[:, np.newaxis] - _sigmoid(margin[:, np.newaxis] - amounts)
    return falls


def _sigmoid(values: Doubles) -> Doubles:
    result: Doubles = 0.5 * (1 + np.tanh(values / 2))
    return result


@dataclass(frozen=True)
class ConceptQuality:
    """How far the concepts of a class can be trusted.

    `variance`: of the crops' evidence, the share that the concepts explain beyond its mean; `evidence`: of the whole photos' evidence, the
    share that lies in concepts. `stability`: mean cosine of the concepts of one half of the photos and the best matching ones of the
    other; `chance`: the mean cosine of any two of them; None where there are too few photos. `removal`: by how much the probability
    of the class falls without the most important concept; `random_removal`: without the same pattern on shuffled features.
    """

    variance: float
    evidence: float
    stability: float | None
    chance: float | None
    removal: float
    random_removal: float


def measure_quality(concepts: Concepts, crops: Floats, photos: Floats, logits: Doubles, target: int) -> ConceptQuality:
    """`crops` [n, crops, F] and `photos` [n, F]: the evidence of the class's photos."""
    rows = crops.reshape(-1, crops.shape[2])
    rest = rows - concepts.amounts(rows) @ concepts.patterns
    amounts = concepts.amounts(photos)
    falls = probability_falls(logits, target, amounts).mean(axis=0)
    best = int(falls.argmax())
    stability, chance = _stability(crops) if len(crops) >= 2 * _PHOTOS_EACH else (None, None)
    return ConceptQuality(
        variance=1 - float((rest**2).sum()) / max(float(((rows - rows.mean(axis=0)) ** 2).sum()), 1e-12),
        evidence=float(amounts.sum()) / max(float(photos.sum()), 1e-12),
        stability=stability,
        chance=chance,
        removal=float(falls[best]),
        random_removal=_random_removal(concepts.patterns, best, photos, logits, target),
    )


def _stability(crops: Floats) -> tuple[float, float]:
    """Concepts of every second photo against those of the others."""
    halves = [crops[start::2].reshape(-1, crops.shape[2]) for start in (0, 1)]
    first, second = (_unit(Concepts(half, concepts_at_most(len(crops) // 2)).patterns) for half in halves)
    cosines = first @ second.T
    return float(cosines[linear_sum_assignment(-cosines)].mean()), float(cosines.mean())


def _unit(patterns: Floats) -> Floats:
    unit: Floats = patterns / np.linalg.norm(patterns, axis=1, keepdims=True)
    return unit


def _random_removal(patterns: Floats, position: int, photos: Floats, logits: Doubles, target: int) -> float:
    """The mean over shuffles of one pattern among the features: beside the other concepts, in a direction that means nothing."""
    rng = np.random.default_rng(_SEED)
    falls, changed = [], patterns.astype(np.float64)
    for _ in range(_SHUFFLES):
        changed[position] = rng.permutation(patterns[position])
        amounts = np.array([nnls(changed.T, row)[0][position] for row in photos.astype(np.float64)], np.float32)
        falls.append(float(probability_falls(logits, target, amounts[:, np.newaxis]).mean()))
    return float(np.mean(falls))
