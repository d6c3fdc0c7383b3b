"""The regions of a map that hold most of its evidence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from flowers_tfx.explain.explanation import Region
from flowers_tfx.explain.model_function import Floats
from flowers_tfx.explain.orders import pool

SHARE = 0.8  # of the positive evidence, at least
MOST_REGIONS = 8
_CELLS = 28
_TAKEN = 0.85  # of the positive evidence lies in the cells that are taken, so that tiny regions can be left out


def find_regions(evidence: Floats) -> tuple[Region, ...]:
    """The fewest connected regions that hold SHARE of the positive evidence of a map [s, s], largest share first; none where nothing is
    positive.

    The cells with the most evidence are taken until they hold _TAKEN of it. Cells that touch, at a corner too, are a region. The regions
    with the smallest shares are left out while the others hold enough. Where that leaves more than MOST_REGIONS, cells twice as wide
    are taken.
    """
    cells = min(_CELLS, len(evidence))
    while True:
        regions = _regions(np.maximum(pool(evidence, cells).astype(np.float64), 0))
        if len(regions) <= MOST_REGIONS:
            return regions
        cells //= 2


def _regions(values: npt.NDArray[np.float64]) -> tuple[Region, ...]:
    total = float(values.sum())
    if total <= 0:
        return ()
    regions = [_region(places, values, total) for places in _components(_most_evidence(values, total))]
    regions.sort(key=lambda region: -region.share)
    shares = np.cumsum([region.share for region in regions])
    return tuple(regions[: int(np.searchsorted(shares, SHARE)) + 1])


def _most_evidence(values: npt.NDArray[np.float64], total: float) -> npt.NDArray[np.bool_]:
    """The fewest cells that hold _TAKEN of the evidence."""
    order = np.argsort(-values, axis=None, kind="stable")
    number = int(np.searchsorted(np.cumsum(values.ravel()[order]), _TAKEN * total)) + 1
    taken = np.zeros(values.size, np.bool_)
    taken[order[:number]] = True
    return taken.reshape(values.shape) & (values > 0)


def _components(taken: npt.NDArray[np.bool_]) -> Iterator[list[tuple[int, int]]]:
    """Rows and columns of the cells of each connected part."""
    open_cells = {(int(row), int(column)) for row, column in np.argwhere(taken)}
    while open_cells:
        waiting = [open_cells.pop()]
        component = []
        while waiting:
            row, column = waiting.pop()
            component.append((row, column))
            neighbours = {(row + down, column + across) for down in (-1, 0, 1) for across in (-1, 0, 1)} & open_cells
            open_cells -= neighbours
            waiting.extend(neighbours)
        yield component


def _region(places: list[tuple[int, int]], values: npt.NDArray[np.float64], total: float) -> Region:
    rows, columns = np.array(places).T
    height, width = values.shape
    box = (columns.min() / width, rows.min() / height, (columns.max() + 1) / width, (rows.max() + 1) / height)
    x0, y0, x1, y1 = map(float, box)
    return Region((x0, y0, x1, y1), float(values[rows, columns].sum() / total))
