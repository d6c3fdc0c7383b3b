"""What recording costs the web service: two of them side by side, one with `serving.record_dir`, on the same photos, in one run.

    python benchmarks/recording.py [--photos DIR] [--weights FILE] [--model DIR] [--seconds 4] [--rounds 5] [--pace 100] [--json]

Both are asked in turns by 1, 8 and 32 clients that send as fast as they get answers, and by 8 clients that send `--pace` photos a second
together. The processor time a request of the process that answers is what recording takes from answers; the process that measures photos
has a low priority and a column of its own. Takes about three minutes on two cores. The median of the rounds counts, and of the ratio
of the two that were measured one after the other.

Skipped with exit code 0 without photos or weights.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from inference import SHARED, WEIGHTS
from serving import HERE, children, flowers_serve, own_usage, pushed_model

OFF, ON = "off", "on"
LOADS = (("1 client", 1, False), ("8 clients", 8, False), ("32 clients", 32, False), ("8 clients, paced", 8, True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=SHARED / "flower_photos", help="a folder per class")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="ImageNet weights of MobileNetV2 0.35")
    parser.add_argument("--model", type=Path, help="a pushed version; default: an untrained one, which costs the same")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pace", type=float, default=100.0, help="photos a second of the paced clients")
    parser.add_argument("--json", action="store_true", help="one JSON value on stdout, nothing else")
    options = parser.parse_args()
    if not any(options.photos.glob("*/*.jpg")) or not (options.model or options.weights.is_file()):
        reason = f"no photos in {options.photos}, or no {options.weights}"
        print(json.dumps({"skipped": reason}) if options.json else f"skipped: {reason}")
        return
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), options)
    print(json.dumps(result) if options.json else table(result))


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    from flowers_tfx.monitoring.records import read_records

    registry, records = pushed_model(options.model, str(options.weights), folder), folder / "records"
    rounds: dict[str, list[dict[str, dict[str, float]]]] = {}
    with contextlib.ExitStack() as stack:
        services = {
            OFF: stack.enter_context(flowers_serve(registry, 1)),
            ON: stack.enter_context(flowers_serve(registry, 1, "--set", f"serving.record_dir={records}")),
        }
        for service in services.values():
            load(service, 8, False, options)  # the first requests of a process are slower
        for number in range(options.rounds):
            for name, clients, paced in LOADS:
                order = (OFF, ON) if number % 2 else (ON, OFF)
                rounds.setdefault(name, []).append({kind: load(services[kind], clients, paced, options) for kind in order})
        time.sleep(1.0)  # the last answers are on the disk by then
        rows = len(read_records(str(records), embeddings=False))
    return {"rows": [row(name, found) for name, found in rounds.items()], "recorded": rows}


def load(service: dict[str, Any], clients: int, paced: bool, options: argparse.Namespace) -> dict[str, float]:
    """Throughput and times as the clients see them; CPU of the process that answers and of the one that measures, ms a request."""
    pid = service["pid"]
    before, measuring = own_usage(pid), sum(map(own_usage, children(pid)))
    pace = ["--pace", str(options.pace / clients)] if paced else []
    command = [sys.executable, str(HERE / "serving_load.py"), str(service["port"]), str(clients), str(options.seconds), str(options.photos)]
    answer: dict[str, Any] = json.loads(subprocess.run([*command, *pace], check=True, capture_output=True, text=True).stdout)
    if answer["failed"]:
        print(f"{answer['failed']} requests failed: {answer['failures']}", file=sys.stderr)
    requests = answer["requests"]
    return {
        "per_second": answer["per_second"],
        "p50_ms": answer["p50_ms"],
        "p99_ms": answer["p99_ms"],
        "cpu_ms": (own_usage(pid) - before) / requests * 1e3,
        "measuring_cpu_ms": (sum(map(own_usage, children(pid))) - measuring) / requests * 1e3,
    }


def row(name: str, rounds: list[dict[str, dict[str, float]]]) -> dict[str, Any]:
    medians = {kind: {key: statistics.median(one[kind][key] for one in rounds) for key in rounds[0][kind]} for kind in (OFF, ON)}
    ratios = {
        key: statistics.median(one[ON][key] / one[OFF][key] for one in rounds) for key in ("per_second", "cpu_ms", "p50_ms", "p99_ms")
    }
    return {"load": name, **medians, "ratio": ratios}


def table(result: dict[str, Any]) -> str:
    lines = [f"{'':18}{'/s':>16}{'p50 ms':>16}{'p99 ms':>16}{'CPU ms':>16}{'measuring':>11}   on / off: /s, p50, p99, CPU"]
    for one in result["rows"]:
        pairs = [f"{one[OFF][key]:.{digits}f} {one[ON][key]:.{digits}f}" for key, digits in COLUMNS]
        ratios = "  ".join(f"{one['ratio'][key]:.3f}" for key in ("per_second", "p50_ms", "p99_ms", "cpu_ms"))
        lines.append(f"{one['load']:18}" + "".join(f"{pair:>16}" for pair in pairs) + f"{one[ON]['measuring_cpu_ms']:>11.2f}   {ratios}")
    return "\n".join([*lines, f"Each pair: off, on. {result['recorded']:,} photos recorded."])


COLUMNS = (("per_second", 0), ("p50_ms", 1), ("p99_ms", 1), ("cpu_ms", 3))

if __name__ == "__main__":
    main()
