"""What starting costs: `flowers --help`, and the pipeline's imports beside those of its libraries alone.

    python benchmarks/startup.py [--repeat 3] [--json]

Aims: `--help` under 1 s; the pipeline's imports within 1.2 times those of tensorflow, apache_beam and tfx.components.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = {
    "help": ["-m", "flowers_tfx", "--help"],
    "libraries": ["-c", "import tensorflow, apache_beam, tfx.components"],
    "pipeline": ["-c", "import runners.local"],
}


def seconds(arguments: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    for arguments in COMMANDS.values():  # files into the page cache, bytecode compiled
        seconds(arguments)
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(args.repeat):  # in turn, so that a drift of the machine hits all alike
        for name, arguments in COMMANDS.items():
            times[name].append(seconds(arguments))
    result = {name: statistics.median(values) for name, values in times.items()}
    result["ratio"] = statistics.median(p / lib for p, lib in zip(times["pipeline"], times["libraries"], strict=True))
    if args.json:
        print(json.dumps(result))
    else:
        print(f"flowers --help          {result['help']:.2f} s")
        print(f"libraries alone         {result['libraries']:.2f} s")
        print(f"pipeline's imports      {result['pipeline']:.2f} s, {result['ratio']:.2f} times the libraries (median of {args.repeat})")


if __name__ == "__main__":
    main()
