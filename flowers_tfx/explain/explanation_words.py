"""An explanation in words: where the evidence lies, and what each check of the map means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowers_tfx.explain.methods import TITLES

WITHHELD = "not trustworthy for this photo"
UNKNOWN = {
    "far": "not a flower that the model knows, it is unlike all training photos",
    "unsure": "not a flower that the model knows, it is unsure between its classes",
}
_ROWS, _COLUMNS = ("top", "middle", "bottom"), ("left", "middle", "right")


@dataclass(frozen=True)
class Check:
    """A check of a map: `value` and what it is compared with, in words, and what that means."""

    name: str
    value: str
    meaning: str


def percent(share: float) -> str:
    """Never 0 % or 100 % of what is not."""
    if 0 < share < 0.001:
        return "<0.1 %"
    if 0.999 < share < 1:
        return ">99.9 %"
    return f"{100 * share:.1f} %"


def regions_in_words(regions: Sequence[Mapping[str, Any]], size: tuple[int, int]) -> str:
    """2 regions carry 81 % of the evidence: 52 % in the middle, 29 % at the bottom left. Boxes in pixels of the photo."""
    if not regions:
        return "no region of it carries evidence"
    total = sum(region["share"] for region in regions)
    carry = "1 region carries" if len(regions) == 1 else f"{len(regions)} regions carry"
    places = ", ".join(f"{100 * region['share']:.0f} % {place_in_words(region['box'], size)}" for region in regions[:3])
    more = f" and {len(regions) - 3} more" if len(regions) > 3 else ""
    return f"{carry} {100 * total:.0f} % of the evidence: {places}{more}"


def unknown_in_words(unknown: Mapping[str, Any], score: float, size: tuple[int, int]) -> str:
    """What makes a photo unknown, of the field `unknown` of its row."""
    if not unknown["trustworthy"]:
        return " ".join(unknown["reasons"])
    places = " and ".join(place_in_words(region["box"], size) for region in unknown["regions"][:2])
    scores = f"score {score:.2f}, then {unknown['score_without']:.2f}; known up to 1"
    return f"for what is {places}: with {100 * unknown['hidden_share']:.0f} % of the photo hidden there the model would know it ({scores})"


def place_in_words(box: Sequence[float], size: tuple[int, int]) -> str:
    """Where the middle of the box lies: in the middle, at the top, at the bottom left. A box over most of the photo is all over it."""
    x0, y0, x1, y1 = box
    width, height = size
    if (x1 - x0) * (y1 - y0) > 0.6 * width * height:
        return "over most of the photo"
    column, row = (min(int(3 * (start + end) / (2 * side)), 2) for start, end, side in ((x0, x1, width), (y0, y1, height)))
    words = [name for name in (_ROWS[row], _COLUMNS[column]) if name != "middle"]
    return f"at the {' '.join(words)}" if words else "in the middle"


def checks_in_words(row: Mapping[str, Any]) -> list[Check]:
    """The numbers that stand beside an explanation, of a row of `flowers explain --json`; those that do not apply are left out."""
    label = row["label"]
    checks = [
        Check(
            "deletion",
            f"{row['deletion_auc']:.2f}, in random order {row['random_deletion_auc']:.2f}",
            f"mean probability of {label} while the parts with the most evidence are hidden first; low is good",
        ),
        Check(
            "insertion",
            f"{row['insertion_auc']:.2f}, in random order {row['random_insertion_auc']:.2f}",
            f"mean probability of {label} while they are shown first, and the rest is hidden; high is good",
        ),
    ]
    if row["stability"] is not None:
        checks.append(
            Check("stability", f"{row['stability']:.2f}", "agreement with the map of the photo under a little noise; 1 is the same")
        )
    if row["randomised_correlation"] is not None:
        meaning = "agreement with the map of a network with random weights; near 0 is good, 1 would explain nothing"
        checks.append(Check("random weights", f"{row['randomised_correlation']:.2f}", meaning))
    if row["completeness_error"] is not None:
        meaning = "by how much the sum of the map misses the change of the logit that it explains"
        checks.append(Check("completeness error", percent(row["completeness_error"]), meaning))
    return checks


def headline(row: Mapping[str, Any]) -> str:
    """The answer of the model: a class with its probability, or that it knows no such flower."""
    if row["known"]:
        return f"{row['label']} {percent(row['probability'])}"
    return f"{UNKNOWN[row['why']]} (nearest: {row['label']} {percent(row['probability'])})"


def title_of(row: Mapping[str, Any]) -> str:
    """The headline as a title; names of classes keep their letters."""
    answer = headline(row)
    return answer if row["known"] else answer[0].upper() + answer[1:]


def line_of(row: Mapping[str, Any], size: tuple[int, int]) -> str:
    """One line for a terminal, without the name of the file."""
    answer = headline(row)
    if row["unknown"] is not None:
        return f"{answer}: {unknown_in_words(row['unknown'], row['score'], size)}"
    if not row["trustworthy"]:
        return f"{answer}; {WITHHELD}: {' '.join(row['reasons'])}"
    numbers = (
        f"deletion {row['deletion_auc']:.2f} (random {row['random_deletion_auc']:.2f}), "
        f"insertion {row['insertion_auc']:.2f} (random {row['random_insertion_auc']:.2f})"
    )
    other = row["runner_up"]
    return f"{answer}; {regions_in_words(row['regions'], size)}; {numbers}; next {other['label']} {percent(other['probability'])}"


def method_in_words(row: Mapping[str, Any]) -> str:
    return TITLES[row["method"]]
