"""The stored reviews of runs: ROOT/reviews/<name>/{report.html, report.md, review.json}. ROOT is the pipeline root of
a run in this process, and the data root of a run on Kubeflow: all its steps and all reviewers can reach that."""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowers_tfx.errors import InputError
from flowers_tfx.storage import BucketPath, StoragePath, atomic_folder, storage_path

REVIEWS = "reviews"
HTML, MARKDOWN, JSON = "report.html", "report.md", "review.json"
COPY_PREFIX = "flowers-review-"  # of copies of pages on this machine
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


def review_roots(pipeline_root: str, data_root: str) -> tuple[str, ...]:
    """The roots that reviews of a configuration's runs are kept below."""
    # Only runs on Kubeflow have a pipeline root on s3://.
    in_process = "://" not in pipeline_root or pipeline_root.startswith("gs://")
    return tuple(dict.fromkeys((*([pipeline_root] if in_process else []), data_root)))


def store_review(root: str, name: str, files: Mapping[str, str]) -> StoragePath:
    """Stores the files in a folder of this name by one rename, in a bucket with the JSON last, and returns the folder. A review is never
    replaced: a retried step that had already stored its review gets a second folder beside the first."""
    home = storage_path(root) / REVIEWS / name
    if (home / JSON).is_file():
        home = home.parent / f"{name}-{uuid.uuid4().hex[:8]}"
    if isinstance(home, BucketPath):
        for file in sorted(files, key=lambda file: file == JSON):
            (home / file).write_bytes(files[file].encode())
        return home
    with atomic_folder(home) as folder:
        write_files(folder, files)
    return home


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def stored_reviews(*roots: str, known: Mapping[str, StoredReview] | None = None, unreadable: list[str] | None = None) -> list[StoredReview]:
    """Newest first. Folders without a readable review are left out, and so is what a killed run left. `known`: reviews by the path of
    their folders that need not be read again; `unreadable` gets the names of folders whose JSON cannot be read or is not a
    review's."""
    reviews = []
    homes = [storage_path(root) / REVIEWS for root in roots]
    for folder in (folder for home in homes if home.is_dir() for folder in home.iterdir()):
        if folder.name.startswith("."):
            continue
        if known and str(folder) in known:
            reviews.append(known[str(folder)])
            continue
        try:
            value = json.loads((folder / JSON).read_text(encoding="utf-8"))
            stored = StoredReview(folder, {**value, "created": str(value["created"])})
            _ = stored.spans  # raises for what is not a review
            reviews.append(stored)
        except (FileNotFoundError, NotADirectoryError):  # removed meanwhile
            continue
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            if unreadable is not None:
                unreadable.append(folder.name)
    return sorted(reviews, key=lambda stored: (str(stored.review["created"]), stored.folder.name), reverse=True)


def newest_review(*roots: str, span: int | None = None) -> StoredReview | None:
    """The newest review, or the newest one in which this span was new."""
    return next((stored for stored in stored_reviews(*roots) if span is None or span in stored.spans), None)


def require_review(*roots: str, span: int | None = None) -> StoredReview:
    """The same as `newest_review`. Raises InputError when no run has reviewed it."""
    stored = newest_review(*roots, span=span)
    if stored is None:
        what = "No run has reviewed anything" if span is None else f"No run has reviewed span {span}"
        raise InputError(f"{what} in {' or '.join(roots)}.", "Run the pipeline first: flowers run --config FILE.")
    return stored


def review_history(root: str, spans: Sequence[int]) -> list[dict[str, Any]]:
    """The newest review of each of the other deliveries, oldest first: {name, verdict, scores}."""
    newest: dict[tuple[int, ...], StoredReview] = {}
    for stored in stored_reviews(root):
        if stored.spans and stored.spans != tuple(spans):
            newest.setdefault(stored.spans, stored)
    return [
        {"name": ", ".join(f"span-{span}" for span in stored.spans), "verdict": stored.review["verdict"], "scores": stored.review["scores"]}
        for stored in reversed(list(newest.values())[:_MAX_HISTORY])
    ]


def local_page(stored: StoredReview) -> Path:
    """The page on this machine. For a bucket, a copy that is not deleted, since a browser reads it later."""
    if isinstance(stored.html, Path):
        return stored.html
    copy = Path(tempfile.mkdtemp(prefix=COPY_PREFIX)) / stored.html.name
    stored.html.download(copy)
    return copy
