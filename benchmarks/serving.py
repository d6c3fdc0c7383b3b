"""The web service beside what people would take instead, on the same photos, in one run.

    python benchmarks/serving.py [--photos DIR] [--weights FILE] [--model DIR] [--seconds 4] [--rounds 3] [--requests 50000] [--json]

`flowers serve` is asked by 1, 8 and 32 clients, which are another process. Beside it stand (a) the SavedModel called directly with 32
photos at a time, the most that TensorFlow Serving could do with it, (b) a FastAPI handler that calls the SavedModel for each request, and
(c) the engine of the service called directly, without HTTP. They take turns for `--rounds` rounds, and the median of each counts, since
other work on the machine comes and goes. `--requests` more are sent to see whether memory grows. The clients' own processor time is in the
table: they share the processors with the servers. Takes about five minutes on two cores.

Skipped with exit code 0 without photos or weights.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from inference import SHARED, WEIGHTS, export_model

HERE = Path(__file__).resolve().parent
CLIENTS = (1, 8, 32)
SERVICE, HANDLER, SAVEDMODEL, ENGINE = "flowers serve", "FastAPI and SavedModel (b)", "SavedModel, batches of 32 (a)", "engine (c)"
_TICK = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=SHARED / "flower_photos", help="a folder per class")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="ImageNet weights of MobileNetV2 0.35")
    parser.add_argument("--model", type=Path, help="a pushed version; default: an untrained one, which costs the same")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=50_000, help="for the memory")
    parser.add_argument("--workers", type=int, default=1, help="of flowers serve")
    parser.add_argument("--json", action="store_true", help="one JSON value on stdout, nothing else")
    options = parser.parse_args()
    if not any(options.photos.glob("*/*.jpg")) or not (options.model or options.weights.is_file()):
        reason = f"no photos in {options.photos}, or no {options.weights}"
        print(json.dumps({"skipped": reason}) if options.json else f"skipped: {reason}")
        return
    with tempfile.TemporaryDirectory() as folder:
        registry = pushed_model(options.model, str(options.weights), Path(folder))
        result = measure(registry, options)
    print(json.dumps(result) if options.json else table(result))


def pushed_model(model: Path | None, weights: str, folder: Path) -> Path:
    """A registry with one version."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from flowers_tfx.registry import publish

    if model is None:
        export_model(weights, model := folder / "exported")
    publish(model, str(folder / "registry"), "benchmark", (), "benchmark")
    return folder / "registry"


def measure(registry: Path, options: argparse.Namespace) -> dict[str, Any]:
    (version,) = registry.iterdir() if len(list(registry.iterdir())) == 1 else [p for p in registry.iterdir() if p.name.isdecimal()]
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(flowers_serve(registry, options.workers))
        others = {kind: stack.enter_context(baseline(kind, version, options.photos)) for kind in ("savedmodel", "engine", "handler")}
        port = int(str(others["handler"].stdout.readline()))
        rounds: dict[tuple[str, int], list[dict[str, float]]] = {}
        for _ in range(options.rounds):
            for name, kind in {SAVEDMODEL: "savedmodel", ENGINE: "engine"}.items():
                rounds.setdefault((name, 0), []).append(call(others[kind], options.seconds))
            for clients in CLIENTS:
                for name, target, process in ((SERVICE, service["port"], service["pid"]), (HANDLER, port, others["handler"].pid)):
                    rounds.setdefault((name, clients), []).append(load(target, process, clients, options))
        many = load(service["port"], service["pid"], 32, options, options.requests)
    rows = [median_row(name, clients, found) for (name, clients), found in rounds.items()]
    return {
        "cores": len(os.sched_getaffinity(0)),
        "workers": options.workers,
        "seconds_to_ready": service["seconds_to_ready"],
        "rows": rows,
        "ratios": ratios(rows),
        "memory_mb": {"ready": service["memory_mb"], "after": many["memory_mb"], "requests": many["requests"], "failed": many["failed"]},
    }


@contextlib.contextmanager
def flowers_serve(registry: Path, workers: int, *more: str) -> Iterator[dict[str, Any]]:
    started = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "flowers_tfx",
        "serve",
        "--set",
        f"registry={registry}",
        "--port",
        "0",
        "--workers",
        str(workers),
        "--json",
        *more,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE.parent) as process:
        try:
            ready = json.loads(str(process.stdout.readline()))  # type: ignore[union-attr]
            seconds = time.perf_counter() - started
            yield {**ready, "port": int(ready["url"].rpartition(":")[2]), "seconds_to_ready": seconds, "memory_mb": usage(ready["pid"])[1]}
        finally:
            process.terminate()


@contextlib.contextmanager
def baseline(kind: str, version: Path, photos: Path) -> Iterator[Any]:
    command = [sys.executable, str(HERE / "serving_baselines.py"), kind, str(version), str(photos)]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            if kind != "handler":
                process.stdout.readline()  # type: ignore[union-attr]
            yield process
        finally:
            process.terminate()


