"""Distances between the two groups along many directions at once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from flowers_tfx.validation.permutation import Floats, Permutations
from flowers_tfx.validation.photo_pool import Codes
from flowers_tfx.validation.spectrum import Spectrum
from flowers_tfx.validation.views.column_scores import to_log_p_values
from flowers_tfx.validation.views.view_result import Column, ViewResult


def distance_view(name: str, permutations: Permutations, spectra: Iterable[tuple[Spectrum, tuple[float, ...]]]) -> ViewResult:
    """T2 of each spectrum with each of its ridges. Findings report what the first spectrum shows."""
    spectra = tuple(spectra)
    statistics: list[Floats] = []
    separation, newness = 0.0, np.zeros(permutations.photos)
    for spectrum, ridges in spectra:
        statistics.append(spectrum.distances(ridges))
        if len(statistics) == 1:
            separation = _separation(permutations, statistics[0][:, 1], spectrum, ridges[1])
            newness = spectrum.newness(ridges[1])
    distances = np.concatenate(statistics, axis=1)
    columns = tuple(Column(name, f"T2 {i}") for i in range(distances.shape[1]))
    return ViewResult(to_log_p_values(distances), columns, separation=separation, newness=newness, spectra=spectra)


def without_class_means(columns: Floats, classes: Codes) -> Floats:
    """Columns less their class's mean: a change of the class shares alone leaves these as they are. Photos without a label count as one
    class here, whose share may change, too."""
    classes = classes - classes.min()
    counts = np.bincount(classes).astype(np.float64)
    means = np.stack([np.bincount(classes, column) for column in columns.T], axis=1) / np.maximum(counts, 1)[:, None]
    within: Floats = columns - means[classes]
    return within


def _separation(permutations: Permutations, distances: Floats, spectrum: Spectrum, ridge: float) -> float:
    """Squared distance between the groups' means along the directions that are used, in standard deviations, minus the value expected by
    chance.

    Each direction's squared score is about 1 + distance**2 * new * old / photos; the mean over draws stands for the first term.
    """
    unit = spectrum.weights * len(spectrum.weights)
    excess = float(distances[0] - distances[1:].mean())
    old = permutations.photos - permutations.new
    return max(0.0, excess * permutations.photos / permutations.new / old / float((unit / (unit + ridge)).max()))
