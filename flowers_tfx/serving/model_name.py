"""How requests name the model and its versions."""

from __future__ import annotations

MODEL = "flowers"
INPUT = "image_bytes"
_LONGEST_NUMBER = 18  # digits


def version_number(text: str) -> int | None:
    """None for a text that cannot be the number of a version."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER else None
