"""card.html: the card for people, one file without scripts and without anything from a network."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from flowers_tfx.features import PROPERTIES
from flowers_tfx.parity_certificate import TITLES
from flowers_tfx.reports.rendering import render

NOT_RECORDED = "not recorded"


def render_card(card: Mapping[str, Any]) -> str:
    """`card`: the content of card.json."""
    slices = sorted(card["metrics"]["slices"], key=lambda part: str(part["feature"]))
    features = [(_feature(feature), list(parts)) for feature, parts in groupby(slices, key=lambda part: part["feature"])]
    accuracy, comparison = card["metrics"]["accuracy"], card["comparison"]
    # What the charts of the reports draw.
    chart = {
        "accuracy": accuracy["value"],
        "interval": accuracy["interval"],
        "min_accuracy": card["metrics"]["min_accuracy"],
        "baseline": comparison["baseline"],
        "calibration": card["calibration"]["reliability"],
    }
    return render(
        "card.html.j2",
        card=card,
        chart=chart,
        features=features,
        pushed=_minute(card["model"]["created"]),
        ways=TITLES,
        not_recorded=NOT_RECORDED,
    )


def _feature(name: str) -> dict[str, str]:
    """Its title and meaning; the name alone for a feature that is no property of this version of the code."""
    return next(({"title": row.title, "meaning": row.meaning} for row in PROPERTIES if row.name == name), {"title": name, "meaning": ""})


def _minute(created: str) -> str:
    """2026-01-03 00:00 UTC, of an ISO time in UTC; NOT_RECORDED without one."""
    return f"{created[:16].replace('T', ' ')} UTC" if created else NOT_RECORDED
