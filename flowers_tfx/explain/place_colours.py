"""The colour that the photos of a class have in one place more often than the photos of other classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from flowers_tfx.explain import effects, perturbations
from flowers_tfx.explain.colour_names import NAMES, name_colours
from flowers_tfx.explain.model_function import Pictures
from flowers_tfx.explain.photo_set import PhotoSet

# Of the pixels in the place, as many have the colour where a photo "has" it.
_SMALLEST_SHARE = 0.1

Box = tuple[float, float, float, float]


def typical_colour(photo_set: PhotoSet, box: Box, label: int) -> dict[str, Any] | None:
    """The name of the colour, and the shares of the class's photos and of the others that have it there; None without photos of both."""
    own = photo_set.truth == label
    if not own.any() or own.all():
        return None
    present = colours_present(photo_set.pictures, box)
    ahead = present[own].mean(axis=0) - present[~own].mean(axis=0)
    at = int(ahead.argmax())
    return {
        "name": NAMES[at],
        "class_share": effects.number(present[own, at].mean()),
        "other_share": effects.number(present[~own, at].mean()),
    }


def colours_present(pictures: Pictures, box: Box) -> npt.NDArray[np.bool_]:
    """[N, colours] of NAMES: whether the colour covers a tenth of the box."""
    x0, y0, x1, y1 = perturbations.pixels(box, pictures.shape[1])
    # Every second pixel is enough for shares.
    patches = pictures[:, y0:y1:2, x0:x1:2].reshape(len(pictures), -1, 3)
    names = name_colours(patches)
    return np.stack([(names == at).mean(axis=1) >= _SMALLEST_SHARE for at in range(len(NAMES))], axis=1)
