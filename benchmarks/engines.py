"""What Beam's engines cost: ingest of the same photos through each, in one run. Speed, CPU, memory, and whether the results agree.

    python benchmarks/engines.py [--photos DIR] [--examples 20000] [--only NAME;...] [--work-dir DIR] [--out FILE] [--json]

The photos are real ones, repeated: each copy gets a JPEG comment of its own, so that no two are the same photo to ingest. Every
engine takes all of them into an empty data root through `flowers ingest`, in processes of its own. Prism gives a job one worker pool,
so two pools are two jobs at the same time, each with half of the delivery.

Seconds are ingest's own: without the start of Python and the imports, with building and staging the job. CPU and memory are those of
the whole process tree (the command, the engine, the workers; memory as proportional set size, sampled), with their start. Results agree
when each photo has the same digest, split and properties everywhere; the shards of one job must moreover have the same bytes.

Skipped with exit code 0 without photos; engines on Prism are left out, with a message, if it cannot be built.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import pandas as pd  # noqa: E402
import pytest  # noqa: E402

from benchmarks.engine_costs import SAMPLE_S, Cost, Tree, table  # noqa: E402
from flowers_tfx.data.beam_jobs import UNITS_PER_PHOTO  # noqa: E402
from flowers_tfx.data.spans import list_spans, read_photos  # noqa: E402
from tests.e2e.prism import prism, prism_binary, worker_pool  # noqa: E402

DEFAULT_PHOTOS = Path(os.environ.get("FLOWERS_SHARED", ROOT.parent / "shared")) / "data" / "flower_photos"
SHARDS = 8
SOI = b"\xff\xd8"


@dataclass(frozen=True)
class Engine:
    name: str
    engine: str
    workers: int = 0
    pools: int = 0


ENGINES = (
    Engine("Direct, 1 thread", "direct", workers=1),
    Engine("Direct, 2 threads", "direct", workers=2),
    Engine("Direct, 2 processes", "direct-multi", workers=2),
    Engine("Prism, 1 worker pool", "portable", pools=1),
    Engine("Prism, 2 worker pools", "portable", pools=2),
)


class EngineProgress:
    """One line on stderr: which engine, how many photos, how long all will take."""

    def __init__(self, photos: int, engines: int) -> None:
        self._began, self._all, self._photos, self._done = time.monotonic(), photos * engines, photos, 0
        self._shown = ""

    def show(self, name: str, photos: int) -> None:
        share = (self._done + photos) / self._all
        left = f", about {(time.monotonic() - self._began) * (1 - share) / share / 60:.0f} min left" if share else ""
        line = f"\r{name}: {photos} of {self._photos} photos{left}      "
        if line != self._shown:
            print(line, end="", file=sys.stderr, flush=True)
            self._shown = line

    def engine_is_done(self) -> None:
        self._done += self._photos


def write_copies(photos: Sequence[Path], examples: int, folder: Path) -> list[tuple[Path, str]]:
    """(path, label) of `examples` photos, no two of them with the same bytes."""
    found = []
    for number in range(examples):
        copy, which = divmod(number, len(photos))
        data = photos[which].read_bytes()
        comment = f"copy {copy}".encode()
        # A JPEG segment: marker, length (its own two bytes with it), content; decoders skip comments.
        segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
        path = folder / f"{number:06d}.jpg"
        path.write_bytes(SOI + segment + data[len(SOI) :])
        found.append((path, photos[which].parent.name))
    return found


def write_delivery(lines: Sequence[tuple[Path, str]], csv: Path) -> Path:
    csv.write_text("".join(f"{path},{label}\n" for path, label in lines))
    return csv


@contextlib.contextmanager
def options_of(engine: Engine, jobs: int, log: Path) -> Iterator[list[list[str]]]:
    """Options of `flowers ingest` for each job, while what the engine needs is running."""
    if not engine.pools:
        yield [["--engine", engine.engine, "--set", f"beam.workers={engine.workers}"]] * jobs
        return
    with contextlib.ExitStack() as stack:
        endpoint = stack.enter_context(prism(prism_binary(), log)).endpoint
        pools = [stack.enter_context(worker_pool(log)).endpoint for _ in range(jobs)]
        keys = ["--engine", "portable", "--set", f"beam.job_endpoint={endpoint}", "--set", "beam.environment=external"]
        yield [[*keys, "--set", f"beam.environment_config={pool}"] for pool in pools]


def run_engine(engine: Engine, lines: Sequence[tuple[Path, str]], labels: Path, work: Path, progress: EngineProgress) -> Cost:
    """Raises RuntimeError when a job fails; its words are in the message."""
    jobs = max(1, engine.pools)
    roots = [work / f"data-{job}" for job in range(jobs)]
    csvs = [write_delivery(lines[job::jobs], work / f"delivery-{job}.csv") for job in range(jobs)]
    with Tree() as tree, options_of(engine, jobs, work / "services.log") as options:
        processes = [start(csv, labels, root, given) for csv, root, given in zip(csvs, roots, options, strict=True)]
        while any(process.poll() is None for process in processes):
            progress.show(engine.name, sum(lines_done(root) for root in roots))
            time.sleep(1)
        answers = [process.communicate()[0] for process in processes]
        time.sleep(2 * SAMPLE_S)  # what the workers used last
    for process, out in zip(processes, answers, strict=True):
        if process.returncode:
            raise RuntimeError(f"{engine.name}: exit code {process.returncode}: {out}")
    said = [json.loads(out) for out in answers]
    photos, seconds = sum(one["examples"] for one in said), max(one["seconds"] for one in said)
    if photos != len(lines):
        raise RuntimeError(f"{engine.name}: {photos} Examples of {len(lines)} photos: {said}")
    rows, shards = results(roots)
    for root in roots:
        shutil.rmtree(root)
    return Cost(
        engine.name,
        photos,
        seconds,
        round(photos / seconds, 1),
        0.0,
        round(tree.cpu_s, 1),
        round(tree.cpu_s / photos * 1e3, 3),
        round(tree.peak_bytes / 2**20, 1),
        rows,
        shards,
    )


def start(csv: Path, labels: Path, root: Path, options: Sequence[str]) -> subprocess.Popen[str]:
    place = ["--csv", str(csv), "--labels", str(labels), "--data-root", str(root), "--set", f"ingest.shards={SHARDS}"]
    command = [sys.executable, "-m", "flowers_tfx", "ingest", *place, *options, "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def lines_done(root: Path) -> int:
    sizes = []
    for path in root.glob(".span-*.tmp/work/progress"):
        with contextlib.suppress(OSError):
            sizes.append(path.stat().st_size)
    return sum(sizes) // UNITS_PER_PHOTO


def results(roots: Sequence[Path]) -> tuple[str, str]:
    """Digest of the rows of all photos, whatever span they are in, and of the shards' own digests (of one span, else empty)."""
    spans = [span for root in roots for span in list_spans(root)]
    frame = pd.concat([read_photos(span) for span in spans]).drop(columns=["span"]).sort_values("digest")
    rows = hashlib.sha256(frame.to_json(orient="records", double_precision=15).encode()).hexdigest()
    if len(spans) > 1:
        return rows, ""
    shards = {name: facts["sha256"] for name, facts in spans[0].manifest["files"].items() if name.endswith(".gz")}
    return rows, hashlib.sha256(json.dumps(shards, sort_keys=True).encode()).hexdigest()


