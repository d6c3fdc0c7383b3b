"""What the answers depend on that they should not: the largest effects of the other analyses, in plain sentences.

An effect is listed if it is large enough to matter and if its interval, widened for the number of effects that were looked at, leaves out
zero; so a model without shortcuts has a short list or none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from statistics import median
from typing import Any

from scipy.special import ndtri

from flowers_tfx.explain import reliance_sentences as sentences
from flowers_tfx.explain.marks import MIDDLE
from flowers_tfx.explain.transplants import GRID

# Of a mean probability.
SMALLEST_EFFECT = 0.05
_FEWEST_PHOTOS = 5
_LEVEL = 0.05
_LIMIT = 20
_RISE, _FALL = "probability of the class", "probability of the right class, lost"


@dataclass(frozen=True)
class Reliance:
    """`effect`: 0 to 1, in `unit`: a mean probability that rises, or that falls. `interval`: its 95 % interval. `label`: the
    class that it speaks for, None for all. `photos`: indices that show it. `perturbation`: for `example_pictures.draw`."""

    kind: str
    label: str | None
    effect: float
    unit: str
    interval: tuple[float, float]
    sentence: str
    photos: tuple[int, ...]
    perturbation: dict[str, Any] = field(default_factory=dict)
    place: str = ""

    def as_json(self) -> dict[str, Any]:
        values = asdict(self)
        values["class"] = values.pop("label")
        return values | {"interval": list(self.interval), "photos": list(self.photos), "strength": sentences.strength(self.effect)}


def reliance(background: dict[str, Any], dependence: dict[str, Any]) -> list[dict[str, Any]]:
    """The key `reliance` of explanations.json, from those of the keys `background` and `dependence`: largest effect first."""
    cells = list(_cells(dependence))
    narrow = {one.label: max(one.effect, 0.0) for one in sorted(cells, key=lambda one: one.effect)}
    traits = [*_traits(dependence, narrow), *_marks(dependence), *_curves(dependence)]
    candidates = [*_backgrounds(background, narrow), *cells, *traits]
    # The settings of one property and the colours of one mark are so alike that they count as one effect.
    looked_at = len({(one.kind, one.label) for one in candidates})
    widening = float(ndtri(_LEVEL / 2 / max(looked_at, 1)) / ndtri(_LEVEL / 2))
    listed = [one for one in candidates if one.effect >= SMALLEST_EFFECT and _lower_end(one, widening) > 0]
    listed.sort(key=lambda one: (-one.effect, one.kind, one.label or ""))
    return [one.as_json() for one in _largest_of_each(listed)[:_LIMIT]]


def _lower_end(one: Reliance, widening: float) -> float:
    return one.effect - widening * (one.effect - one.interval[0])


def _largest_of_each(listed: list[Reliance]) -> list[Reliance]:
    """One of each kind and class: a mark in a corner is seen with several colours and in several places."""
    kept: dict[tuple[str, str | None], Reliance] = {}
    for one in listed:
        kept.setdefault((one.kind, one.label), one)
    return list(kept.values())


def _backgrounds(background: dict[str, Any], narrow: Mapping[str | None, float]) -> Iterator[Reliance]:
    """Of a class beyond what its strongest place at the edge does: a mark in a corner is not a background."""
    for entry in background["transplants"]:
        if one := _from_transplant("background", entry, narrow.get(entry["class"], 0.0)):
            yield replace(one, sentence=sentences.background(entry))
    for variant in background["variants"]:
        if (
            variant["name"].startswith("background")
            and variant["change_interval"] is not None
            and len(background["indices"]) >= _FEWEST_PHOTOS
        ):
            yield Reliance(
                *("background", None, *_loss(variant), sentences.loss(sentences.VARIANTS[variant["name"]], variant)),
                tuple(variant["examples"]),
                {"change": "variant", "variant": variant["name"], "photo": variant["examples"][0]},
            )
    swapped = background["swapped"]
    change = swapped["difference"]
    if change["probability_interval"] is not None and len(background["indices"]) >= _FEWEST_PHOTOS:
        example = next(entry["examples"][0] for entry in background["transplants"] if entry["examples"])
        yield Reliance(
            *("background", None, change["probability"], _FALL, tuple(change["probability_interval"])),
            sentences.swapped_background(swapped),
            (example[0],),
            {"change": "background", "photo": example[0], "donor": example[1]},
        )


def _cells(dependence: dict[str, Any]) -> Iterator[Reliance]:
    """Places at the edge, beyond what the class's places at the edge do on average: petals and leaves reach there too."""
    entries = [entry for entry in dependence["transplants"] if entry["trait"] == "cell" and _at_edge(entry["row"], entry["column"])]
    for label in {entry["class"]: None for entry in entries}:
        own = [entry for entry in entries if entry["class"] == label and entry["pull"] is not None]
        usual = median(entry["pull"] for entry in own) if own else 0.0
        for entry in own:
            if one := _from_transplant("corner" if _in_corner(entry["row"], entry["column"]) else "edge", entry, usual):
                place = sentences.cell_place(entry["row"], entry["column"], GRID)
                change = {"change": "cell", "box": entry["box"]}
                yield replace(one, place=place, sentence=sentences.cell(entry, place), perturbation=one.perturbation | change)


