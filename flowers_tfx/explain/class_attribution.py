"""Where in its photos the evidence for a class lies, on the average of the photos that the model answers right.

A map that is heavy at the border or in one corner does not follow the flower, which people put in the middle: it says that the model may
rely on a frame, a watermark or the surroundings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from flowers_tfx.explain.explanation import Explanation
from flowers_tfx.explain.model_function import Floats
from flowers_tfx.explain.outcomes import Doubles, Flags, number
from flowers_tfx.explain.photo_set import PhotoSet

GRID = 14
# Frames around the centre that each cover a third of the picture, so that evenly spread evidence would give each of them a third.
RINGS = ("centre", "middle", "border")
CORNERS = ("top left", "top right", "bottom left", "bottom right")
CORNER_SIDE = 0.25  # of the picture's side


def class_attributions(photo_set: PhotoSet, explanations: Mapping[int, Explanation]) -> dict[str, dict[str, Any]]:
    """By class, see `class_attribution`."""
    return {label: class_attribution(photo_set, explanations, place) for place, label in enumerate(photo_set.labels)}


def class_attribution(photo_set: PhotoSet, explanations: Mapping[int, Explanation], label: int) -> dict[str, Any]:
    """The mean map of the class: the positive evidence of each photo, with the sum 1, averaged over the photos of the class that were
    answered right and whose explanation is trustworthy.

    `map`: [14][14] shares of the evidence, rows from the top, None without photos; `spread`: their standard deviation over the photos, None
    for fewer than 2. `areas`: the share of the evidence in each ring and corner. The other counts say why photos were left out.
    """
    own = [explanations[index] for index in sorted(explanations) if photo_set.truth[index] == label]
    right = [explanation for explanation in own if explanation.target == label]
    trustworthy = [explanation for explanation in right if explanation.quality.trustworthy]
    maps = [shares for explanation in trustworthy if (shares := _evidence_shares(explanation.map)) is not None]
    cells = np.array([_cell_sums(shares) for shares in maps])
    return {
        "explained": len(own),
        "photos": len(maps),
        "answered_wrong": len(own) - len(right),
        "not_trustworthy": len(right) - len(trustworthy),
        "without_evidence": len(trustworthy) - len(maps),
        "map": _rounded(cells.mean(axis=0)) if maps else None,
        "spread": _rounded(cells.std(axis=0, ddof=1)) if len(maps) > 1 else None,
        "areas": [_area(name, kind, maps) for kind, names in (("ring", RINGS), ("corner", CORNERS)) for name in names] if maps else [],
    }


def _evidence_shares(evidence: Floats) -> Doubles | None:
    """The positive part of a map with the sum 1; None where nothing is positive."""
    positive = np.maximum(evidence.astype(np.float64), 0)
    total = float(positive.sum())
    if total <= 0:
        return None
    shares: Doubles = positive / total
    return shares


def _cell_sums(shares: Doubles) -> Doubles:
    """[14, 14]: what lies in each cell. A pixel on the edge of two cells counts for both in proportion."""
    sums: Doubles = _overlap(shares.shape[0]) @ shares @ _overlap(shares.shape[1]).T
    return sums


def _overlap(side: int) -> Doubles:
    """[14, side]: the part of each pixel that lies in each cell."""
    edges = np.arange(GRID + 1) * side / GRID
    pixels = np.arange(side)
    overlap: Doubles = np.clip(np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels), 0, 1)
    return overlap


def _area(name: str, kind: str, maps: Sequence[Doubles]) -> dict[str, Any]:
    """`area`: its share of the picture; `share`: of the evidence, the mean over photos with its 95 % interval (Student's t) and `spread`,
    the standard deviation over the photos. `more_than_area`: the whole interval lies above `area`."""
    values = np.array([float(shares[_mask(name, shares.shape)].sum()) for shares in maps])
    area = float(_mask(name, maps[0].shape).mean())
    mean, interval, spread = float(values.mean()), None, None
    if len(values) > 1:
        spread = float(values.std(ddof=1))
        half = float(stats.t.ppf(0.975, len(values) - 1)) * spread / math.sqrt(len(values))
        interval = [number(max(0.0, mean - half)), number(min(1.0, mean + half))]
    return {
        "name": name,
        "kind": kind,
        "area": number(area),
        "share": number(mean),
        "interval": interval,
        "spread": None if spread is None else number(spread),
        "more_than_area": interval is not None and interval[0] > area,
    }


def _mask(name: str, shape: tuple[int, ...]) -> Flags:
    """The pixels of a ring or corner of a map of this shape."""
    y, x = ((np.arange(side) + 0.5) / side for side in shape)
    if name in CORNERS:
        rows = y < CORNER_SIDE if name.startswith("top") else y > 1 - CORNER_SIDE
        columns = x < CORNER_SIDE if name.endswith("left") else x > 1 - CORNER_SIDE
        corner: Flags = rows[:, None] & columns[None, :]
        return corner
    # The frame at the distance d, 0 in the centre and 1 at the edge, encloses the share d * d of the picture.
    distance = np.maximum(np.abs(2 * y - 1)[:, None], np.abs(2 * x - 1)[None, :])
    ring = RINGS.index(name)
    inner, outer = (math.sqrt((ring + step) / len(RINGS)) for step in (0, 1))
    frame: Flags = (distance > inner) & (distance <= outer) if ring else distance <= outer
    return frame


def _rounded(cells: Doubles) -> list[list[float]]:
    return [[number(value) for value in row] for row in cells]
