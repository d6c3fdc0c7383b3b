"""Where the main thing of a picture lies, found without any model of ours: what a model looks at cannot be judged by its own maps.

Background is what connects to the frame of the picture without crossing an edge of colour; the main thing is what differs in colour from
that (W. Zhu, S. Liang, Y. Wei, J. Sun: Saliency Optimization from Robust Background Detection, CVPR 2014).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import shortest_path
from skimage.color import rgb2lab
from skimage.filters import threshold_otsu
from skimage.segmentation import slic

from flowers_tfx.explain.model_function import Pictures
from flowers_tfx.threads import map_in_threads

Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

# A mask that covers less or more of the picture is not the outline of a thing in it.
SMALLEST, LARGEST = 0.04, 0.75
# Edge lengths of an eighth of a picture's are enough for an outline.
_SIDE_PX, _SUPERPIXELS = 128, 250
# As published: differences of colour in units of CIELAB, distances as shares of the picture.
_COLOUR, _DISTANCE, _BORDER, _SMOOTHNESS = 10.0, 0.25, 1.0, 0.1
_REFINEMENTS = 2
# Smaller pieces beside the largest are left out.
_SMALLEST_PIECE = 0.15


def salient_masks(pictures: Pictures) -> list[Mask | None]:
    """Of each picture, bool [s, s]; None where no plausible thing stands out."""
    return list(map_in_threads(salient_mask, pictures))


def salient_mask(picture: Pictures) -> Mask | None:
    """From one picture, uint8 [s, s, 3]."""
    saliency = saliency_map(picture)
    if saliency is None:
        return None
    mask = _large_pieces(saliency > threshold_otsu(saliency))
    share = float(mask.mean())
    if not SMALLEST <= share <= LARGEST:
        return None
    size = picture.shape[0]
    return np.asarray(Image.fromarray(mask.astype(np.uint8) * 255).resize((size, size), Image.Resampling.BILINEAR)) > 127


def saliency_map(picture: Pictures) -> Doubles | None:
    """[128, 128], 0 to 1; None for a picture of one colour."""
    small = np.asarray(Image.fromarray(picture).resize((_SIDE_PX, _SIDE_PX), Image.Resampling.BOX))
    lab = rgb2lab(small)
    if float(lab.std(axis=(0, 1)).max()) < 1:
        return None
    segments = slic(small, n_segments=_SUPERPIXELS, compactness=10.0, start_label=0)
    count = int(segments.max()) + 1
    if count < 3:
        return None
    sizes = np.bincount(segments.ravel(), minlength=count)
    colours = _means(lab.reshape(-1, 3), segments, sizes)
    places = _means(np.indices(segments.shape).reshape(2, -1).T / _SIDE_PX, segments, sizes)
    values = _optimise(colours, places, *_neighbours(segments))
    saliency: Doubles = _without_background_colours(_spread(values), colours, sizes)[segments]
    return saliency


def _means(values: Doubles, segments: Positions, sizes: Positions) -> Doubles:
    columns = [np.bincount(segments.ravel(), weights=column, minlength=len(sizes)) for column in values.T]
    means: Doubles = np.stack(columns, axis=1) / np.maximum(sizes, 1)[:, np.newaxis]
    return means


def _neighbours(segments: Positions) -> tuple[Positions, Positions]:
    """Pairs [P, 2] of segments that touch, and the segments at the border."""
    across = np.stack([segments[:, :-1].ravel(), segments[:, 1:].ravel()], axis=1)
    down = np.stack([segments[:-1].ravel(), segments[1:].ravel()], axis=1)
    pairs = np.sort(np.concatenate([across, down]), axis=1)
    border = np.unique(np.concatenate([segments[0], segments[-1], segments[:, 0], segments[:, -1]]))
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0), border


def _optimise(colours: Doubles, places: Doubles, pairs: Positions, border: Positions) -> Doubles:
    """The saliency of each segment: near 0 for background, near 1 for what contrasts with it, and smooth between alike neighbours."""
    count = len(colours)
    first, second = pairs.T
    steps = np.sqrt(((colours[first] - colours[second]) ** 2).sum(axis=1))
    background = _background_probability(steps, pairs, border, count)
    apart = np.sqrt(((colours[:, np.newaxis] - colours) ** 2).sum(axis=2))
    near = np.exp(-((places[:, np.newaxis] - places) ** 2).sum(axis=2) / (2 * _DISTANCE**2))
    contrast = (apart * near * background).sum(axis=1)
    contrast = contrast / max(float(contrast.max()), 1e-9)
    weights = np.exp(-(steps**2) / (2 * _COLOUR**2)) + _SMOOTHNESS
    links = coo_matrix((weights, (first, second)), (count, count)).toarray()
    links += links.T
    system = np.diag(background + contrast + links.sum(axis=1)) - links
    values: Doubles = np.linalg.solve(system + 1e-9 * np.eye(count), contrast)
    return values


def _without_background_colours(values: Doubles, colours: Doubles, sizes: Positions) -> Doubles:
    """Of each segment, the share of its colour that lies in the salient part; grass between petals is as green as grass around them."""
    apart = ((colours[:, np.newaxis] - colours) ** 2).sum(axis=2)
    alike = np.exp(-apart / (2 * _COLOUR**2)) * sizes
    for _ in range(_REFINEMENTS):
        inside, outside = alike @ values, alike @ (1 - values)
        values = _spread(np.sqrt(values * inside / (inside + outside)))
    return values


def _spread(values: Doubles) -> Doubles:
    low, high = float(values.min()), float(values.max())
    spread: Doubles = (values - low) / max(high - low, 1e-9)
    return spread


def _background_probability(steps: Doubles, pairs: Positions, border: Positions, count: int) -> Doubles:
    """By how much of what a segment belongs to lies at the border: the length there over the square root of the area."""
    graph = coo_matrix((np.maximum(steps, 1e-6), pairs.T), (count, count)).tocsr()
    similarity = np.exp(-(shortest_path(graph, method="D", directed=False) ** 2) / (2 * _COLOUR**2))
    connectivity = similarity[:, border].sum(axis=1) / np.sqrt(similarity.sum(axis=1))
    probability: Doubles = 1 - np.exp(-(connectivity**2) / (2 * _BORDER**2))
    return probability


def _large_pieces(mask: Mask) -> Mask:
    """Without small pieces, and without holes."""
    pieces, count = ndimage.label(mask)
    if not count:
        return mask
    areas = np.bincount(pieces.ravel())[1:]
    kept = 1 + np.flatnonzero(areas >= _SMALLEST_PIECE * areas.max())
    filled: Mask = ndimage.binary_fill_holes(np.isin(pieces, kept))
    return filled
