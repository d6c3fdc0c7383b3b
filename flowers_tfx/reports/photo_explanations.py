"""The page of `flowers explain --html`: the explanations of some photos, one file without scripts and without anything from a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from flowers_tfx.reports.rendering import render
from flowers_tfx.reports.words import clean


class Check(Protocol):
    """A number beside an explanation, with what it means."""

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> str: ...
    @property
    def meaning(self) -> str: ...


@dataclass(frozen=True)
class PagePanel:
    """One of the pictures that stand side by side. `jpeg`, in base64: None where a map is withheld, for `reasons` under `title`; `words`:
    what it shows, for those who do not see it."""

    caption: str
    words: str
    title: str
    reasons: Sequence[str]
    jpeg: str | None


@dataclass(frozen=True)
class PhotoOnPage:
    """`row`: of `flowers explain --json`; `headline`: the model's answer."""

    row: Mapping[str, Any]
    headline: str
    checks: Sequence[Check]
    panels: Sequence[PagePanel]


def render_photos(photos: Sequence[PhotoOnPage], errors: Sequence[tuple[str, str]], legend: str, version: str, method: str) -> str:
    """`errors`: files that could not be read, and why; `legend`: the scale of colours, a JPEG in base64; `method`: its title."""
    return render(
        "photo_explanations.html.j2",
        photos=photos,
        errors=errors,
        legend=legend,
        version=version,
        method=method,
        trustworthy=sum(photo.row["trustworthy"] for photo in photos),
        clean=clean,
    )
