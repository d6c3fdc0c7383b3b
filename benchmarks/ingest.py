"""How fast ingest is beside its two floors, per core: Pillow decoding alone, and copying the bytes into TFRecords alone.

    python benchmarks/ingest.py [--photos DIR] [--repeat 5] [--copies 4] [--json]

All three are measured in this process, in turn, `--repeat` times; the best of each counts, and process start-up (imports) is left
out. CPU time (user and system) is what "per core" means; wall time stands beside it. Ingest is whole: reading, hashing, properties,
Beam and its start-up, TFRecords, parquet, manifest, fsync. A pipeline costs Beam a fixed time to build and stage, whatever the
number of photos: with `--copies`, a delivery of so many times the photos (each with a few bytes after its end, so that they are
different photos) tells it apart from the cost of a photo.

Skipped with exit code 0 where there are no photos.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from PIL import Image

from flowers_tfx.data.ingest import IngestRequest, ingest
from flowers_tfx.data.records import RecordWriter

DEFAULT_PHOTOS = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "flower_photos"


@dataclass(frozen=True)
class Cost:
    """Seconds."""

    cpu: float
    wall: float


def measured(work: Callable[[], object]) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(time.process_time() - cpu, time.perf_counter() - wall)


def best(costs: list[Cost]) -> Cost:
    return Cost(min(cost.cpu for cost in costs), min(cost.wall for cost in costs))


def decode_alone(photos: list[Path]) -> None:
    for photo in photos:
        with Image.open(photo) as image:
            image.convert("RGB")


def copy_alone(photos: list[Path], out: Path) -> None:
    with out.open("wb") as file:
        writer = RecordWriter(file)
        for photo in photos:
            writer.write(photo.read_bytes())
        writer.close()


def ingest_all(csv: Path, labels: tuple[str, ...], data_root: Path) -> None:
    shutil.rmtree(data_root, ignore_errors=True)
    ingest(IngestRequest(str(csv), labels, str(data_root)), lambda: beam.Pipeline(runner=FnApiRunner()))


def write_delivery(photos: list[Path], folder: Path, copies: int) -> Path:
    """A CSV of the photos, with copies that differ from them in what stands after the end of the picture."""
    csv = folder / f"delivery-{copies}.csv"
    with csv.open("w") as lines:
        for copy in range(copies):
            for number, photo in enumerate(photos):
                path = photo
                if copy:
                    path = folder / f"{copy}-{number}{photo.suffix}"
                    path.write_bytes(photo.read_bytes() + b"%d" % copy)
                lines.write(f"{path},{photo.parent.name}\n")
    return csv


def run(photos: list[Path], repeat: int, copies: int, work: Path) -> dict[str, float]:
    labels = tuple(sorted({photo.parent.name for photo in photos}))
    data_root = work / "data_root"
    once, many = write_delivery(photos, work, 1), write_delivery(photos, work, copies)
    runs: dict[str, list[Cost]] = {"decode": [], "copy": [], "ingest": [], "ingest_copies": []}
    ingest_all(once, labels, data_root)  # a first one warms caches up
    for _ in range(repeat):
        runs["decode"].append(measured(lambda: decode_alone(photos)))
        runs["copy"].append(measured(lambda: copy_alone(photos, work / "copy.tfrecord.gz")))
        runs["ingest_copies"].append(measured(lambda: ingest_all(many, labels, data_root)))
        runs["ingest"].append(measured(lambda: ingest_all(once, labels, data_root)))
    shards = sum(path.stat().st_size for path in (data_root / "span-1").glob("*.tfrecord.gz"))
    whole = sum(path.stat().st_size for path in (data_root / "span-1").iterdir())
    plain = sum(photo.stat().st_size for photo in photos)
    costs, count = {name: best(found) for name, found in runs.items()}, len(photos)
    extra = count * (copies - 1)
    marginal = (costs["ingest_copies"].cpu - costs["ingest"].cpu) / extra if extra else float("nan")
    return {
        "photos": count,
        "photo_bytes": plain / count,
        "decode_cpu_ms": costs["decode"].cpu / count * 1e3,
        "copy_cpu_ms": costs["copy"].cpu / count * 1e3,
        "ingest_cpu_ms": costs["ingest"].cpu / count * 1e3,
        "ingest_marginal_cpu_ms": marginal * 1e3,
        "decode_wall_ms": costs["decode"].wall / count * 1e3,
        "copy_wall_ms": costs["copy"].wall / count * 1e3,
        "ingest_wall_ms": costs["ingest"].wall / count * 1e3,
        "beam_fixed_cpu_s": costs["ingest"].cpu - marginal * count,
        "ingest_per_decode": costs["decode"].cpu / costs["ingest"].cpu,
        "ingest_marginal_per_decode": costs["decode"].cpu / count / marginal,
        "ingest_copies_per_decode": costs["decode"].cpu * copies / costs["ingest_copies"].cpu,
        "shard_bytes_per_photo_bytes": shards / plain,
        "span_bytes_per_photo_bytes": whole / plain,
    }


def table(found: dict[str, float], copies: int) -> str:
    def line(name: str, cpu: float, wall: float | None = None) -> str:
        beside = found["decode_cpu_ms"] / cpu
        walls = f"{wall:10.3f}" if wall is not None else " " * 10
        return f"{name:34}{cpu:10.3f}{walls}{1e3 / cpu:14.0f}{beside:12.2f}"

    count = int(found["photos"])
    rows = [
        f"{count} photos of {found['photo_bytes'] / 1e3:.1f} kB",
        f"{'':34}{'CPU ms':>10}{'wall ms':>10}{'photos/s core':>14}{'of decode':>12}",
        line("Pillow decode alone", found["decode_cpu_ms"], found["decode_wall_ms"]),
        line("bytes into TFRecords alone", found["copy_cpu_ms"], found["copy_wall_ms"]),
        line(f"ingest of {count}", found["ingest_cpu_ms"], found["ingest_wall_ms"]),
        line(f"ingest of {count * copies}", found["decode_cpu_ms"] / found["ingest_copies_per_decode"]),
        line("ingest, each further photo", found["ingest_marginal_cpu_ms"]),
        f"Beam's fixed cost: {found['beam_fixed_cpu_s']:.2f} s of CPU a delivery",
        f"bytes on disk: TFRecords {found['shard_bytes_per_photo_bytes']:.4f}x the photos, "
        f"whole span {found['span_bytes_per_photo_bytes']:.4f}x",
    ]
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=DEFAULT_PHOTOS, help="a folder per class")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--copies", type=int, default=4)
    parser.add_argument("--work-dir", type=Path, help="where to write; default: a temporary folder, deleted afterwards")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    photos = sorted(args.photos.glob("*/*.jpg"))
    if not photos:
        print(f"skipped: no photos in {args.photos}", file=sys.stderr)
        return 0
    with nullcontext(str(args.work_dir)) if args.work_dir else tempfile.TemporaryDirectory() as work:
        Path(work).mkdir(parents=True, exist_ok=True)
        found = run(photos, args.repeat, max(2, args.copies), Path(work))
    print(json.dumps(found) if args.json else table(found, max(2, args.copies)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
