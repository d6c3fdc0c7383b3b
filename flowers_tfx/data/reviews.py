"""The reviews of runs, where people look for them: PIPELINE_ROOT/reviews/<name>/{report.html, report.md, review.json}."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HTML, MARKDOWN, JSON = "report.html", "report.md", "review.json"


@dataclass(frozen=True)
class StoredReview:
    """`review`: its JSON, with `created` and `run_id` besides."""

    folder: Path
    review: Mapping[str, Any]

    @property
    def html(self) -> Path:
        return self.folder / HTML

    @property
    def spans(self) -> tuple[int, ...]:
        return tuple(int(span["span"]) if isinstance(span, Mapping) else int(span) for span in self.review["new"]["spans"])

    def has_digest(self, digest: str) -> bool:
        """Whether the span of this content is among the new ones."""
        return any(isinstance(span, Mapping) and span["digest"] == digest for span in self.review.get("new_spans", ()))


def store_review(pipeline_root: str, name: str, files: Mapping[str, str]) -> Path:
    """Puts the files there by one rename; each run has a name of its own, so that no later review takes the place of an earlier one."""
    home = Path(pipeline_root) / "reviews"
    home.mkdir(parents=True, exist_ok=True)
    unfinished = home / f".{name}.{uuid.uuid4().hex}.tmp"
    unfinished.mkdir()
    try:
        for file, text in files.items():
            (unfinished / file).write_text(text, encoding="utf-8")
        os.rename(unfinished, home / name)
    except OSError:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return home / name


def stored_reviews(pipeline_root: str) -> list[StoredReview]:
    """Newest first; folders without a readable review are none, nor what a killed run left."""
    found = []
    for path in Path(pipeline_root).glob(f"reviews/[!.]*/{JSON}"):
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            found.append(StoredReview(path.parent, {**value, "created": str(value["created"])}))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda stored: (str(stored.review["created"]), stored.folder.name), reverse=True)


def newest_review(pipeline_root: str, span: int | None = None) -> StoredReview | None:
    """The newest review, or the newest one that this span was new in."""
    return next((stored for stored in stored_reviews(pipeline_root) if span is None or span in stored.spans), None)