def run(engines: Sequence[Engine], photos: Sequence[Path], examples: int, work: Path) -> list[Cost]:
    (work / "photos").mkdir(parents=True)
    print(f"writing {examples} photos", file=sys.stderr, flush=True)
    lines = write_copies(photos, examples, work / "photos")
    labels = work / "dict.txt"
    labels.write_text("".join(f"{label}\n" for label in sorted({label for _, label in lines})))
    progress = EngineProgress(examples, len(engines))
    costs: list[Cost] = []
    for engine in engines:
        cost = run_engine(engine, lines, labels, work, progress)
        costs.append(Cost(**{**asdict(cost), "overhead": round(cost.seconds / (costs or [cost])[0].seconds, 3)}))
        progress.engine_is_done()
        print(f"\r{engine.name}: {cost.seconds:.0f} s, {cost.photos_per_s:.0f} photos/s{' ' * 40}", file=sys.stderr, flush=True)
    return costs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=DEFAULT_PHOTOS, help="a folder per class")
    parser.add_argument("--examples", type=int, default=20_000)
    parser.add_argument("--only", default="", help="engines, by the beginning of their names, such as `Direct;Prism, 1`")
    parser.add_argument("--work-dir", type=Path, help="where photos and spans are written; default: the temporary folder")
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "flowers-engines.json", help="where the results go")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    photos = sorted(args.photos.glob("*/*.jpg"))
    if not photos:
        print(f"skipped: no photos in {args.photos}", file=sys.stderr)
        return 0
    engines = [engine for engine in ENGINES if engine.name.startswith(tuple(args.only.split(";")))]
    try:
        prism_binary()
    except pytest.skip.Exception as reason:
        print(f"without Prism: {reason}", file=sys.stderr)
        engines = [engine for engine in engines if not engine.pools]
    with tempfile.TemporaryDirectory(dir=args.work_dir) as work:
        costs = run(engines, photos, args.examples, Path(work))
    args.out.write_text(json.dumps([asdict(cost) for cost in costs], indent=1) + "\n")
    print(args.out.read_text() if args.json else table(costs))
    print(f"The results are in {args.out}.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