def call(process: Any, seconds: float) -> dict[str, float]:
    process.stdin.write(f"{seconds}\n")
    process.stdin.flush()
    answer = json.loads(process.stdout.readline())
    return {
        "per_second": answer["photos"] / answer["seconds"],
        "cpu_ms": answer["cpu"] / answer["photos"] * 1e3,
        "memory_mb": usage(process.pid)[1],
    }


def load(port: int, pid: int, clients: int, options: argparse.Namespace, requests: int | None = None) -> dict[str, Any]:
    """Throughput and times as the clients see them, CPU and memory of the server and its workers."""
    before, _ = usage(pid)
    ask = ["--requests", str(requests)] if requests else []
    command = [
        sys.executable,
        str(HERE / "serving_load.py"),
        str(port),
        str(clients),
        str(3600 if requests else options.seconds),
        str(options.photos),
    ]
    answer: dict[str, Any] = json.loads(subprocess.run([*command, *ask], check=True, capture_output=True, text=True).stdout)
    after, memory = usage(pid)
    if answer["failed"]:
        print(f"{answer['failed']} requests failed: {answer['failures']}", file=sys.stderr)
    return {**answer, "cpu_ms": (after - before) / answer["requests"] * 1e3, "memory_mb": memory}


def usage(pid: int) -> tuple[float, float]:
    """CPU seconds and resident MB of a process and its children."""
    cpu, memory = 0.0, 0.0
    for one in [pid, *children(pid)]:
        fields = Path(f"/proc/{one}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        cpu += (int(fields[11]) + int(fields[12])) / _TICK
        memory += int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    return cpu, memory


def own_usage(pid: int) -> float:
    """CPU seconds of one process; of its threads, to the clock's full resolution."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text(encoding="utf-8").split()[0]) for thread in threads) / 1e9


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()]


def median_row(name: str, clients: int, rounds: list[dict[str, float]]) -> dict[str, Any]:
    keys = ("per_second", "p50_ms", "p99_ms", "cpu_ms", "client_cpu_ms", "memory_mb", "failed")
    medians = {key: statistics.median(row[key] for row in rounds) for key in keys if key in rounds[0]}
    return {"name": name, "clients": clients, **medians}


def ratios(rows: list[dict[str, Any]]) -> dict[str, float]:
    by = {(row["name"], row["clients"]): row for row in rows}
    most = by[SERVICE, 32]["per_second"]
    return {
        "throughput, 32 clients, beside (a)": most / by[SAVEDMODEL, 0]["per_second"],
        "throughput, 32 clients, beside (b)": most / by[HANDLER, 32]["per_second"],
        "throughput, 32 clients, beside (c)": most / by[ENGINE, 0]["per_second"],
        "CPU a request, 32 clients, beside (a)": by[SERVICE, 32]["cpu_ms"] / by[SAVEDMODEL, 0]["cpu_ms"],
        "CPU a request, 32 clients, beside (b)": by[SERVICE, 32]["cpu_ms"] / by[HANDLER, 32]["cpu_ms"],
        "CPU a request, 32 clients, beside (c)": by[SERVICE, 32]["cpu_ms"] / by[ENGINE, 0]["cpu_ms"],
        "p50, 1 client, beside (b)": by[SERVICE, 1]["p50_ms"] / by[HANDLER, 1]["p50_ms"],
    }


def table(result: dict[str, Any]) -> str:
    lines = [f"{'':32}{'clients':>8}{'/s':>8}{'p50 ms':>8}{'p99 ms':>8}{'CPU ms':>8}{'client':>8}{'MB':>6}"]
    for row in sorted(result["rows"], key=lambda row: (row["name"], row["clients"])):
        numbers = [row.get(key) for key in ("per_second", "p50_ms", "p99_ms", "cpu_ms", "client_cpu_ms", "memory_mb")]
        texts = ["" if number is None else f"{number:.{digits}f}" for number, digits in zip(numbers, (0, 1, 1, 2, 2, 0), strict=True)]
        widths = (8, 8, 8, 8, 8, 6)
        lines.append(
            f"{row['name']:32}{row['clients'] or '':>8}" + "".join(f"{text:>{width}}" for text, width in zip(texts, widths, strict=True))
        )
    lines += [f"{ratio:6.2f}  {name}" for name, ratio in result["ratios"].items()]
    memory = result["memory_mb"]
    lines.append(
        f"{result['seconds_to_ready']:.2f} s from start to ready; {memory['ready']:.0f} MB when ready, {memory['after']:.0f} MB after"
        f" {memory['requests']:,} requests more, {memory['failed']} failed; {result['cores']} cores, {result['workers']} worker(s)"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