def _at_edge(row: int, column: int) -> bool:
    return row in (0, GRID - 1) or column in (0, GRID - 1)


def _in_corner(row: int, column: int) -> bool:
    return row in (0, GRID - 1) and column in (0, GRID - 1)


def _traits(dependence: dict[str, Any], narrow: Mapping[str | None, float]) -> Iterator[Reliance]:
    """The outer edge beyond what its strongest place does: a mark in a corner is not a frame."""
    for entry in dependence["transplants"]:
        if entry["trait"] != "cell":
            usual = narrow.get(entry["class"], 0.0) if entry["trait"] == "border" else 0.0
            if one := _from_transplant(entry["trait"], entry, usual):
                yield replace(one, sentence=sentences.trait(entry))


def _from_transplant(kind: str, entry: dict[str, Any], usual: float) -> Reliance | None:
    if entry["pull_interval"] is None or entry["pairs"] < _FEWEST_PHOTOS:
        return None
    low, high = entry["pull_interval"]
    example = entry["examples"][0] if entry["examples"] else [None, None]
    return Reliance(
        *(kind, entry["class"], round(entry["pull"] - usual, 4), _RISE, (round(low - usual, 4), round(high - usual, 4)), ""),
        tuple(recipient for recipient, _ in entry["examples"]),
        {"change": kind, "photo": example[0], "donor": example[1]},
    )


def _marks(dependence: dict[str, Any]) -> Iterator[Reliance]:
    """Marks and frames, beyond what such a change of any colour and in any place does. Not in the middle: there a mark hides the thing."""
    marks = [mark for mark in dependence["marks"] if mark["place"] != MIDDLE]
    for label in marks[0]["classes"] if marks else ():
        usual = {frame: _median_pull(marks, label, frame) for frame in (True, False)}
        for mark in marks:
            effect, frame = mark["classes"][label], mark["box"] is None
            if effect["pull_interval"] is None or dependence["photos"] - effect["photos"] < _FEWEST_PHOTOS:
                continue
            change = {"change": "frame" if frame else "mark", "colour": mark["colour"], "box": mark["box"], "width": mark["width"]}
            low, high = (round(end - usual[frame], 4) for end in effect["pull_interval"])
            yield Reliance(
                *("border" if frame else "mark", label, round(effect["pull"] - usual[frame], 4), _RISE, (low, high)),
                sentences.mark(mark, label),
                tuple(effect["examples"]),
                change | {"photo": effect["examples"][0] if effect["examples"] else None},
                mark["place"],
            )


def _loss(compared: dict[str, Any]) -> tuple[float, str, tuple[float, float]]:
    low, high = compared["change_interval"]
    return -compared["change"], _FALL, (-high, -low)


def _median_pull(marks: list[dict[str, Any]], label: str, frame: bool) -> float:
    pulls = [mark["classes"][label]["pull"] for mark in marks if (mark["box"] is None) == frame]
    return float(median(pull for pull in pulls if pull is not None)) if any(pull is not None for pull in pulls) else 0.0


def _curves(dependence: dict[str, Any]) -> Iterator[Reliance]:
    """Properties that should not matter, where nine of ten photos have them: what is lost, and which class others are pulled to."""
    for curve in (one for one in dependence["curves"] if not one["may_matter"]):
        for point in curve["points"]:
            if not point["usual"] or dependence["photos"] < _FEWEST_PHOTOS or point["change_interval"] is None:
                continue
            change = {"change": "curve", "curve": curve["name"], "setting": point["setting"]}
            yield Reliance(
                *(curve["name"], None, *_loss(point), sentences.loss(sentences.setting(curve, point), point)),
                tuple(point["examples"]),
                change | {"photo": point["examples"][0]},
                str(point["value"]),
            )
            for label, effect in point["classes"].items():
                if effect["pull_interval"] is not None and dependence["photos"] - effect["photos"] >= _FEWEST_PHOTOS:
                    yield Reliance(
                        *(curve["name"], label, effect["pull"], _RISE, tuple(effect["pull_interval"])),
                        sentences.pull(curve, point, label),
                        tuple(effect["examples"]),
                        change | {"photo": effect["examples"][0] if effect["examples"] else None},
                        str(point["value"]),
                    )
