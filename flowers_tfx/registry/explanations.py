"""The page that explains a model, beside its version: explanations.json for programs, report.html for people."""

from __future__ import annotations

import json
from dataclasses import dataclass

from flowers_tfx.registry.versions import EXPLANATIONS_DIR, version_path
from flowers_tfx.storage import StoragePath

EXPLANATIONS_FILE, EXPLANATIONS_PAGE = "explanations.json", "report.html"
# As the card beside the folder links to the page.
EXPLANATIONS_LINK = f"{EXPLANATIONS_DIR.rpartition('/')[2]}/{EXPLANATIONS_PAGE}"
# Written last: without it there is no page.
EXPLANATIONS_RECORD = "published.json"


@dataclass(frozen=True)
class ExplanationsRecord:
    """`push_id`: the token that the page was published with; `request`: the digest of what it was asked to show."""

    push_id: str
    request: str


def explanations_page(folder: StoragePath) -> StoragePath | None:
    """The page in the folder of a version; None for a version without one, or with one that is not whole yet."""
    page = folder / EXPLANATIONS_DIR / EXPLANATIONS_PAGE
    return page if (folder / EXPLANATIONS_DIR / EXPLANATIONS_RECORD).is_file() and page.is_file() else None


def read_explanations_record(registry: str, version: int) -> ExplanationsRecord | None:
    """None if there is no page, or if its record cannot be read."""
    folder = version_path(registry, version)
    if explanations_page(folder) is None:
        return None
    try:
        record = json.loads((folder / EXPLANATIONS_DIR / EXPLANATIONS_RECORD).read_text(encoding="utf-8"))
        return ExplanationsRecord(record["push_id"], record["request"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
