"""Model cards beside the versions of the registry: card.json for programs, card.html for people. Reading one needs no TensorFlow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowers_tfx.registry.versions import CARD_FILE, CARD_PAGE, Entry, version_path
from flowers_tfx.storage import StoragePath


@dataclass(frozen=True)
class MeasuredAccuracy:
    """Accuracy on the photos of `test`, 0 to 1, with its 95 % interval."""

    value: float
    low: float
    high: float
    photos: int


def read_card(folder: StoragePath) -> dict[str, Any] | None:
    """The content of card.json; None for a version without a card, or with a card that is not a JSON object. Raises OSError if it cannot
    be read."""
    try:
        card = json.loads((folder / CARD_FILE).read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    return card if isinstance(card, dict) else None


def measured_accuracy(folder: StoragePath) -> MeasuredAccuracy | None:
    """None for a version without a card, or with one of another program. Raises OSError if the card cannot be read."""
    try:
        accuracy = (read_card(folder) or {})["metrics"]["accuracy"]
        low, high = accuracy["interval"]
        return MeasuredAccuracy(float(accuracy["value"]), float(low), float(high), int(accuracy["photos"]))
    except (ValueError, KeyError, TypeError):
        return None


def card_digest(files: Mapping[str, bytes]) -> str:
    """sha256 over names and bytes of the card's files; empty without files."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(name.encode() + b"\0" + hashlib.sha256(files[name]).digest())
    return digest.hexdigest() if files else ""


def card_damage(registry: str, entry: Entry) -> str:
    """What is wrong with the card of a version, empty for a whole card and for a version that was pushed without one. The model itself can
    be used all the same."""
    if not entry.card:
        return ""
    folder = version_path(registry, entry.version)
    try:
        whole = card_digest({name: (folder / name).read_bytes() for name in (CARD_FILE, CARD_PAGE)}) == entry.card
    except FileNotFoundError as error:
        return f"its card is incomplete: {error.filename or 'a file'} is missing"
    return "" if whole else "its card was changed after it was pushed"
