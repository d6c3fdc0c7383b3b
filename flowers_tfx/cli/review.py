"""`flowers review`: comparisons outside any pipeline, decisions on spans, and where the reviews of runs lie."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

import flowers_tfx
from flowers_tfx import features, storage
from flowers_tfx.config import PipelineConfig
from flowers_tfx.data import pictures, spans, uris
from flowers_tfx.data.tables import Table, open_span, read_table, span_table
from flowers_tfx.data.windows import set_aside
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.settings import pipeline_schema, review_policy
from flowers_tfx.progress import ProgressCallback
from flowers_tfx.review import decisions
from flowers_tfx.review.stored_reviews import StoredReview, newest_review, stored_reviews
from flowers_tfx.storage import StoragePath
from flowers_tfx.validation import Delivery, Policy, Review, compare


@dataclass(frozen=True)
class Side:
    """One side of a comparison: `span` where it is one."""

    path: StoragePath
    table: Table
    span: spans.Span | None

    @property
    def frame(self) -> pd.DataFrame:
        return self.table.frame

    @property
    def delivery(self) -> Delivery:
        return Delivery(self.table.rejected) if self.span is None else Delivery(*set_aside([self.span]))


def compare_sides(
    config: PipelineConfig, old: Path, new: Path, weights: str | None, seed: int, html: Path | None, progress: ProgressCallback
) -> Review:
    """The review of `new` against `old`, span folders or tables; with `html`, the report too."""
    policy = review_policy(config, pipeline_schema(config).proto)
    sides = (open_side(old), open_side(new))
    if html is not None:
        storage.check_target(html, "--html")
    before, after = _with_embeddings(config, sides, weights, policy, seed, progress)
    review = compare(
        before, after, policy, seed=seed, delivery=sides[1].delivery, compared_with=_said(sides[0]), subject=_subject(sides[1])
    )
    if html is not None:
        write_page(html, report(review, sides, before, after), "--html")
    return review


def open_side(path: StoragePath) -> Side:
    """Raises InputError when it is neither a span folder nor a table."""
    hint = "Name a folder such as DATA_ROOT/span-1, or a table of `flowers dataset measure`."
    try:
        span = open_span(path)
        if span is None and path.is_dir():
            raise InputError(f"{path} is no span.", hint)
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}.", hint) from None
    return Side(path, span_table(span) if span else read_table(path), span)


def report(review: Review, sides: Sequence[Side], before: pd.DataFrame, after: pd.DataFrame) -> str:
    from flowers_tfx.review.report import Context, render_html
    from flowers_tfx.review.report_photos import thumbnail, wanted_photos

    thumbnails: dict[str, bytes] = {}
    wanted = set(wanted_photos(review, before, after))
    for side in sides:
        for digest, data in photos_of(side, wanted - set(thumbnails)):
            try:
                thumbnails[digest] = thumbnail(data)
            except pictures.BadPicture:
                continue
    rejects = sides[-1].table.rejects
    context = Context(
        title=sides[-1].path.name,
        created=_now(),
        code_version=flowers_tfx.__version__,
        rejects=dict(Counter(str(reject.get("reason", "")) for reject in rejects)),
        reject_examples=rejects[:50],
    )
    return render_html(review, before, after, thumbnails, context)


def _now() -> str:
    from datetime import datetime, timezone

    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def photos_of(side: Side, wanted: set[str]) -> Any:
    """Digest and bytes of the photos that are asked for, as far as they can be had."""
    if side.span is not None:
        from flowers_tfx.data.span_pictures import span_pictures

        yield from span_pictures(side.span.path, wanted)
        return
    if features.URI not in side.frame or features.DIGEST not in side.frame:
        return
    for uri, digest in zip(side.frame[features.URI], side.frame[features.DIGEST], strict=True):
        if digest in wanted:
            try:
                path = uris.resolve(str(uri), side.table.base)
                yield digest, uris.read_bytes(path.encode("utf-8", "surrogateescape"), pictures.MAX_FILE_BYTES)
            except (uris.Unusable, ValueError):
                continue


def _with_embeddings(
    config: PipelineConfig, sides: tuple[Side, Side], weights: str | None, policy: Policy, seed: int, progress: ProgressCallback
) -> list[pd.DataFrame]:
    """Both frames; photos of spans get embeddings where weights are given, as many as the tests look at."""
    frames = [side.frame for side in sides]
    networks = {side.table.network for side in sides if features.EMBEDDING in side.frame and side.table.network}
    if weights is None:
        if len(networks) > 1:
            raise InputError(
                f"The embeddings of {sides[0].path} and {sides[1].path} come from other networks ({', '.join(sorted(networks))}).",
                "Measure both with the same --weights.",
            )
        return frames
    from flowers_tfx.cli.measure import embedder

    embed, network = embedder(config, weights)
    if networks - {network}:
        raise InputError(f"The weights {weights} are not those that made the table's embeddings.", "Name the weights of `dataset measure`.")
    for at, side in enumerate(sides):
        if side.span is not None:
            from flowers_tfx.review.photo_sample import with_embeddings

            frames[at] = with_embeddings(frames[at], [side.span], embed, policy.sample, progress, seed)
    return frames


def _said(side: Side) -> Mapping[str, Any]:
    if side.span is None:
        return {"kind": "span", "name": side.path.name}
    return {"kind": "span", "name": side.path.name, "digest": side.span.digest, "photos": side.span.examples}


def _subject(side: Side) -> Mapping[str, Any]:
    if side.span is None:
        return {"name": side.path.name}
    return {"name": side.path.name, "spans": [side.span.number], "digest": side.span.digest, "photos": side.span.examples}


def write_page(path: Path, text: str, option: str) -> None:
    """Whole or not at all. Raises InputError where it can't be written."""
    with storage.output_file(path, option) as unfinished:
        unfinished.write_text(text, encoding="utf-8", errors="backslashreplace")


