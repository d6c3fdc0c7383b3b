"""Ingest: a delivery becomes a span, or nothing at all."""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import apache_beam as beam

from flowers_tfx import features
from flowers_tfx.class_names import class_names
from flowers_tfx.config.ingest import IngestConfig
from flowers_tfx.data import delivery, ingest_beam, publication, spans
from flowers_tfx.data.beam_jobs import read_ledger, run_job, watch_progress
from flowers_tfx.data.forgotten import forgotten_digests
from flowers_tfx.data.ingest_beam import IngestPhotos
from flowers_tfx.data.span_writers import Draft, span_writer
from flowers_tfx.errors import EngineFailed, InputError
from flowers_tfx.progress import ProgressCallback
from flowers_tfx.storage.atomic_writes import atomic_file
from flowers_tfx.storage.s3_endpoint import endpoint_url

__all__ = ["IngestPhotos", "IngestRequest", "IngestResult", "Reject", "ingest"]

KEPT_REJECTS = 1000
_DEFAULTS = IngestConfig()


@dataclass(frozen=True)
class IngestRequest:
    """`csv`: path or URI of the delivery; `span`: None for the next number; `ingest_id`: empty for a random one.
    `replaces`: the number of a rejected span whose photos this delivery corrects: they count as new."""

    csv: str
    labels: tuple[str, ...]
    data_root: str
    span: int | None = None
    split_salt: str = _DEFAULTS.split_salt
    shards: int = _DEFAULTS.shards
    max_pixels: int = _DEFAULTS.max_pixels
    ingest_id: str = ""
    replaces: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", class_names(self.labels))


@dataclass(frozen=True)
class Reject:
    """A line that gives no photo; `digest` is empty when there was no file to read."""

    uri: str
    label: str
    line: int
    reason: str
    digest: str = ""


@dataclass(frozen=True)
class IngestResult:
    """`span` and `digest` are None if nothing was new. Examples + known + duplicates + rejected = lines of the CSV."""

    span: int | None
    examples: int
    known: int
    duplicates: int
    rejected: int
    splits: dict[str, int]
    digest: str | None
    data_root: str
    seconds: float
    rejects: list[Reject] = field(default_factory=list)  # the first 1000; rejects.jsonl of the span has them all

    def as_json(self) -> dict[str, Any]:
        """The value of `flowers ingest --json`."""
        values = asdict(self)
        del values["rejects"]
        return values


def ingest(
    request: IngestRequest,
    make_pipeline: Callable[[], beam.Pipeline],
    progress: ProgressCallback | None = None,
    rejects_path: Path | None = None,
) -> IngestResult:
    """Writes one span, or none when nothing is new. InputError for a delivery with nothing usable, a taken number, a bad data root;
    EngineFailed for a job that failed or did not account for every line.

    `progress(done, total)` counts lines and is called from another thread. `rejects_path` gets the rejects, as rejects.jsonl of a span,
    also if there is no span.
    """
    started = time.monotonic()
    _check(request)
    root = spans.data_root_path(request.data_root)
    with span_writer(root) as writer:
        delivered = spans.list_spans(root)
        number = writer.claim_number(request.span, delivered)
        earlier = _spans_that_count(delivered, request.replaces)
        with writer.draft(number) as draft:
            survey = delivery.survey(request.csv)
            # Photos in earlier spans are probably listed again.
            earlier_bytes = sum(file["bytes"] for span in earlier for file in span.manifest["files"].values())
            writer.check_space(max(0, survey.local_bytes - earlier_bytes))
            job = ingest_beam.Job(
                request.csv,
                request.labels,
                draft.work_uri,
                number,
                request.split_salt,
                request.shards,
                request.max_pixels,
                endpoint_url(),
                forgotten_digests(request.data_root),
            )
            earlier_photos = [(span.number, str(span.path / spans.PHOTOS)) for span in earlier]
            with watch_progress(draft.scratch, survey.lines, progress):
                run_job("ingest", make_pipeline(), IngestPhotos(job, survey.chunks, earlier_photos))
            result = _finish(request, number, draft, survey.lines, rejects_path)
    return IngestResult(**{**vars(result), "seconds": round(time.monotonic() - started, 3)})


