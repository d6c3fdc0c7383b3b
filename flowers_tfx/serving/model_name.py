"""How requests name the model and its versions."""

from __future__ import annotations

from flowers_tfx.registry import LARGEST_VERSION

MODEL = "flowers"
INPUT = "image_bytes"
_LONGEST_NUMBER = 30  # digits, with zeros before them


def version_number(text: str) -> int | None:
    """None for a text that cannot be the number of a version."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER
    return int(text) if is_number and int(text) <= LARGEST_VERSION else None