def decide(config: PipelineConfig, action: decisions.Action, span: int, findings: Sequence[str], reason: str, by: str) -> dict[str, Any]:
    """Appends the decision. Raises InputError for a finding that the newest review of the span does not have."""
    newest = (newest_review(config.pipeline_root, span), newest_review(config.pipeline_root))
    # A review without new photos is of no span: what it says of the serving model is accepted with the window's newest.
    reviews = [found for found in newest if found and (found is newest[0] or not found.spans)]
    known = [finding["id"] for found in reviews for finding in found.review["findings"]]
    unknown = [name for name in findings if reviews and name not in known]
    if unknown:
        raise InputError(f"The review of span {span} has no finding {unknown[0]}.", f"It has {', '.join(known) or 'none'}.")
    return decisions.decide(config.data_root, action, span, findings, reason, by).as_json()


def newest(config: PipelineConfig, span: int | None) -> StoredReview:
    """Raises InputError when no run has reviewed it."""
    found = newest_review(config.pipeline_root, span)
    if found is None:
        what = "No run has reviewed anything" if span is None else f"No run has reviewed span {span}"
        raise InputError(f"{what} in {config.pipeline_root}.", "Run the pipeline first: flowers run --config FILE.")
    return found


def page_on_disk(found: StoredReview) -> Path:
    """The page, or a copy of one in a bucket, which stays: the browser reads it when it likes."""
    if isinstance(found.html, Path):
        return found.html
    copy = Path(tempfile.mkdtemp(prefix="flowers-review-")) / found.html.name
    found.html.download(copy)
    return copy


def list_spans(config: PipelineConfig) -> list[dict[str, Any]]:
    """Spans with counts, dates, verdicts and decisions, oldest first."""
    taken = decisions.read_decisions(config.data_root)
    reviews = stored_reviews(config.pipeline_root)
    rows = []
    for span in spans.list_spans(config.data_root):
        review = next((found for found in reviews if span.number in found.spans and found.has_digest(span.digest)), None)
        own = decisions.of_span(taken, span)
        rows.append(
            {
                "span": span.number,
                "digest": span.digest,
                "created": span.manifest.get("created", ""),
                "examples": span.examples,
                "splits": dict(span.manifest["splits"]),
                "label_counts": dict(span.manifest["label_counts"]),
                "known": span.manifest["known"],
                "duplicates": span.manifest["duplicates"],
                "rejected": span.manifest["rejected"],
                "verdict": review.review["verdict"] if review else None,
                "report": str(review.html) if review else None,
                "rejected_by_reviewer": decisions.is_rejected(taken, span),
                "decisions": [decision.as_json() for decision in own],
            }
        )
    return rows
