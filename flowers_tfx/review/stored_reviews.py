"""The reviews of runs, where people look for them: PIPELINE_ROOT/reviews/<name>/{report.html, report.md, review.json}."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowers_tfx.errors import InputError
from flowers_tfx.storage import BucketPath, StoragePath, atomic_folder, storage_path

REVIEWS = "reviews"
HTML, MARKDOWN, JSON = "report.html", "report.md", "review.json"
_MAX_HISTORY = 12


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
    """Puts the files there by one rename, in a bucket the JSON last. Raises InputError for a name that is taken: no later review takes the
    place of an earlier one."""
    home = storage_path(pipeline_root) / REVIEWS
    if isinstance(home, BucketPath):
        for file in sorted(files, key=lambda file: file == JSON):
            (home / name / file).write_bytes(files[file].encode())
        return home / name
    with atomic_folder(home / name) as folder:
        write_files(folder, files)
    return home / name


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def stored_reviews(pipeline_root: str) -> list[StoredReview]:
    """Newest first. Folders without a readable review are left out, and so is what a killed run left."""
    if "://" in pipeline_root and not pipeline_root.startswith("gs://"):
        return []  # only runs on Kubeflow have such a root: their reviews are artifacts of theirs
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


def require_review(pipeline_root: str, span: int | None) -> StoredReview:
    """The same as `newest_review`. Raises InputError when no run has reviewed it."""
    stored = newest_review(pipeline_root, span)
    if stored is None:
        what = "No run has reviewed anything" if span is None else f"No run has reviewed span {span}"
        raise InputError(f"{what} in {pipeline_root}.", "Run the pipeline first: flowers run --config FILE.")
    return stored


def review_history(pipeline_root: str, spans: Sequence[int]) -> list[dict[str, Any]]:
    """The newest review of each of the other deliveries, oldest first: {name, verdict, scores}."""
    newest: dict[tuple[int, ...], StoredReview] = {}
    for stored in stored_reviews(pipeline_root) if pipeline_root else ():
        if stored.spans and stored.spans != tuple(spans):
            newest.setdefault(stored.spans, stored)
    return [
        {"name": ", ".join(f"span-{span}" for span in stored.spans), "verdict": stored.review["verdict"], "scores": stored.review["scores"]}
        for stored in reversed(list(newest.values())[:_MAX_HISTORY])
    ]


def local_page(stored: StoredReview) -> Path:
    """The page on this machine. Of one in a bucket it is a copy, which is not deleted: a browser reads it later."""
    if isinstance(stored.html, Path):
        return stored.html
    copy = Path(tempfile.mkdtemp(prefix="flowers-review-")) / stored.html.name
    stored.html.download(copy)
    return copy
