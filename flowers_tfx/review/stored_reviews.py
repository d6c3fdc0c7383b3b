"""The reviews of runs, where people look for them: PIPELINE_ROOT/reviews/<name>/{report.html, report.md, review.json}."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowers_tfx.storage import BucketPath, StoragePath, atomic_folder, storage_path

REVIEWS = "reviews"
HTML, MARKDOWN, JSON = "report.html", "report.md", "review.json"


@dataclass(frozen=True)
class StoredReview:
    """`review`: its JSON, with `created` and `run_id` besides."""

    folder: StoragePath
    review: Mapping[str, Any]

    @property
    def html(self) -> StoragePath:
        return self.folder / HTML

    @property
    def spans(self) -> tuple[int, ...]:
        return tuple(int(span["span"]) if isinstance(span, Mapping) else int(span) for span in self.review["new"]["spans"])

    def has_digest(self, digest: str) -> bool:
        """Whether the span of this content is among the new ones."""
        return any(isinstance(span, Mapping) and span["digest"] == digest for span in self.review.get("new_spans", ()))


def store_review(pipeline_root: str, name: str, files: Mapping[str, str]) -> StoragePath:
    """Puts the files there by one rename, in a bucket the JSON last; each run has a name of its own, so that no later review takes
    the place of an earlier one."""
    home = storage_path(pipeline_root) / REVIEWS
    if isinstance(home, BucketPath):
        for file in sorted(files, key=lambda file: file == JSON):
            (home / name / file).write_bytes(files[file].encode())
        return home / name
    with atomic_folder(home / name) as folder:
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
    return home / name


def stored_reviews(pipeline_root: str) -> list[StoredReview]:
    """Newest first; folders without a readable review are none, nor what a killed run left."""
    if "://" in pipeline_root and not pipeline_root.startswith("gs://"):
        return []  # only runs on Kubeflow have their artifacts there, and their reviews among them
    found = []
    home = storage_path(pipeline_root) / REVIEWS
    for folder in home.iterdir() if home.is_dir() else ():
        if folder.name.startswith("."):
            continue
        try:
            value = json.loads((folder / JSON).read_text(encoding="utf-8"))
            found.append(StoredReview(folder, {**value, "created": str(value["created"])}))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda stored: (str(stored.review["created"]), stored.folder.name), reverse=True)


def newest_review(pipeline_root: str, span: int | None = None) -> StoredReview | None:
    """The newest review, or the newest one that this span was new in."""
    return next((stored for stored in stored_reviews(pipeline_root) if span is None or span in stored.spans), None)
