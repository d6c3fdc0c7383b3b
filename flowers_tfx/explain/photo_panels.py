"""What is shown of an explained photo, side by side: the photo, the evidence for its class, and what speaks for the next class, or why the
model does not know it. A map that failed its checks is withheld: its reasons stand in its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image

from flowers_tfx.explain.explain_unknown import UnknownExplanation
from flowers_tfx.explain.explanation import Explanation
from flowers_tfx.explain.explanation_words import WITHHELD, percent, regions_in_words, unknown_in_words
from flowers_tfx.explain.heat_map import heat_map, outline

_SMALLEST_PX = 320  # a smaller photo is enlarged to it


@dataclass(frozen=True)
class ExplainedPhoto:
    """`row`: what `flowers explain --json` says of it. `unknown`: of a photo that the model does not know. `size`: width and height of the
    upright photo, px; `image`: it, smaller."""

    row: dict[str, Any]
    explanation: Explanation
    unknown: UnknownExplanation | None
    size: tuple[int, int]
    image: Image.Image


@dataclass(frozen=True)
class Panel:
    """`image`: None where a map is withheld, for `reasons`; `title` stands above them. `words` for those who do not see the image."""

    caption: str
    words: str
    image: Image.Image | None
    title: str = ""
    reasons: tuple[str, ...] = ()


def panels(photo: ExplainedPhoto, side: int) -> Iterator[Panel]:
    """The longer side of each image is at most `side` px."""
    row, explanation = photo.row, photo.explanation
    shown = scaled(photo.image, side)
    if not explanation.quality.trustworthy:
        yield Panel("The photo", "The photo", shown)
        yield Panel(f"Evidence for {row['label']}", "", None, WITHHELD.capitalize(), explanation.quality.reasons)
    else:
        places = regions_in_words(row["regions"], photo.size)
        yield Panel(f"The photo: {places}", "The photo with the regions that matter", outline(shown, explanation.regions))
        evidence = f"Evidence for {row['label']}"
        yield Panel(evidence, f"Heat map: {evidence[0].lower()}{evidence[1:]}", heat_map(shown, explanation.map, explanation.regions))
    if photo.unknown is not None:
        yield _unknown_panel(photo, photo.unknown, shown)
    elif explanation.quality.trustworthy:
        other = row["runner_up"]
        caption = f"What speaks for the runner-up, {other['label']} ({percent(other['probability'])})"
        yield Panel(caption, f"Heat map: evidence for {other['label']}", heat_map(shown, explanation.runner_up_map))


def _unknown_panel(photo: ExplainedPhoto, unknown: UnknownExplanation, shown: Image.Image) -> Panel:
    words = unknown_in_words(photo.row["unknown"], unknown.score, photo.size)
    if not unknown.trustworthy:
        return Panel("Why the model does not know it", "", None, "It has no one place", unknown.reasons)
    return Panel(
        f"Why the model does not know it: {words}", "Heat map: what makes the photo unknown", heat_map(shown, unknown.map, unknown.regions)
    )


def scaled(photo: Image.Image, side: int) -> Image.Image:
    """Its longer side at most `side` px."""
    largest = max(photo.size)
    target = min(side, max(largest, _SMALLEST_PX))
    width, height = (max(1, round(length * target / largest)) for length in photo.size)
    return photo.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
