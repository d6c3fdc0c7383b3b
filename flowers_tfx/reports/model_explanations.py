"""The page that explains a model, from the content of explanations.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowers_tfx.reports.rendering import render
from flowers_tfx.reports.words import clean


def render_model_explanations(values: Mapping[str, Any]) -> str:
    """HTML, one file that loads nothing."""
    by_class = [
        {
            "name": label,
            "photos": sum(photo["label"] == label for photo in values["photos"]),
            "right": sum(photo["label"] == label == photo["answer"] for photo in values["photos"]),
        }
        for label in values["labels"]
    ]
    return render("explanations.html.j2", values=values, by_class=by_class, clean=clean)
