"""Rows as `flowers serve` records them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from flowers_tfx.monitoring.embedding_text import write_embedding
from flowers_tfx.monitoring.record_columns import ANSWER_COLUMNS
from flowers_tfx.monitoring.segments import ANSWERS, MEASUREMENTS, Row, open_name

START_US = 1_700_000_000_000_000
LABELS = ("daisy", "roses")
_ANSWER_NAMES = {column.name for column in ANSWER_COLUMNS}


def recorded(number: int, *, measured: bool = True, **values: Any) -> Row:
    """The row of one photo; `number` is its second."""
    answer = {
        "id": f"{number:032x}",
        "photo": 0,
        "time": START_US + number * 1_000_000,
        "version": 1,
        "client": None,
        "digest": f"{number:064x}",
        "predicted": LABELS[number % 2],
        "probability": 0.75,
        "probabilities": [0.75, 0.25],
        "known": True,
        "why": None,
        "score": 0.5,
        "measured": measured,
    }
    measurement = {
        "measured_share": 1.0,
        "kept": False,
        "network": "a network",
        "embedding": np.arange(4, dtype=np.float32) + number,
        "width_px": 320 + number,
        "mean_luma": 100.5 + number,
        "format": "JPEG",
    }
    return answer | (measurement if measured else {}) | values


def write_open_segment(folder: Path, segment: str, rows: list[Row]) -> None:
    """As the service writes it, line by line."""
    answers = [{name: value for name, value in row.items() if name in _ANSWER_NAMES} for row in rows]
    measurements = [
        {**{name: value for name, value in row.items() if name in ("id", "photo") or name not in _ANSWER_NAMES | {"measured"}}}
        for row in rows
        if row["measured"]
    ]
    for row in measurements:
        row["embedding"] = write_embedding(row["embedding"])
    for part, lines in ((ANSWERS, answers), (MEASUREMENTS, measurements)):
        (folder / open_name(segment, part)).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
