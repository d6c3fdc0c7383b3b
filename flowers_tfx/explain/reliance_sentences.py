"""The sentences of `reliance`, for people who have never seen a model."""

from __future__ import annotations

from typing import Any

_STRENGTHS = ((0.3, "strong"), (0.15, "moderate"), (0.0, "slight"))
VARIANTS = {"background blurred": "With the background blurred", "background grey": "With a grey background"}
_TRAITS = {"border": "outer edge", "brightness": "brightness", "contrast": "contrast"}
# Of the value of a point, and of the value in percent with each sign.
_SETTINGS = {
    "brightness": "With a mean brightness of {0:.0f} of 255",
    "contrast": "With a contrast of {0:.0f} of 128",
    "saturation": "With a colour saturation of {0:.2f} of 1",
    "white_balance": "With red changed by {1:+.0f} % and blue by {2:+.0f} %",
    "sharpness": "Blurred to a sharpness of {0:.1f}",
    "noise": "With noise of {0:.1f} of 255",
    "jpeg_quality": "Stored as JPEG of quality {0:.0f}",
    "size": "With no more detail than a photo of {0:.0f} px width has",
    "rotation": "Rotated by {0:.0f} degrees to the left",
    "zoom": "Seen {0:.2g} times nearer",
    "letterbox": "With black bars over {1:.0f} % of the height",
}


def strength(effect: float) -> str:
    return next(word for limit, word in _STRENGTHS if effect >= limit)


def background(entry: dict[str, Any]) -> str:
    return (
        f"The background speaks for {entry['class']}: flowers of other classes, cut out and put in front of backgrounds from photos of "
        f"{entry['class']}, {_pulled(entry)}"
    )


def swapped_background(swapped: dict[str, Any]) -> str:
    points = _points(swapped["difference"]["probability"])
    own, other = _percent(swapped["own_class"]["accuracy"]), _percent(swapped["other_class"]["accuracy"])
    return (
        f"Put in front of a background of another class, the probability of the right class is {points} lower than in front of another "
        f"background of the same class: accuracy is {other} instead of {own}."
    )


def cell(entry: dict[str, Any], place: str) -> str:
    colour = entry["colour"]
    words = f"What photos of {entry['class']} show {place} speaks for {entry['class']}: pasted there into photos of other classes, it"
    seen = ""
    if colour is not None and colour["class_share"] > colour["other_share"]:
        seen = (
            f" {_percent(colour['class_share'])} of the photos of {entry['class']} have {colour['name']} there, "
            f"{_percent(colour['other_share'])} of the others."
        )
    return f"{words} {_pulled(entry, pasted=True)}{seen}"


def trait(entry: dict[str, Any]) -> str:
    name = _TRAITS[entry["trait"]]
    return f"The {name} speaks for {entry['class']}: photos of other classes with the {name} of photos of {entry['class']} {_pulled(entry)}"


def mark(entry: dict[str, Any], label: str) -> str:
    effect = entry["classes"][label]
    thing = f"A {entry['colour']} frame" if entry["place"] == "frame" else f"A {entry['colour']} mark in the {entry['place']}"
    return (
        f"{thing} speaks for {label}: put on photos of other classes, it changes the probability of {label} by "
        f"{_points(effect['pull'])} and makes {_percent(effect['drawn'])} of them {label}."
    )


def loss(change: str, compared: dict[str, Any]) -> str:
    after, before = _percent(compared["accuracy"]), _percent(compared["accuracy"] - compared["accuracy_change"])
    points, flipped = _points(-compared["change"]), _percent(compared["flipped"])
    accuracy = f"accuracy stays {after}" if after == before else f"accuracy is {after} instead of {before}"
    return f"{change}, the probability of the right class falls by {points}: {accuracy}, and {flipped} of the answers change."


def pull(curve: dict[str, Any], point: dict[str, Any], label: str) -> str:
    effect = point["classes"][label]
    return (
        f"{setting(curve, point)}, the probability of {label} rises by {_points(effect['pull'])} on photos of other classes, "
        f"and {_percent(effect['drawn'])} of them become {label}."
    )


def cell_place(row: int, column: int, grid: int) -> str:
    vertical = "top" if row == 0 else "bottom" if row == grid - 1 else ""
    side = "left" if column == 0 else "right" if column == grid - 1 else ""
    if vertical and side:
        return f"in the {vertical} {side} corner"
    return f"at the {vertical or side} edge"


def setting(curve: dict[str, Any], point: dict[str, Any]) -> str:
    """The change of a point of a curve, as the start of a sentence."""
    value = point["value"]
    if isinstance(value, str):
        return {"mirrored": "Mirrored", "upside down": "Upside down"}.get(value, f"After a {value}")
    low, high = curve["usual"]
    return f"{_SETTINGS[curve['name']].format(value, 100 * value, -100 * value)} (usual: {low:.3g} to {high:.3g})"


def _pulled(entry: dict[str, Any], *, pasted: bool = False) -> str:
    """As much more than the same from other classes does: said so, since every paste has an effect."""
    label, points = entry["class"], _points(entry["pull"])
    drawn, others = _percent(entry["drawn"]), _percent(entry["drawn_by_others"])
    if pasted:
        where = "where the same place comes from photos of other classes"
        return f"raises the probability of {label} by {points} and makes {drawn} of them {label} ({others} {where})."
    gained = f"get {points} more probability of {label} than with those of other classes"
    return f"{gained}, and {drawn} of them become {label} ({others} with those of other classes)."


def _points(effect: float) -> str:
    points = round(100 * effect)
    return f"{points} point{'' if points == 1 else 's'}"


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{round(100 * value)} %"
