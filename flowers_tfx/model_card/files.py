"""The card's files, from a model's folder and what other nodes recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowers_tfx.artifact_files import LITERT_FILE, LITERT_INT8_FILE, PARITY_FILE, TRAINING_FILE, UNKNOWN_FILE
from flowers_tfx.model_card.card import CardSources, make_card
from flowers_tfx.model_card.page import render_card
from flowers_tfx.model_folder import read_labels
from flowers_tfx.registry import CARD_FILE, CARD_PAGE, Entry


def card_files(
    model: Path, entry: Entry, evaluation: Mapping[str, Any], data: Mapping[str, Any], explained: bool = False
) -> dict[str, bytes]:
    """card.json and card.html by their names in the version's folder. `explained`: a page that explains the model is made later."""
    card = make_card(
        CardSources(
            entry=entry,
            labels=read_labels(model),
            training=_read(model / TRAINING_FILE) or {},
            parity=_read(model / PARITY_FILE) or {},
            refusal=_read(model / UNKNOWN_FILE),
            evaluation=evaluation,
            data=data,
            sizes=_sizes(model),
            explained=explained,
        )
    )
    plain = json.loads(json.dumps(card, allow_nan=False))
    return {
        CARD_FILE: (json.dumps(plain, indent=2, ensure_ascii=False) + "\n").encode(),
        CARD_PAGE: render_card(plain).encode(),
    }


def _read(path: Path) -> dict[str, Any] | None:
    """None for a file that is not there."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def _sizes(model: Path) -> dict[str, int | None]:
    saved_model = [model / "saved_model.pb", *(model / "variables").glob("variables.*")]
    return {
        "saved_model": sum(path.stat().st_size for path in saved_model),
        "litert": _size(model / LITERT_FILE),
        "litert_int8": _size(model / LITERT_INT8_FILE),
    }


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
