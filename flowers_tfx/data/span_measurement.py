"""Properties that spans lack, measured later: the photos of a span are read from its TFRecords, on any of Beam's engines, and the values
become a sidecar of the span."""

from __future__ import annotations

import gzip
import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from flowers_tfx import features
from flowers_tfx.data import sidecars, spans
from flowers_tfx.data.beam_jobs import LEDGER, UNITS_PER_PHOTO, create_file, read_ledger, report_progress, run_job, watch_progress
from flowers_tfx.data.photo_batch import BATCH
from flowers_tfx.data.pixel_sample import sample_pixels
from flowers_tfx.data.properties import measure
from flowers_tfx.data.records import bytes_feature
from flowers_tfx.data.span_writers import Draft, span_writer
from flowers_tfx.data.spans import Span
from flowers_tfx.errors import EngineFailed
from flowers_tfx.progress import ProgressCallback
from flowers_tfx.storage import configure_beam_worker, endpoint_url
from flowers_tfx.tfrecords import read_records

_NO_LIMIT = 1 << 40  # pixels: photos that ingest accepted are always measured


@dataclass(frozen=True)
class Measurement:
    """What was added to a span; no properties and no sidecar if it lacked none."""

    span: int
    digest: str
    properties: tuple[str, ...]
    photos: int
    sidecar: str | None
    seconds: float

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "properties": list(self.properties)}


def measure_span(span: Span, make_pipeline: Callable[[], beam.Pipeline], progress: ProgressCallback | None = None) -> Measurement:
    """Measures the image properties that the span lacks and writes them as a sidecar. EngineFailed when the job fails or loses photos.

    No ingest and no other measurement writes to the data root meanwhile. `progress(done, total)` counts photos.
    """
    started = time.monotonic()
    root = span.path.parent
    with span_writer(root) as writer:
        # The process that had the lock before may have measured it.
        span = next(found for found in spans.list_spans(root) if found.number == span.number)
        names = spans.missing_properties(span)
        if not names:
            return Measurement(span.number, span.digest, (), span.examples, None, 0.0)
        with writer.draft(span.number) as draft:
            shards = [str(span.path / name) for name in span.manifest["files"] if name.endswith(".tfrecord.gz")]
            job = MeasureJob(draft.work_uri, names, endpoint_url())
            with watch_progress(draft.scratch, span.examples, progress):
                run_job("measuring", make_pipeline(), MeasurePhotos(job, shards))
            table = _table(draft, names, span.examples)
            path = sidecars.write_sidecar(span.path, span.digest, table)
    return Measurement(span.number, span.digest, names, span.examples, str(path), round(time.monotonic() - started, 3))


@dataclass(frozen=True)
class MeasureJob:
    """Parameters of a measurement job, sent to every worker."""

    work_dir: str
    names: tuple[str, ...]
    s3_endpoint: str = ""


class MeasurePhotos(beam.PTransform):
    """Writes a file of rows for each shard and the ledger into the job's work folder; gives the ledger's path."""

    def __init__(self, job: MeasureJob, shards: Sequence[str]) -> None:
        super().__init__()
        self._job, self._shards = job, list(shards)

    def expand(self, begin: Any) -> Any:
        return (
            begin
            | "Shards" >> beam.Create(self._shards)
            | "Spread" >> beam.Reshuffle()
            | "Measure" >> beam.ParDo(MeasureShard(self._job))
            | "OneLedger" >> beam.Map(lambda entry: (0, entry))
            | "ByLedger" >> beam.GroupByKey()
            | "WriteLedger" >> beam.ParDo(WriteMeasurementLedger(self._job))
        )


class MeasureShard(beam.DoFn):
    """From the path of a shard to the path of its rows, one JSON object a line, and their number."""

    def __init__(self, job: MeasureJob) -> None:
        self._job = job

    def setup(self) -> None:
        configure_beam_worker(self._job.s3_endpoint)

    def process(self, shard: str) -> Iterator[tuple[str, int]]:
        path = FileSystems.join(self._job.work_dir, f"{uuid.uuid4().hex}.rows")
        count = 0
        out = None
        with FileSystems.open(shard, compression_type=CompressionTypes.UNCOMPRESSED) as packed, gzip.open(packed) as file:
            photos = read_records(file)
            while batch := list(islice(photos, BATCH)):
                digests = [bytes_feature(photo, features.DIGEST).decode() for photo in batch]
                samples = [sample_pixels(bytes_feature(photo, features.IMAGE), _NO_LIMIT) for photo in batch]
                out = out or create_file(path)  # never an empty one: Beam can't write those to S3
                for digest, values in zip(digests, measure(samples, self._job.names), strict=True):
                    out.write(json.dumps({features.DIGEST: digest, **values}).encode() + b"\n")
                count += len(batch)
                report_progress(self._job.work_dir, UNITS_PER_PHOTO * len(batch))
        if out:
            out.close()
        yield path, count


class WriteMeasurementLedger(beam.DoFn):
    """Lists the files of rows, from one group, in ledger.json."""

    def __init__(self, job: MeasureJob) -> None:
        self._job = job

    def setup(self) -> None:
        configure_beam_worker(self._job.s3_endpoint)

    def process(self, ledger: tuple[int, Iterable[tuple[str, int]]]) -> Iterator[str]:
        shards = [{"path": path, "rows": rows} for path, rows in sorted(ledger[1]) if rows]
        path = FileSystems.join(self._job.work_dir, LEDGER)
        with create_file(path) as out:
            out.write(json.dumps({"shards": shards}).encode())
        yield path


def _table(draft: Draft, names: Sequence[str], photos: int) -> pa.Table:
    """The rows of all files by digest. Raises EngineFailed if any photo of the span is missing."""
    rows: list[dict[str, Any]] = []
    for shard in read_ledger("measuring", draft)["shards"]:
        with draft.local_file(shard["path"]).open(encoding="utf-8") as lines:
            rows += map(json.loads, lines)
    rows.sort(key=lambda row: str(row[features.DIGEST]))
    if len({row[features.DIGEST] for row in rows}) != len(rows) or len(rows) != photos:
        raise EngineFailed(
            f"{photos} photos gave {len(rows)} measurements: the engine lost photos or took them twice.",
            "Nothing was added. Try again, with engine direct if it stays so.",
        )
    schema = spans.photos_schema()
    return pa.Table.from_pylist(rows, pa.schema([schema.field(name) for name in (features.DIGEST, *names)]))
