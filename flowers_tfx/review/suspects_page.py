"""The page of photos whose labels are probably wrong."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from flowers_tfx.reports.rendering import render
from flowers_tfx.reports.words import clean
from flowers_tfx.validation.suspects import Suspect

MOST = 300


def render_suspects(suspects: Sequence[Suspect], photos: int, thumbnails: Mapping[str, bytes], title: str, why_none: str = "") -> str:
    """HTML. `photos`: how many were examined; `why_none`: why labels were not examined, empty if they were."""
    pictures = {digest: base64.b64encode(data).decode("ascii") for digest, data in thumbnails.items()}
    return render(
        "suspects.html.j2",
        suspects=suspects[:MOST],
        total=len(suspects),
        photos=photos,
        pictures=pictures,
        title=title,
        why_none=why_none,
        clean=clean,
    )
