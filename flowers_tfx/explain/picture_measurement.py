"""The image properties of pictures as the network sees them, by the functions that measure photos.

The network's picture is small and squashed to a square. Tone and colour are those of the photo; sharpness and noise are measured on fewer
pixels than a photo's, so they compare pictures with each other and not with the photos' own values.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from flowers_tfx.data.photo_batch import BATCH
from flowers_tfx.data.pixel_sample import GRID, PixelSample, neighbourhoods
from flowers_tfx.data.properties import measure
from flowers_tfx.explain.model_function import Pictures
from flowers_tfx.threads import map_in_threads

MEASURABLE = ("mean_luma", "rms_contrast", "saturation", "sharpness", "noise")


def measure_pictures(pictures: Pictures | Sequence[Pictures], name: str) -> npt.NDArray[np.float64]:
    """[N], of one property of MEASURABLE."""
    samples = list(map_in_threads(_sample, pictures))
    rows = (row for at in range(0, len(samples), BATCH) for row in measure(samples[at : at + BATCH], (name,)))
    return np.array([row[name] for row in rows], np.float64)


def _sample(picture: Pictures) -> PixelSample:
    image = Image.fromarray(picture)
    grid = image.resize((GRID, GRID), Image.Resampling.NEAREST).tobytes()
    return PixelSample(image.width, image.height, 0, "PNG", None, None, "", grid, neighbourhoods(image.convert("L")))
