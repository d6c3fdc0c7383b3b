"""Pictures whose background, or whose thing, is changed: by an outline, bool [s, s], that is True on the thing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from flowers_tfx.explain import perturbations
from flowers_tfx.explain.model_function import Floats, Pictures

# Shares of the picture's width: of the blur that leaves only colours, and of the soft edge of what is pasted.
_BLUR, _FEATHER = 1 / 16, 1 / 112
_GREY = 128

Mask = npt.NDArray[np.bool_]
Change = Callable[[Pictures, Mask], Pictures]


def paste(thing: Pictures, background: Pictures, mask: Mask) -> Pictures:
    """What the outline encloses of the one picture over the other, with a soft edge."""
    soft = _image(mask).filter(ImageFilter.GaussianBlur(_FEATHER * len(mask)))
    return np.asarray(Image.composite(Image.fromarray(thing), Image.fromarray(background), soft))


def without_thing(picture: Pictures, mask: Mask) -> Pictures:
    """The background alone: in the place of the thing, the colours around it run into each other."""
    margin = 2 * round(_FEATHER * len(mask)) + 1
    outside = ~(np.asarray(_image(mask).filter(ImageFilter.MaxFilter(2 * margin + 1))) > 0)
    if not outside.any():
        return np.broadcast_to(perturbations.to_bytes(picture.mean(axis=(0, 1))), picture.shape).copy()
    weight = outside.astype(np.float32)[..., np.newaxis]
    return perturbations.to_bytes(_fill(np.concatenate([picture * weight, weight], axis=2)))


def _fill(sums: Floats) -> Floats:
    """[h, w, 3] from colours times weights and weights, [h, w, 4]: what has no weight gets the colours of half the size."""
    weight = sums[..., 3:]
    known: Floats = sums[..., :3] / np.maximum(weight, 1e-6)
    if bool((weight > 0).all()):
        return known
    height, width = weight.shape[:2]
    padded = np.pad(sums, ((0, height % 2), (0, width % 2), (0, 0)))
    halved = padded.reshape(-(-height // 2), 2, -(-width // 2), 2, 4).mean(axis=(1, 3))
    wide = np.stack([_enlarge(channel, width, height) for channel in np.moveaxis(_fill(halved), 2, 0)], axis=2)
    # A colour that rests on few of a coarse pixel's points counts less than those around it.
    certain = np.minimum(weight, 1.0)
    filled: Floats = certain * known + (1 - certain) * wide
    return filled


def _enlarge(channel: Floats, width: int, height: int) -> Floats:
    return np.asarray(Image.fromarray(np.ascontiguousarray(channel, np.float32)).resize((width, height), Image.Resampling.BILINEAR))


def _image(mask: Mask) -> Image.Image:
    return Image.fromarray(mask.astype(np.uint8) * 255)


def _with_blurred_background(picture: Pictures, mask: Mask) -> Pictures:
    return paste(picture, perturbations.blurred(without_thing(picture, mask), _BLUR * len(picture)), mask)


def _with_grey_background(picture: Pictures, mask: Mask) -> Pictures:
    return paste(picture, np.full_like(picture, _GREY), mask)


def _with_blurred_thing(picture: Pictures, mask: Mask) -> Pictures:
    return paste(perturbations.blurred(picture, _BLUR * len(picture)), picture, mask)


CHANGES: dict[str, Change] = {
    "background blurred": _with_blurred_background,
    "background grey": _with_grey_background,
    "flower blurred": _with_blurred_thing,
    "flower removed": without_thing,
}
