"""Ingest as a PTransform: from the lines of a delivery to the shard files of a span.

Lines are hashed, grouped by the photo's digest together with earlier spans, and settled; each distinct new photo is then read once
more, measured and written. No bytes of photos go through a shuffle, known photos are never decoded, and a shard's file depends on
its photos alone. Every line ends as exactly one of the ledger's entries, on any engine and after any number of retries.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow.parquet as pq
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.transforms.window import GlobalWindows

from flowers_tfx import features
from flowers_tfx.class_names import class_name
from flowers_tfx.data import delivery, pictures, records, spans, uris
from flowers_tfx.data.beam_jobs import LEDGER, UNITS_PER_PHOTO, create_file, report_progress
from flowers_tfx.data.photos import Occurrence, Photo, batches, conflict, read_photo, split_of
from flowers_tfx.data.properties import Value, measure
from flowers_tfx.storage import configure_beam_worker

# Units of work on a new photo: hashing it, and measuring and writing it.
HASH_UNITS, WRITE_UNITS = 1, UNITS_PER_PHOTO - 1

_LEDGER_ENTRIES = "ledger"
Entry = tuple[Any, ...]


@dataclass(frozen=True)
class Job:
    """Parameters of an ingest job, sent to every worker. `work_dir`: the folder that workers write to; `s3_endpoint`: for
    `configure_beam_worker`."""

    csv: str
    labels: tuple[str, ...]
    work_dir: str
    span: int
    split_salt: str
    shards: int
    max_pixels: int
    s3_endpoint: str = ""


class IngestPhotos(beam.PTransform):
    """Writes shard files, their rows, rejects.jsonl (if there are any) and ledger.json into the job's work folder; outputs the path of
    the ledger."""

    def __init__(self, job: Job, chunks: Sequence[delivery.Chunk], earlier: Sequence[tuple[int, str]]) -> None:
        super().__init__()
        self._job, self._chunks, self._earlier = job, list(chunks), list(earlier)

    def expand(self, begin: Any) -> Any:
        job = self._job
        hashed = (
            begin
            | "Chunks" >> beam.Create(self._chunks)
            | "Hash" >> beam.ParDo(HashPhotos(job)).with_outputs(_LEDGER_ENTRIES, main="photos")
        )
        occurrences = [hashed.photos]
        if self._earlier:
            occurrences.append(begin | "EarlierSpans" >> beam.Create(self._earlier) | "EarlierPhotos" >> beam.ParDo(EarlierPhotos(job)))
        settled = (
            occurrences
            | "AllOccurrences" >> beam.Flatten()
            | "ByDigest" >> beam.GroupByKey()
            | "Settle" >> beam.ParDo(SettlePhotos(job)).with_outputs(_LEDGER_ENTRIES, main="new")
        )
        written = settled.new | "ByShard" >> beam.GroupByKey() | "Write" >> beam.ParDo(WriteShard(job))
        return (
            (hashed[_LEDGER_ENTRIES], settled[_LEDGER_ENTRIES], written)
            | "AllEntries" >> beam.Flatten()
            | "OneLedger" >> beam.Map(lambda entry: (0, entry))
            | "ByLedger" >> beam.GroupByKey()
            | "WriteLedger" >> beam.ParDo(WriteIngestLedger(job))
        )


class EarlierPhotos(beam.DoFn):
    """From an earlier span's number and photos.parquet to (digest, occurrence)."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def setup(self) -> None:
        configure_beam_worker(self._job.s3_endpoint)

    def process(self, span: tuple[int, str]) -> Iterator[tuple[bytes, Entry]]:
        number, photos_path = span
        with FileSystems.open(photos_path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
            for photos in pq.ParquetFile(file).iter_batches(columns=[features.DIGEST, features.LABEL]):
                for digest, label in zip(*(photos.column(i).to_pylist() for i in range(2)), strict=True):
                    yield bytes.fromhex(digest), (f"span {number}", 0, class_name(label), b"", 0)


class HashPhotos(beam.DoFn):
    """From a chunk of the CSV to (digest, occurrence); bad lines and the lines' content go to the ledger."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def setup(self) -> None:
        configure_beam_worker(self._job.s3_endpoint)
        self._labels = frozenset(self._job.labels)

    def process(self, chunk: delivery.Chunk) -> Iterator[Any]:
        base, contents = uris.folder(self._job.csv), []
        for number, raw in delivery.read_chunk(self._job.csv, chunk):
            line = delivery.read_line(number, raw, base, self._labels)
            contents.append(line.content)
            if line.digest:
                yield line.digest, (line.uri, number, line.label, line.path, line.size)
            else:
                yield beam.pvalue.TaggedOutput(_LEDGER_ENTRIES, reject_entry(number, line.uri, line.label, line.reason))
        yield beam.pvalue.TaggedOutput(_LEDGER_ENTRIES, ("content", b"".join(contents)))
        report_progress(self._job.work_dir, HASH_UNITS * chunk.lines)


class SettlePhotos(beam.DoFn):
    """From (digest, occurrences) to ((split, shard), (digest, occurrences)) for the photos that are new."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def start_bundle(self) -> None:
        self._known = 0

    def process(self, photo: tuple[bytes, Iterable[Occurrence]]) -> Iterator[Any]:
        digest, occurrences = photo[0], [Occurrence(*occurrence) for occurrence in photo[1]]
        lines = sorted(occurrence for occurrence in occurrences if occurrence.number)
        if not lines:
            return
        earlier = [occurrence for occurrence in occurrences if not occurrence.number]
        if reason := conflict(lines, earlier):
            for line in lines:
                entry = reject_entry(line.number, line.uri, line.label, reason, digest)
                yield beam.pvalue.TaggedOutput(_LEDGER_ENTRIES, entry)
        elif earlier:
            self._known += len(lines)
        else:
            job = self._job
            yield (split_of(digest, job.split_salt), int.from_bytes(digest, "big") % job.shards), (digest, [tuple(line) for line in lines])

    def finish_bundle(self) -> Iterator[Any]:
        if self._known:
            yield beam.pvalue.TaggedOutput(_LEDGER_ENTRIES, GlobalWindows.windowed_value(("known", self._known)))


class WriteShard(beam.DoFn):
    """From ((split, shard), photos) to one TFRecord file and its rows, sorted by digest; bad pictures go to the ledger."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def setup(self) -> None:
        configure_beam_worker(self._job.s3_endpoint)

    def process(self, shard: tuple[tuple[str, int], Iterable[tuple[bytes, list[Occurrence]]]]) -> Iterator[Entry]:
        (split, index), photos = shard
        job = self._job
        # A retried bundle writes other files: only those in the ledger are used.
        path = FileSystems.join(job.work_dir, f"{split}-{index}.{uuid.uuid4().hex}")
        duplicates = written = 0
        with ExitStack() as files:
            out = files.enter_context(create_file(path))
            writer = records.RecordWriter(out)
            for batch in batches(sorted(photos, key=lambda photo: photo[0])):
                readable: list[Photo] = []
                for digest, occurrences in batch:
                    lines = [Occurrence(*occurrence) for occurrence in occurrences]
                    try:
                        readable.append(read_photo(digest, lines, job.max_pixels))
                    except pictures.BadPicture as error:
                        yield from (reject_entry(bad.number, bad.uri, bad.label, str(error), digest) for bad in lines)
                    else:
                        duplicates += len(lines) - 1
                for photo, measured in zip(readable, measure([photo.sample for photo in readable]), strict=True):
                    row = {features.DIGEST: photo.digest, features.LABEL: photo.label, "split": split, **measured}
                    writer.write(records.example_bytes(example_features(row, photo, job)))
                    if not written:
                        rows = files.enter_context(create_file(f"{path}.rows"))  # never an empty one: Beam can't write those to S3
                    written += 1
                    rows.write(f"{photo.digest}\t{spans.canonical(row)}\t{json.dumps(photo.uri)}\n".encode())
                report_progress(job.work_dir, WRITE_UNITS * sum(len(occurrences) for _, occurrences in batch))
            sha256 = writer.close()
        yield ("shard", split, index, path, writer.bytes, sha256, duplicates, written)


class WriteIngestLedger(beam.DoFn):
    """All entries, from one group, as rejects.jsonl in the order of lines and ledger.json with everything else."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def setup(self) -> None:
        configure_beam_worker(self._job.s3_endpoint)

    def process(self, ledger: tuple[int, Iterable[Entry]]) -> Iterator[str]:
        by_kind: dict[str, list[Entry]] = {"reject": [], "content": [], "known": [], "shard": []}
        for entry in ledger[1]:
            by_kind[entry[0]].append(tuple(entry[1:]))
        if by_kind["reject"]:
            self._write_rejects(sorted(by_kind["reject"]))
        contents = (blob[i : i + 32] for (blob,) in by_kind["content"] for i in range(0, len(blob), 32))
        names = ("split", "index", "path", "bytes", "sha256", "duplicates", "rows")
        totals = {
            "delivery": delivery.content_digest(contents),
            "rejected": len(by_kind["reject"]),
            "known": sum(count for (count,) in by_kind["known"]),
            "shards": [dict(zip(names, entry, strict=True)) for entry in sorted(by_kind["shard"])],
        }
        path = FileSystems.join(self._job.work_dir, LEDGER)
        with create_file(path) as out:
            out.write(json.dumps(totals).encode())
        yield path

    def _write_rejects(self, rejects: list[Entry]) -> None:
        with create_file(FileSystems.join(self._job.work_dir, spans.REJECTS)) as out:
            for line, uri, label, reason, digest in rejects:
                row = {"uri": uri, "label": label, "line": line, "reason": reason}
                out.write(json.dumps({**row, "digest": digest} if digest else row).encode() + b"\n")


def example_features(row: dict[str, Value], photo: Photo, job: Job) -> dict[str, records.Feature]:
    """The features of an Example; absent properties are left out."""
    columns = {name: value for name, value in row.items() if value is not None and name != "split"}
    return {**columns, features.IMAGE: photo.data, features.URI: photo.uri, features.SPAN: job.span}


def reject_entry(line: int, uri: str, label: str, reason: str, digest: bytes = b"") -> Entry:
    return ("reject", line, uri, label, reason, digest.hex())
