"""Ingest as a PTransform: from the lines of a delivery to the shard files of a span.

Lines are hashed and grouped, together with earlier spans, into units of work by the photo's digest; each distinct new photo is then read
once more, measured and written. No bytes of photos go through a shuffle, known photos are never decoded, and a shard's file depends on
its photos alone. Every line ends as exactly one of the ledger's entries, on any engine and after any number of retries.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import apache_beam as beam
import pyarrow.parquet as pq
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from flowers_tfx import features
from flowers_tfx.class_names import class_name
from flowers_tfx.data import delivery, forgotten, photo_cache, photos, pictures, spans, uris
from flowers_tfx.data.beam_jobs import LEDGER, UNITS_PER_PHOTO, create_file, report_progress
from flowers_tfx.data.photos import Occurrence, Photo
from flowers_tfx.data.properties import measure
from flowers_tfx.data.shard_files import ShardFile
from flowers_tfx.storage import configure_beam_worker

# Units of work on a new photo: hashing it, and measuring and writing it.
HASH_UNITS, WRITE_UNITS = 1, UNITS_PER_PHOTO - 1

# The output for the ledger. Its elements all have the same key: one worker writes it.
_LEDGER_ENTRIES, _LEDGER_KEY = "ledger", 0
Entry = tuple[Any, ...]


@dataclass(frozen=True)
class Job:
    """Parameters of an ingest job, sent to every worker. `work_dir`: the folder that workers write to; `s3_endpoint`: for
    `configure_beam_worker`; `forgotten`: digests of photos that are not taken in, since somebody asked for their deletion."""

    csv: str
    labels: tuple[str, ...]
    work_dir: str
    span: int
    split_salt: str
    shards: int
    max_pixels: int
    s3_endpoint: str = ""
    forgotten: frozenset[str] = frozenset()


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
        found = [hashed.photos]
        if self._earlier:
            found.append(begin | "EarlierSpans" >> beam.Create(self._earlier) | "EarlierPhotos" >> beam.ParDo(EarlierPhotos(job)))
        written = found | "AllPhotos" >> beam.Flatten() | "ByUnit" >> beam.GroupByKey() | "Write" >> beam.ParDo(WriteShards(job))
        return (
            (hashed[_LEDGER_ENTRIES], written)
            | "AllEntries" >> beam.Flatten()
            | "ByLedger" >> beam.GroupByKey()
            | "WriteLedger" >> beam.ParDo(WriteIngestLedger(job))
        )


class EarlierPhotos(beam.DoFn):
    """From an earlier span's number and photos.parquet to (unit, photos)."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def setup(self) -> None:
        configure_beam_worker(self._job.s3_endpoint)

    def process(self, span: tuple[int, str]) -> Iterator[tuple[int, photos.Shuffled]]:
        number, photos_path = span
        job = self._job
        with FileSystems.open(photos_path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
            for rows in pq.ParquetFile(file).iter_batches(columns=[features.DIGEST, features.LABEL]):
                units: dict[int, tuple[list[bytes], list[str]]] = defaultdict(lambda: ([], []))
                for hexadecimal, label in zip(*(rows.column(i).to_pylist() for i in range(2)), strict=True):
                    digest = bytes.fromhex(hexadecimal)
                    digests, labels = units[photos.unit_of(digest, job.split_salt, job.shards)]
                    digests.append(digest)
                    labels.append(class_name(label))
                for unit, (digests, labels) in units.items():
                    yield unit, (photos.EARLIER, number, b"".join(digests), labels)


class HashPhotos(beam.DoFn):
    """From a chunk of the CSV to (unit, photos); bad lines and the lines' content go to the ledger."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def setup(self) -> None:
        configure_beam_worker(self._job.s3_endpoint)
        self._labels = frozenset(self._job.labels)

    def process(self, chunk: delivery.Chunk) -> Iterator[Any]:
        job = self._job
        base, contents = uris.folder(job.csv), []
        units: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
        keep = partial(photo_cache.PHOTOS.add, job.work_dir)
        for number, raw in delivery.read_chunk(job.csv, chunk):
            line = delivery.read_line(number, raw, base, self._labels, keep)
            contents.append(line.content)
            if line.digest and line.digest.hex() in job.forgotten:
                yield ledger_output(reject_entry(number, line.uri, line.label, forgotten.REASON))
            elif line.digest:
                unit = photos.unit_of(line.digest, job.split_salt, job.shards)
                units[unit].append((line.digest, line.uri, number, line.label, line.path, line.size))
            else:
                yield ledger_output(reject_entry(number, line.uri, line.label, line.reason))
        for unit, lines in units.items():
            yield unit, (photos.LINES, lines)
        yield ledger_output(("content", b"".join(contents)))
        report_progress(job.work_dir, HASH_UNITS * chunk.lines)


class WriteShards(beam.DoFn):
    """From a unit and its photos to their shard files, one for each split and index; what is not new or is bad goes to the ledger."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def setup(self) -> None:
        configure_beam_worker(self._job.s3_endpoint)

    def teardown(self) -> None:
        photo_cache.PHOTOS.clear(self._job.work_dir)

    def process(self, unit: tuple[int, Iterable[photos.Shuffled]]) -> Iterator[tuple[int, Entry]]:
        job, known = self._job, 0
        shards: dict[tuple[str, int], list[tuple[bytes, list[Occurrence]]]] = defaultdict(list)
        for digest, occurrences in sorted(photos.group_photos(unit[1]).items()):
            lines = sorted(occurrence for occurrence in occurrences if occurrence.number)
            earlier = [occurrence for occurrence in occurrences if not occurrence.number]
            if reason := photos.conflict(lines, earlier):
                yield from self._reject(digest, lines, reason)
            elif earlier:
                known += len(lines)
            else:
                shards[photos.split_of(digest, job.split_salt), photos.shard_index(digest, job.shards)].append((digest, lines))
        yield _LEDGER_KEY, ("known", known)
        for (split, index), new in shards.items():
            with ShardFile(job.work_dir, split, index, job.span) as shard:
                for batch in photos.batches(new):
                    yield from self._write_batch(shard, batch)
                    report_progress(job.work_dir, WRITE_UNITS * sum(len(lines) for _, lines in batch))
                entry = shard.close()
            yield _LEDGER_KEY, ("shard", split, index, entry)

    def _write_batch(self, shard: ShardFile, batch: list[tuple[bytes, list[Occurrence]]]) -> Iterator[tuple[int, Entry]]:
        readable: list[tuple[Photo, int]] = []
        for digest, lines in batch:
            data = photo_cache.PHOTOS.take(self._job.work_dir, digest)
            try:
                readable.append((photos.read_photo(digest, lines, self._job.max_pixels, data), len(lines) - 1))
            except pictures.BadPicture as error:
                yield from self._reject(digest, lines, str(error))
        samples = [photo.sample for photo, _ in readable]
        for (photo, duplicates), measured in zip(readable, measure(samples), strict=True):
            shard.write(photo, measured, duplicates)

    def _reject(self, digest: bytes, lines: Iterable[Occurrence], reason: str) -> Iterator[tuple[int, Entry]]:
        for line in lines:
            yield _LEDGER_KEY, reject_entry(line.number, line.uri, line.label, reason, digest)


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
        totals = {
            "delivery": delivery.content_digest(contents),
            "rejected": len(by_kind["reject"]),
            "known": sum(count for (count,) in by_kind["known"]),
            "shards": [shard for _, _, shard in sorted(by_kind["shard"], key=lambda entry: entry[:2])],
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


def ledger_output(entry: Entry) -> Any:
    return beam.pvalue.TaggedOutput(_LEDGER_ENTRIES, (_LEDGER_KEY, entry))


def reject_entry(line: int, uri: str, label: str, reason: str, digest: bytes = b"") -> Entry:
    return ("reject", line, uri, label, reason, digest.hex())
