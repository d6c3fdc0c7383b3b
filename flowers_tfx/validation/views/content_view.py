"""Do the photos show something else? Embeddings of the frozen backbone: T2 with several ridges, linear and with a Gaussian kernel; and the
shares of the clusters that the photos fall into by themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits  # of scikit-learn, which needs it

from flowers_tfx.validation.permutation import Floats, Permutations
from flowers_tfx.validation.photo_pool import UNLABELLED, Codes, codes_of
from flowers_tfx.validation.row_sample import sample_rows
from flowers_tfx.validation.spectrum import Spectrum, centred_gram, centred_kernel
from flowers_tfx.validation.tables.photo_table import Photos
from flowers_tfx.validation.views.column_scores import chi_squared, to_log_p_values
from flowers_tfx.validation.views.distances import distance_view, without_class_means
from flowers_tfx.validation.views.view_result import Column, ViewResult

RIDGES = (0.5, 3.0, 30.0)
KERNEL_RIDGES = (1e4,)  # so large a ridge makes it the maximum mean discrepancy itself
DIRECTIONS = 200
CLUSTERS = (6, 8, 12, 20)
CLUSTERINGS = 6
CLUSTERED_DIRECTIONS = 50
MOST_PHOTOS = 2000


@dataclass(frozen=True)
class Content:
    """The input of the views of content: `rows` of the pool, the unit vectors of their embeddings, their Gram matrix and classes
    (UNLABELLED for a photo without a label)."""

    rows: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]
    gram: Floats
    classes: Codes

    def of_labelled(self) -> Content:
        """Of the photos that have a label."""
        labelled = self.classes != UNLABELLED
        if labelled.all():
            return self
        vectors = self.vectors[labelled]
        return Content(self.rows[labelled], vectors, centred_gram(vectors) if len(vectors) else np.zeros((0, 0)), self.classes[labelled])


def read_content(photos: Photos, classes: Codes) -> Content | None:
    """None without embeddings, or if all of them are equal."""
    if photos.embeddings is None or not np.ptp(photos.embeddings, axis=0).any():
        return None
    # At most MOST_PHOTOS photos, of either group: the work grows with the cube of their number.
    rows = np.sort(sample_rows(photos.digests, photos.uris, MOST_PHOTOS, 0))
    embeddings = photos.embeddings[rows]
    # Pooled ReLU outputs are skewed: square roots make their distances those of Hellinger, in which a few large numbers do not dominate.
    roots = np.sqrt(np.maximum(embeddings, 0.0)) if (embeddings >= 0).all() else embeddings
    vectors = roots / np.maximum(np.linalg.norm(roots, axis=1, keepdims=True), 1e-12)
    labels = np.array([None if code == UNLABELLED else code for code in classes[rows].tolist()], object)
    return Content(rows, vectors, centred_gram(vectors), codes_of(labels))


def content_view(permutations: Permutations, content: Content) -> ViewResult:
    within = centred_gram(without_class_means(content.vectors.astype(np.float64), content.classes))
    whole = Spectrum.of_gram(permutations, content.gram, DIRECTIONS, content.rows)
    others = ((within, RIDGES[:2]), (centred_kernel(content.vectors), KERNEL_RIDGES))
    spectra = [(whole, RIDGES), *((Spectrum.of_gram(permutations, matrix, DIRECTIONS, content.rows), ridges) for matrix, ridges in others)]
    view = distance_view("content", permutations, spectra)
    clusters = to_log_p_values(_cluster_shares(permutations, whole, content.rows)[:, None])
    return replace(
        view, statistics=np.concatenate([view.statistics, clusters], axis=1), columns=(*view.columns, Column("content", "clusters"))
    )


def _cluster_shares(permutations: Permutations, spectrum: Spectrum, rows: npt.NDArray[np.int64]) -> Floats:
    """[1 + draws]: how different the groups' shares are of the clusters that k-means finds in both together.

    A kind of picture that disappears moves the mean little and along few directions, where T2 is weak. Chi-squared over its degrees of
    freedom, summed over several numbers of clusters and several clusterings, since a single one depends on luck (Strehl and Ghosh 2002).
    """
    # Half way between the positions as they are and directions that all count alike: variances are squares of singular values.
    positions = spectrum.vectors[rows, :CLUSTERED_DIRECTIONS] * spectrum.weights[:CLUSTERED_DIRECTIONS] ** 0.25
    # Where clusters start must not depend on which photos are new: new photos are last in the table.
    order = np.lexsort(positions.T[::-1])
    sizes = [clusters for clusters in CLUSTERS if 5 * clusters <= len(rows) for _ in range(CLUSTERINGS)]
    flags = np.zeros((permutations.photos, sum(sizes)), bool)
    begin = np.cumsum([0, *sizes[:-1]]) if sizes else np.zeros(0, np.int64)
    # So few photos take milliseconds on one core. OpenMP's threads take many times that: they spin while others hold a core.
    with threadpool_limits(1, "openmp"):
        for at, clusters, seed in zip(begin, sizes, range(len(sizes)), strict=True):
            flags[rows[order], at + KMeans(clusters, n_init=1, random_state=seed % CLUSTERINGS).fit_predict(positions[order])] = True
    shares = chi_squared(permutations, flags)
    return sum((shares[:, at : at + n].sum(axis=1) / (n - 1) for at, n in zip(begin, sizes, strict=True)), np.zeros(len(shares)))
