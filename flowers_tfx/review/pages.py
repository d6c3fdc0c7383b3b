"""The files of a review: its page, its Markdown form, its JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

import flowers_tfx
from flowers_tfx.review.comparison import Comparison
from flowers_tfx.review.gate import Gate
from flowers_tfx.review.report import Context, render_html
from flowers_tfx.review.report_markdown import render_markdown
from flowers_tfx.review.sides import Rejects
from flowers_tfx.review.stored_reviews import HTML, JSON, MARKDOWN
from flowers_tfx.storage import output_file
from flowers_tfx.validation import Review

if TYPE_CHECKING:
    from flowers_tfx.validation.suspects import Suspect


def now() -> str:
    """ISO 8601, UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def comparison_page(comparison: Comparison, language: str) -> str:
    """HTML of a comparison outside a run."""
    new = comparison.new
    context = Context(
        title=new.name,
        created=now(),
        code_version=flowers_tfx.__version__,
        rejects=new.rejects.reasons,
        reject_examples=new.rejects.examples,
        language=language,
    )
    return render_html(comparison.review, comparison.baseline.rows, new.rows, comparison.thumbnails(), context)


def run_context(
    gate: Gate,
    run_id: str,
    rejects: Rejects,
    schema_differences: Sequence[str],
    history: Sequence[Mapping[str, Any]],
    comparisons: Sequence[tuple[str, Review]],
    language: str,
) -> Context:
    """The context of a review in a run."""
    return Context(
        title=", ".join(f"span-{number}" for number in gate.numbers),
        run_id=run_id,
        created=now(),
        model_version=str(gate.review.compared_with.get("version") or ""),
        code_version=flowers_tfx.__version__,
        rejects=rejects.reasons,
        reject_examples=rejects.examples,
        schema_differences=schema_differences,
        history=history,
        comparisons=comparisons,
        commands=gate.commands,
        waiting=gate.waiting,
        spans=gate.numbers,
        language=language,
    )


def review_files(
    review: Review,
    baseline: pd.DataFrame,
    new: pd.DataFrame,
    thumbnails: Mapping[str, bytes],
    context: Context,
    new_spans: Sequence[Mapping[str, Any]] = (),
    suspects: Sequence[Suspect] = (),
) -> dict[str, str]:
    """File name to text, as `stored_reviews.store_review` takes them. `new_spans`: {span, digest} of each, for decisions; `suspects`: new
    photos whose labels are probably wrong."""
    value = {
        **review.as_json(),
        "created": context.created,
        "run_id": context.run_id,
        "new_spans": list(new_spans),
        "suspects": [suspect.as_json() for suspect in suspects],
    }
    return {
        HTML: render_html(review, baseline, new, thumbnails, context),
        MARKDOWN: render_markdown(review, context),
        JSON: json.dumps(value, indent=2, ensure_ascii=False),
    }


def write_page(path: Path, text: str, option: str) -> None:
    """Writes the page whole or not at all. Raises InputError, which names `option`, if it cannot be written."""
    with output_file(path, option) as unfinished:
        unfinished.write_text(text, encoding="utf-8", errors="backslashreplace")
