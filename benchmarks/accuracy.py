"""Accuracy of the whole pipeline on real photos, over several splits: ingest to Pusher, the head alone and all layers fine-tuned.

    python benchmarks/accuracy.py [--photos DIR] [--weights FILE] [--splits 5] [--modes head,fine-tune] [--json]

One test split of 100 photos is not precise (plus or minus 6 points), so `ingest.split_salt` draws several. Each run's published model
then predicts its test photos through `flowers predict`, with the accuracy that Evaluator measured. Cost on two cores with 1,000 photos:
about a minute per split for the head, four for all layers.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("FLOWERS_SHARED", ROOT.parent / "shared")) / "data"
T_95 = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}  # Student's t, two-sided, by number of splits
MODES = {"head": ["training.fine_tune_layers=0"], "fine-tune": ["training.fine_tune_layers=all"]}


def flowers(*arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "flowers_tfx", *arguments, "--json"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"flowers {' '.join(arguments)} ended with {done.returncode}: {done.stdout}")
    return json.loads(done.stdout)


def one_split(home: Path, delivery: dict[str, Any], weights: str, salt: str, mode: str, extra_overrides: list[str]) -> dict[str, Any]:
    """Accuracy as evaluated and as served, of one run. The modes share the data root of the split, and cached nodes."""
    folder = home / f"split-{salt}"
    settings = {
        "name": "accuracy",
        "data_root": folder / "data",
        "pipeline_root": folder / "pipeline",
        "registry": folder / f"registry-{mode}",
        "ingest.csv": delivery["csv"],
        "ingest.labels": delivery["labels"],
        "ingest.split_salt": salt,
        "model.weights": weights,
        "evaluation.min_accuracy": 0.5,
        "explain.photos": 0,
    }
    overrides = [f"{key}={value}" for key, value in settings.items()] + MODES[mode] + extra_overrides
    options = [part for override in overrides for part in ("--set", override)]
    report = flowers("run", "--config", str(ROOT / "configs" / "flowers.yaml"), *options)
    photos = pd.read_parquet(folder / "data" / "span-1" / "photos.parquet")
    test = photos[photos.split == "test"]
    rows = flowers("predict", *test.uri, "--model", report["pushed_model"])
    served = sum(row["label"] == label for row, label in zip(rows, test.label, strict=True)) / len(test)
    seconds = report["nodes"]["Trainer"]["seconds"]
    return {
        "salt": salt,
        "mode": mode,
        "accuracy": report["metrics"]["accuracy"],
        "served": served,
        "test": len(test),
        "trainer_s": seconds,
    }


def summary(rows: list[dict[str, Any]]) -> dict[str, float]:
    values = [row["accuracy"] for row in rows]
    mean = statistics.fmean(values)
    half_width = T_95.get(len(values), 1.96) * statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else float("nan")
    return {"mean": mean, "low": mean - half_width, "high": mean + half_width, "splits": len(values)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=SHARED / "flower_photos")
    parser.add_argument("--weights", type=Path, default=SHARED / "weights" / "mobilenet_v2_0.35_224_imagenet_no_top.weights.h5")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--modes", default="head,fine-tune")
    parser.add_argument("--home", type=Path, help="keeps the runs here; default: a temporary folder")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if not args.photos.is_dir() or not args.weights.is_file():
        print(f"skipped: no photos in {args.photos} or no weights at {args.weights}")
        return
    with tempfile.TemporaryDirectory() as temporary:
        home = (args.home or Path(temporary)).absolute()
        delivery = flowers("dataset", "index", str(args.photos), "--out", str(home))
        rows = []
        for mode in args.modes.split(","):
            for number in range(args.splits):
                rows.append(one_split(home, delivery, str(args.weights), str(number), mode, args.set))
                print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    result = {mode: summary([row for row in rows if row["mode"] == mode]) for mode in args.modes.split(",")}
    if args.json:
        print(json.dumps({"summary": result, "runs": rows}))
        return
    print(
        f"{delivery['photos']} photos, {args.splits} splits, 95 % interval of the mean (Student's t over splits; their test photos overlap)"
    )
    print(f"{'mode':12}{'accuracy':>10}{'interval':>18}{'served = evaluated':>22}{'Trainer':>12}")
    for mode, accuracy in result.items():
        mode_rows = [row for row in rows if row["mode"] == mode]
        same = sum(math.isclose(row["served"], row["accuracy"], abs_tol=1e-6) for row in mode_rows)
        seconds = statistics.median(row["trainer_s"] for row in mode_rows)
        interval = f"{accuracy['low']:>10.3f} - {accuracy['high']:.3f}"
        print(f"{mode:12}{accuracy['mean']:>10.3f}{interval}{same:>12} of {len(mode_rows)}{seconds:>16.0f} s")


if __name__ == "__main__":
    main()
