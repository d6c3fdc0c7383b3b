"""Partial dependence: what a model answers when one property of all photos is changed and everything else is left as it is
(J. Friedman: Greedy Function Approximation, 2001, on pictures)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from flowers_tfx.explain import effects, perturbations
from flowers_tfx.explain.answer_changes import compare_answers
from flowers_tfx.explain.model_function import Answers, Floats
from flowers_tfx.explain.photo_set import PhotoSet
from flowers_tfx.explain.picture_measurement import measure_pictures
from flowers_tfx.explain.selected_photos import SelectedPhotos
from flowers_tfx.litert import PROBABILITIES
from flowers_tfx.threads import map_in_threads

# The range of a property in which nine of ten photos lie.
_USUAL = (5, 95)

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """`change` makes a picture with each of `values`, which are in `unit` or names of kinds.

    `measured`: the property of the changed pictures that is the x-axis in place of the values. `recorded`: the property of the photos that
    tells which values are usual. `usual`: the usual values where no property tells: two ends, or names. `unchanged`: the value that
    leaves a picture as it is. `may_matter`: the property belongs to the thing itself, so that answers may depend on it.
    """

    name: str
    title: str
    unit: str
    values: tuple[Any, ...]
    change: Callable[[Any, Any], Any]
    measured: str | None = None
    recorded: str | None = None
    usual: tuple[Any, ...] | None = None
    unchanged: float | None = None
    note: str = ""
    may_matter: bool = False


_NETWORK_SIZE = "Measured on the small picture that the network sees, which has fewer pixels than the photo."
CURVES: tuple[Curve, ...] = (
    Curve("brightness", "brightness", "0-255", tuple(range(20, 221, 20)), perturbations.with_brightness, "mean_luma"),
    Curve("contrast", "contrast", "0-255", (10, 20, 30, 40, 50, 60, 70, 85), perturbations.with_contrast, "rms_contrast"),
    Curve(
        "saturation",
        "saturation",
        "0-1",
        (0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2),
        perturbations.with_saturation,
        "saturation",
        unchanged=1,
        may_matter=True,
    ),
    Curve(
        "white_balance",
        "white balance",
        "share of red added and of blue taken",
        (-0.4, -0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3, 0.4),
        perturbations.with_white_balance,
        usual=(-0.1, 0.1),
        unchanged=0,
    ),
    Curve(
        "sharpness",
        "sharpness",
        "log10",
        (4, 3, 2, 1.5, 1, 0.6, 0),
        perturbations.blurred,
        "sharpness",
        unchanged=0,
        note=_NETWORK_SIZE,
    ),
    Curve("noise", "noise", "0-255", (0, 3, 6, 10, 15, 20, 30), perturbations.with_noise, "noise", unchanged=0, note=_NETWORK_SIZE),
    Curve(
        "jpeg_quality",
        "JPEG quality",
        "1-100",
        (5, 10, 20, 30, 45, 60, 75, 90),
        perturbations.as_jpeg,
        recorded="jpeg_quality",
        unchanged=101,
        note="Applied to the small picture that the network sees: a large photo suffers less from the same quality.",
    ),
    Curve(
        "size",
        "width of the photo",
        "px",
        (24, 32, 48, 64, 96, 128, 160, 192),
        perturbations.with_width,
        recorded="width_px",
        unchanged=10_000,
        note="Photos wider than the picture that the network sees look alike to it.",
    ),
    Curve(
        "rotation",
        "rotation",
        "degrees to the left",
        (-45, -30, -20, -10, -5, 5, 10, 20, 30, 45),
        perturbations.rotated,
        usual=(-10, 10),
        unchanged=0,
    ),
    Curve("orientation", "orientation", "", tuple(perturbations.TURNS), perturbations.turned, usual=tuple(perturbations.TURNS)),
    Curve(
        "zoom",
        "distance",
        "times nearer",
        (0.4, 0.55, 0.7, 0.85, 1.2, 1.4, 1.7, 2.0),
        perturbations.zoomed,
        usual=(0.8, 1.25),
        unchanged=1,
    ),
    Curve(
        "letterbox",
        "black bars",
        "share of the height",
        (0.05, 0.1, 0.2, 0.3, 0.4),
        perturbations.letterboxed,
        usual=(0, 0.1),
        unchanged=0,
    ),
)


def measure_curve(curve: Curve, selected: SelectedPhotos, answers: Answers, probabilities: Floats) -> dict[str, Any]:
    """`probabilities` [N, classes] of the unchanged photos."""
    photo_set = selected.photo_set
    answered, places = [], []
    for value in curve.values:
        pictures = np.stack(list(map_in_threads(partial(_change, curve, value), photo_set.pictures)))
        answered.append(answers(pictures)[PROBABILITIES].astype(np.float64))
        if curve.measured:
            places.append(measure_pictures(pictures, curve.measured))
    unchanged = probabilities.astype(np.float64)
    original = measure_pictures(photo_set.pictures, curve.measured) if curve.measured else None
    usual = _usual(curve, photo_set, original)
    xs = [float(place.mean()) for place in places] if places else list(curve.values)
    points = [
        {"value": effects.number(x) if isinstance(x, int | float) else x, "setting": value, "usual": _is_usual(x, usual)}
        | compare_answers(selected, unchanged, after)
        for x, value, after in zip(xs, curve.values, answered, strict=True)
    ]
    return {
        **{"name": curve.name, "title": curve.title, "unit": curve.unit, "property": curve.measured or curve.recorded, "note": curve.note},
        "may_matter": curve.may_matter,
        "usual": [effects.number(end) if isinstance(end, int | float) else end for end in usual],
        "points": points,
        "flip": _flips(curve, photo_set.labels, unchanged, np.stack(answered), np.stack(places) if places else None, original),
    }


def _change(curve: Curve, value: Any, picture: Any) -> Any:
    return curve.change(picture, value)


def _usual(curve: Curve, photo_set: PhotoSet, original: Doubles | None) -> tuple[Any, ...]:
    if curve.usual is not None:
        return curve.usual
    values = original
    if curve.recorded:
        recorded = [photo.properties.get(curve.recorded) for photo in photo_set.photos]
        values = np.array([value for value in recorded if isinstance(value, int | float)], np.float64)
    return () if values is None or not len(values) else tuple(np.percentile(values, _USUAL).tolist())


def _is_usual(x: Any, usual: tuple[Any, ...]) -> bool:
    if isinstance(x, str):
        return x in usual
    return len(usual) == 2 and usual[0] <= x <= usual[1]


def _flips(
    curve: Curve, labels: tuple[str, ...], before: Doubles, after: Doubles, places: Doubles | None, original: Doubles | None
) -> dict[str, Any]:
    """Where each photo's answer first becomes another one on the way from its own value, below and above: the median over the photos."""
    if isinstance(curve.values[0], str):
        return {}
    values = places if places is not None else np.broadcast_to(np.array(curve.values, np.float64)[:, np.newaxis], after.shape[:2])
    own = original if original is not None else np.full(len(before), float(curve.unchanged or 0))
    changed = after.argmax(axis=2) != before.argmax(axis=1)
    sides: dict[str, dict[str, Any]] = {}
    for side, sign in (("below", -1), ("above", 1)):
        distances = np.where(changed & (sign * (values - own) > 0), np.abs(values - own), np.inf)
        flipped = np.flatnonzero(np.isfinite(distances.min(axis=0)))
        first = distances.argmin(axis=0)[flipped]
        to = Counter(labels[at] for at in after[first, flipped].argmax(axis=1))
        median = effects.number(float(np.median(values[first, flipped]))) if len(flipped) else None
        sides[side] = {"photos": len(flipped), "share": effects.number(len(flipped) / max(len(before), 1)), "median": median}
        sides[side]["to"] = dict(to.most_common())
    return sides
