"""Many columns as few orthogonal directions, and the distance between two groups of photos along them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import linalg

from flowers_tfx.validation.permutation import Floats, Matrix, Permutations


@dataclass(frozen=True)
class Spectrum:
    """Columns as orthogonal directions: `scores` [1 + permutations, directions] in standard deviations, `weights`: variance along each,
    `vectors` [photos, directions]: where each photo lies on them."""

    scores: Floats
    weights: Floats
    vectors: Floats

    @classmethod
    def of_gram(cls, permutations: Permutations, gram: Floats, directions: int, rows: npt.NDArray[np.int64] | None = None) -> Spectrum:
        """From a Gram or kernel matrix [photos, photos] of centred columns, of all photos or of `rows`; only the largest `directions`
        are used. Photos that are left out get the position 0."""
        keep = min(directions, len(gram) - 1)
        values, vectors = _largest(gram, keep)
        nonzero = values > values.max(initial=0.0) * 1e-6
        positions = vectors[:, nonzero]
        if rows is not None:
            positions = np.zeros((permutations.photos, positions.shape[1]))
            positions[rows] = vectors[:, nonzero]
        return cls(permutations.scores(positions), values[nonzero] / values[nonzero].sum(), positions)

    @classmethod
    def from_columns(cls, permutations: Permutations, columns: Matrix) -> Spectrum:
        """From few columns of many photos."""
        vectors, values, _ = linalg.svd(columns - columns.mean(axis=0), full_matrices=False)
        squares = values**2
        nonzero = squares > squares.max(initial=0.0) * 1e-6
        return cls(permutations.scores(vectors[:, nonzero]), squares[nonzero] / squares[nonzero].sum(), vectors[:, nonzero])

    def distances(self, ridges: tuple[float, ...]) -> Floats:
        """[1 + permutations, ridges]: Hotelling's T2 with directions of variance s weighted by s / (s + ridge * mean s).

        A small ridge weights nearly all directions alike, a large one gives the plain distance of the means, which with a kernel is the
        maximum mean discrepancy (Gretton et al. 2012; Harchaoui et al. 2008)."""
        unit = self.weights * len(self.weights)
        squares = self.scores**2
        return np.stack([squares @ (unit / (unit + ridge)) for ridge in ridges], axis=1)

    def shifted(self, added: Floats) -> Spectrum:
        """The first draws with these scores [draws, directions] added: what a shift would have given."""
        return replace(self, scores=self.scores[1 : len(added) + 1] + added[: len(self.scores) - 1])

    def newness(self, ridge: float) -> Floats:
        """[photos]: position on the line that separates the groups best (Fisher's discriminant with a ridge); larger is newer."""
        unit = self.weights * len(self.weights)
        position: Floats = self.vectors @ (self.scores[0] * unit / (unit + ridge))
        return position


def _largest(gram: Floats, directions: int) -> tuple[Floats, Floats]:
    size = len(gram)
    values, vectors = linalg.eigh(gram, subset_by_index=[size - directions, size - 1], driver="evr")
    return np.maximum(values[::-1], 0.0), vectors[:, ::-1]


def centred_gram(columns: Matrix) -> Floats:
    centred = (columns - columns.mean(axis=0)).astype(np.float64)
    gram: Floats = centred @ centred.T
    return gram


def centred_kernel(columns: Matrix) -> Floats:
    """Gaussian kernel at the median distance, centred in its own space."""
    squares = (columns.astype(np.float64) ** 2).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares[None] - 2 * columns.astype(np.float64) @ columns.T.astype(np.float64), 0.0)
    scale = np.median(distances[np.triu_indices(len(distances), 1)]) if len(distances) > 1 else 1.0
    kernel = np.exp(-distances / max(scale, 1e-12))
    means = kernel.mean(axis=0)
    centred: Floats = kernel - means[None] - means[:, None] + means.mean()
    return centred
