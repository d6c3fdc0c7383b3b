"""The pictures that an entry of `reliance` rests on: a photo before and after the change."""

from __future__ import annotations

from typing import Any

from flowers_tfx.explain import transplants
from flowers_tfx.explain.background_changes import CHANGES, paste, without_thing
from flowers_tfx.explain.marks import Mark
from flowers_tfx.explain.model_function import Pictures
from flowers_tfx.explain.photo_set import PhotoSet
from flowers_tfx.explain.property_curves import CURVES
from flowers_tfx.explain.salient_regions import salient_mask


def draw(photo_set: PhotoSet, perturbation: dict[str, Any], photo: int | None = None) -> Pictures:
    """The changed picture, uint8 [s, s, 3], of `perturbation["photo"]`, or of another photo. ValueError for an unknown change."""
    picture = photo_set.pictures[perturbation["photo"] if photo is None else photo]
    change = perturbation["change"]
    if change == "curve":
        curve = next(one for one in CURVES if one.name == perturbation["curve"])
        changed: Pictures = curve.change(picture, perturbation["setting"])
        return changed
    if change in ("mark", "frame"):
        box = tuple(perturbation["box"]) if perturbation["box"] else None
        return Mark(perturbation["colour"], change, box, perturbation["width"]).put(picture)
    if change == "variant":
        mask = salient_mask(picture)
        return picture if mask is None else CHANGES[perturbation["variant"]](picture, mask)
    donor = photo_set.pictures[perturbation["donor"]]
    if change == "cell":
        return transplants.give_box(tuple(perturbation["box"]))(picture, donor)
    if change == "background":
        mask, outline = salient_mask(picture), salient_mask(donor)
        return picture if mask is None or outline is None else paste(picture, without_thing(donor, outline), mask)
    if change in transplants.TRAITS:
        return transplants.TRAITS[change](picture, donor)
    raise ValueError(f"unknown change {change!r}")


def draw_pair(photo_set: PhotoSet, perturbation: dict[str, Any]) -> tuple[Pictures, Pictures]:
    """The photo and what becomes of it."""
    return photo_set.pictures[perturbation["photo"]], draw(photo_set, perturbation)