def _check(request: IngestRequest) -> None:
    if not request.labels:
        raise InputError("No labels are given.", "Name a labels file with one class per line.")
    if request.span is not None and request.span < 1:
        raise InputError(
            f"Spans are numbered from 1, so {request.span} is not a number of a span.", "Leave --span out to take the next number."
        )
    if request.shards < 1:
        raise InputError(f"A split needs at least one shard, not {request.shards}.", "Leave it out for one.")


def _spans_that_count(delivered: Sequence[spans.Span], replaces: int | None) -> list[spans.Span]:
    """The spans whose photos are known. InputError if the span to replace is missing."""
    if replaces is not None and replaces not in [span.number for span in delivered]:
        raise InputError(f"The data root holds no span {replaces} that could be replaced.", "`flowers spans` lists them.")
    return [span for span in spans.current_spans(delivered) if span.number != replaces]


def _finish(request: IngestRequest, number: int, draft: Draft, lines: int, copy_of_rejects: Path | None) -> IngestResult:
    """Counts, checks that no line is lost, and publishes the span if it has new photos."""
    ledger = read_ledger("ingest", draft)
    shards = ledger["shards"]
    rows = [draft.local_file(f"{shard['path']}.rows") for shard in shards if shard["rows"]]
    photos = publication.write_photos(draft.scratch / spans.PHOTOS, rows, request.labels)
    duplicates = sum(shard["duplicates"] for shard in shards)
    known, rejected = ledger["known"], ledger["rejected"]
    if photos.examples + known + duplicates + rejected != lines:
        raise EngineFailed(
            f"{lines} lines became {photos.examples} examples, {known} known, {duplicates} duplicates, {rejected} rejected: the engine "
            "lost lines or took them twice.",
            "Nothing of it is visible. Try again, with engine direct if it stays so.",
        )
    rejects_path = draft.local_file(spans.REJECTS) if rejected else draft.scratch / spans.REJECTS
    rejects_path.touch()
    if copy_of_rejects is not None:
        with atomic_file(copy_of_rejects) as unfinished:
            shutil.copyfile(rejects_path, unfinished)
    if photos.examples + known == 0:
        raise _nothing_usable(request.csv, lines, rejects_path)
    new = photos.examples > 0
    result = IngestResult(
        span=number if new else None,
        examples=photos.examples,
        known=known,
        duplicates=duplicates,
        rejected=rejected,
        splits=photos.splits,
        digest=photos.digest if new else None,
        data_root=request.data_root,
        seconds=0.0,
        rejects=[Reject(**reject) for reject in islice(_rejects(rejects_path), KEPT_REJECTS)],
    )
    if new:
        fields = _manifest_fields(request, result, photos, ledger["delivery"], lines)
        _publish(draft, shards, request.shards, fields)
    return result


def _manifest_fields(
    request: IngestRequest, result: IngestResult, photos: publication.PhotoTotals, delivery_digest: str, lines: int
) -> dict[str, Any]:
    replaces = {} if request.replaces is None else {"replaces": request.replaces}
    return {
        "span": result.span,
        **replaces,
        "digest": result.digest,
        "delivery": delivery_digest,
        "ingest_id": request.ingest_id or uuid.uuid4().hex,
        "csv": request.csv,
        "labels": list(request.labels),
        "split_salt": request.split_salt,
        "lines": lines,
        "examples": result.examples,
        "known": result.known,
        "duplicates": result.duplicates,
        "rejected": result.rejected,
        "splits": photos.splits,
        "label_counts": photos.labels,
        "label_counts_by_split": photos.labels_by_split,
        "properties": list(features.PROPERTY_NAMES),
    }


def _publish(draft: Draft, shards: list[Mapping[str, Any]], total: int, fields: Mapping[str, Any]) -> None:
    files = publication.collect_shards(draft.scratch, draft.add_file, shards, total)
    for name in (spans.PHOTOS, spans.REJECTS):
        files[name] = publication.size_and_sha256(draft.scratch / name)
        draft.add_file(str(draft.scratch / name), name)
    draft.publish(publication.manifest_text({**fields, "files": files}))


def _nothing_usable(csv: str, lines: int, rejects_path: Path) -> InputError:
    reasons = Counter(reject["reason"] for reject in _rejects(rejects_path))
    worst = "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common(3))
    count = "The only line" if lines == 1 else f"All {lines} lines"
    return InputError(f"{count} of {csv} had to be rejected: {worst}.", "Relative URIs start at the CSV's own folder.")


def _rejects(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)
