"""How fast ingest is beside its two floors, per core: Pillow decoding alone, and copying the bytes into TFRecords alone.

    python benchmarks/ingest.py [--photos DIR] [--repeat 5] [--json]

All are measured in this process, in turn, `--repeat` times; the best of each counts, and process start-up (imports) is left out. CPU
time (user and system) is what "per core" means; wall time stands beside it. Ingest is whole: reading, hashing, properties, Beam,
TFRecords, parquet, manifest, fsync. Beam takes a fixed time to build and stage a pipeline, whatever the number of photos: a delivery
of one photo shows it, and "each further photo" leaves it out.

Skipped with exit code 0 without photos.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
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

DEFAULT_PHOTOS = Path(os.environ.get("FLOWERS_SHARED", Path(__file__).resolve().parents[1].parent / "shared")) / "data" / "flower_photos"


@dataclass(frozen=True)
class Cost:
    """Seconds."""

    cpu: float
    wall: float


def measured(work: Callable[[], object], data_root: Path) -> Cost:
    # Deleting what the run before wrote is not a part of any step.
    shutil.rmtree(data_root, ignore_errors=True)
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
    ingest(IngestRequest(str(csv), labels, str(data_root)), lambda: beam.Pipeline(runner=FnApiRunner()))


def write_delivery(photos: list[Path], csv: Path) -> Path:
    csv.write_text("".join(f"{photo},{photo.parent.name}\n" for photo in photos))
    return csv


def run(photos: list[Path], repeat: int, work: Path) -> dict[str, float]:
    labels = tuple(sorted({photo.parent.name for photo in photos}))
    data_root = work / "data_root"
    one, everything = write_delivery(photos[:1], work / "one.csv"), write_delivery(photos, work / "all.csv")
    works: dict[str, Callable[[], None]] = {
        "decode": lambda: decode_alone(photos),
        "copy": lambda: copy_alone(photos, work / "copy.tfrecord.gz"),
        "fixed": lambda: ingest_all(one, labels, data_root),
        "ingest": lambda: ingest_all(everything, labels, data_root),
    }
    works["ingest"]()  # a first one warms caches up
    rounds = [{name: measured(work, data_root) for name, work in works.items()} for _ in range(repeat)]
    costs = {name: best([found[name] for found in rounds]) for name in works}
    span = list((data_root / "span-1").iterdir())
    shards = sum(path.stat().st_size for path in span if path.name.endswith(".tfrecord.gz"))
    plain, count = sum(photo.stat().st_size for photo in photos), len(photos)
    further = (costs["ingest"].cpu - costs["fixed"].cpu) / max(1, count - 1)
    found = {f"{name}_cpu_ms": costs[name].cpu / count * 1e3 for name in ("decode", "copy", "ingest")}
    found |= {f"{name}_wall_ms": costs[name].wall / count * 1e3 for name in ("decode", "copy", "ingest")}
    return {
        "photos": count,
        "photo_bytes": plain / count,
        **found,
        "further_cpu_ms": further * 1e3,
        "fixed_cpu_s": costs["fixed"].cpu,
        "of_decode": costs["decode"].cpu / costs["ingest"].cpu,
        "further_of_decode": costs["decode"].cpu / count / further,
        "shard_bytes_per_photo_bytes": shards / plain,
        "span_bytes_per_photo_bytes": sum(path.stat().st_size for path in span) / plain,
    }


def table(found: dict[str, float]) -> str:
    def line(name: str, key: str) -> str:
        cpu, wall = found[f"{key}_cpu_ms"], found.get(f"{key}_wall_ms")
        walls = f"{wall:10.3f}" if wall is not None else " " * 10
        return f"{name:30}{cpu:10.3f}{walls}{1e3 / cpu:16.0f}{found['decode_cpu_ms'] / cpu:12.2f}"

    rows = [
        f"{found['photos']:.0f} photos of {found['photo_bytes'] / 1e3:.1f} kB",
        f"{'':30}{'CPU ms':>10}{'wall ms':>10}{'photos/s core':>16}{'of decode':>12}",
        line("Pillow decoding alone", "decode"),
        line("bytes into TFRecords alone", "copy"),
        line("ingest", "ingest"),
        line("ingest, each further photo", "further"),
        f"a delivery of one photo: {found['fixed_cpu_s']:.2f} s of CPU",
        f"bytes on disk: TFRecords {found['shard_bytes_per_photo_bytes']:.4f}x the photos, "
        f"whole span {found['span_bytes_per_photo_bytes']:.4f}x",
    ]
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=DEFAULT_PHOTOS, help="a folder per class")
    parser.add_argument("--repeat", type=int, default=5)
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
        found = run(photos, args.repeat, Path(work))
    print(json.dumps(found) if args.json else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
