"""What a monitor remembers, in RECORD_DIR/monitor/, replaced as a whole after each review:

state.json              the last review of each version: what the gauges of `flowers serve` show, and what the next review follows on
sequences/VERSION.json  what its reviews have spent of the error rate (`review.review_sequence`)
VERSION/reviews/TIME/   the reviews, as those of runs are stored; of each version the last ones
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flowers_tfx.errors import InputError
from flowers_tfx.storage import atomic_file

FOLDER, STATE = "monitor", "state.json"
_FORMAT = 1


@dataclass
class ReviewedVersion:
    """The last review of a series, empty before the first one ended. `time`: ISO 8601, UTC; `drift`: feature to the largest difference of
    shares, 0 to 1; `unknown`: share of the photos; `accuracy`: measured or `estimated`, None without either; `notified`: the verdict that
    the webhook was told last."""

    time: str = ""
    verdict: str = ""
    answers: int = 0
    photos: int = 0
    drift: dict[str, float] = field(default_factory=dict)
    unknown: float | None = None
    accuracy: float | None = None
    estimated: bool = True
    report: str = ""
    notified: str = "pass"


@dataclass
class MonitorState:
    """`versions`: by the name of the series of reviews, which is the version, and the client where only one client's photos are reviewed;
    `reviewed`: when the monitor last looked, ISO 8601, UTC; empty before the first time."""

    reviewed: str = ""
    versions: dict[str, ReviewedVersion] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"format": _FORMAT, **asdict(self)}


def read_state(folder: Path) -> MonitorState:
    """`folder`: RECORD_DIR/monitor. Raises InputError for a file that no monitor wrote."""
    path = folder / STATE
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value.pop("format") != _FORMAT:
            raise ValueError
        versions = {str(name): ReviewedVersion(**one) for name, one in value.pop("versions").items()}
        return MonitorState(**value, versions=versions)
    except FileNotFoundError:
        return MonitorState()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path} is not the state of a monitor.", "Delete the file: the next review begins a new series.") from None


def write_state(folder: Path, state: MonitorState) -> None:
    _write(folder / STATE, json.dumps(state.as_json(), indent=1) + "\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8", errors="backslashreplace")
