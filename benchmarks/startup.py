"""What starting costs: `flowers --help`, the pipeline's imports beside those of its libraries alone, and `flowers predict` of one photo
beside `import tensorflow`; then what each further photo costs `flowers predict`, beside decoding it.

    python benchmarks/startup.py [--model DIR] [--photos DIR] [--repeat 3] [--json]

Aims: `--help` under 1 s; the pipeline's imports within 1.2 times those of tensorflow, apache_beam and tfx.components; one photo within half
of `import tensorflow`, and under 2 s; a further photo within 5 times decoding. Every figure is of a process of its own: wall, the CPU time
of all threads, the peak of its memory. Without `--model`, a network with random weights is exported; without real photos, the one photo is
drawn, and further ones are not measured. Takes about three minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("FLOWERS_SHARED", ROOT.parent / "shared")) / "data"
EXPORT = "import sys; from pathlib import Path; from benchmarks.inference import export_model; export_model('none', Path(sys.argv[1]))"
DRAW = "import sys; from PIL import Image; Image.effect_noise((500, 333), 60).convert('RGB').save(sys.argv[1], 'JPEG')"
DECODE = "import sys; from PIL import Image\nfor file in sys.argv[1:]: Image.open(file).load()"
PREDICT = ("-m", "flowers_tfx", "predict", "--json")


@dataclass(frozen=True)
class Cost:
    """Of one process."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def run(arguments: Sequence[str]) -> Cost:
    # This process stays small and forks nothing of its own: the peak of a child begins at the memory of its parent.
    began = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{' '.join(arguments[:4])}... ended with {child.returncode}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def start_commands(model: str, photo: str) -> dict[str, tuple[str, ...]]:
    return {
        "help": ("-m", "flowers_tfx", "--help"),
        "libraries": ("-c", "import tensorflow, apache_beam, tfx.components"),
        "pipeline": ("-c", "import runners.local"),
        "tensorflow": ("-c", "import tensorflow"),
        "predict": (*PREDICT, photo, "--model", model),
        "predict_savedmodel": (*PREDICT, photo, "--model", model, "--engine", "savedmodel"),
    }


def measure(commands: dict[str, tuple[str, ...]], repeat: int) -> dict[str, list[Cost]]:
    """In turn, so that a drift of the machine hits all alike."""
    for arguments in commands.values():  # files into the page cache, bytecode compiled
        run(arguments)
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(repeat):
        for name, arguments in commands.items():
            costs[name].append(run(arguments))
    return costs


def ratio(costs: dict[str, list[Cost]], name: str, beside: str, unit: str) -> float:
    return statistics.median(getattr(one, unit) / getattr(other, unit) for one, other in zip(costs[name], costs[beside], strict=True))


def further_photos(model: str, photos: Sequence[str], repeat: int) -> dict[str, float]:
    """CPU ms of each photo after the first, predicted and decoded."""
    commands = {
        "decode": ("-c", DECODE, *photos),
        "decode_one": ("-c", DECODE, photos[0]),
        "predict": (*PREDICT, *photos, "--model", model),
        "predict_one": (*PREDICT, photos[0], "--model", model),
    }
    costs = measure(commands, repeat)
    cpu = {name: min(cost.cpu_s for cost in of_name) for name, of_name in costs.items()}
    decode, predict = (1e3 * (cpu[name] - cpu[f"{name}_one"]) / (len(photos) - 1) for name in ("decode", "predict"))
    peak = statistics.median(cost.peak_mib for cost in costs["predict"])
    return {"photos": len(photos), "decode_ms": decode, "predict_ms": predict, "of_decoding": predict / decode, "peak_mib": peak}


def result_of(model: str, photos: Sequence[str], photo: str, repeat: int) -> dict[str, Any]:
    costs = measure(start_commands(model, photo), repeat)
    result: dict[str, Any] = {
        name: {unit: statistics.median(getattr(cost, unit) for cost in of_name) for unit in ("wall_s", "cpu_s", "peak_mib")}
        for name, of_name in costs.items()
    }
    result["pipeline_of_libraries"] = ratio(costs, "pipeline", "libraries", "wall_s")
    result["predict_of_tensorflow"] = {unit: ratio(costs, "predict", "tensorflow", unit) for unit in ("wall_s", "cpu_s", "peak_mib")}
    result["further"] = further_photos(model, photos, repeat) if len(photos) > 1 else None
    return result


def table(result: dict[str, Any], repeat: int) -> str:
    names = {
        "help": "flowers --help",
        "libraries": "libraries alone",
        "pipeline": "pipeline's imports",
        "tensorflow": "import tensorflow",
        "predict": "flowers predict, one photo",
        "predict_savedmodel": "the same, --engine savedmodel",
    }
    lines = [f"{'median of ' + str(repeat):32}{'wall':>8}{'CPU':>10}{'peak':>11}"]
    for name, title in names.items():
        cost = result[name]
        lines.append(f"{title:32}{cost['wall_s']:>6.2f} s{cost['cpu_s']:>8.2f} s{cost['peak_mib']:>7.0f} MiB")
    beside = result["predict_of_tensorflow"]
    lines += [
        f"pipeline's imports: {result['pipeline_of_libraries']:.2f} times the libraries",
        f"one photo of `import tensorflow`: {beside['wall_s']:.2f} by wall, {beside['cpu_s']:.2f} by CPU, {beside['peak_mib']:.2f} by peak",
    ]
    if further := result["further"]:
        lines.append(
            f"a further photo, of {further['photos']}: {further['predict_ms']:.2f} ms of CPU, {further['of_decoding']:.1f} times decoding "
            f"({further['decode_ms']:.2f} ms); peak {further['peak_mib']:.0f} MiB"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a pushed version")
    parser.add_argument("--photos", type=Path, default=SHARED / "flower_photos", help="a folder per class")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    photos = [str(file) for file in sorted(args.photos.glob("*/*.jpg"))]
    with tempfile.TemporaryDirectory() as folder:
        model, photo = args.model or f"{folder}/1", photos[0] if photos else f"{folder}/photo.jpg"
        if not args.model:
            run(("-c", EXPORT, model))
        if not photos:
            run(("-c", DRAW, photo))
        result = result_of(model, photos, photo, args.repeat)
    print(json.dumps(result) if args.json else table(result, args.repeat))


if __name__ == "__main__":
    main()
