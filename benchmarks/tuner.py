"""A search of 50 head trials on real photos: how long it takes, and whether its best settings are better than the configured ones.

    python benchmarks/tuner.py [--photos DIR] [--weights FILE] [--trials 50] [--search random] [--seeds 0] [--folder DIR] [--page FILE]

The photos are divided as the pipeline divides them, by their content; `test` is not used. A seed is a search of its own, with its own
proposals and its own training. Skipped with exit code 0 without photos or weights.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("FLOWERS_SHARED", ROOT.parent / "shared")) / "data"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=SHARED / "flower_photos", help="a folder per class")
    parser.add_argument("--weights", type=Path, default=SHARED / "weights" / "mobilenet_v2_0.35_224_imagenet_no_top.weights.h5")
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--search", choices=("random", "bayesian"), default="random")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--folder", type=Path, help="keep the trials here: a benchmark that was interrupted goes on")
    parser.add_argument("--page", type=Path, help="write the page of the last search here")
    args = parser.parse_args()
    if not args.photos.is_dir() or not args.weights.is_file():
        print(f"skipped: no photos in {args.photos} or no weights at {args.weights}")
        return
    sys.path.insert(0, str(ROOT))
    labels, splits = read_splits(args.photos, size=224)
    for seed in map(int, args.seeds.split(",")):
        print(json.dumps(run_search(args, labels, splits, seed)), flush=True)


def read_splits(photos: Path, size: int) -> tuple[list[str], dict[str, tuple[Any, Any]]]:
    """Class names, and pictures and labels of `train` and `eval`."""
    import hashlib

    from flowers_tfx.data.network_picture import prepare_picture
    from flowers_tfx.data.photos import split_of
    from flowers_tfx.data.pictures import open_picture
    from flowers_tfx.threads import map_in_threads

    labels = sorted(folder.name for folder in photos.iterdir() if folder.is_dir())
    contents = [(path.read_bytes(), labels.index(path.parent.name)) for path in sorted(photos.glob("*/*.jpg"))]
    chosen = {"train": [], "eval": []}  # type: dict[str, list[tuple[bytes, int]]]
    for content, label in contents:
        split = split_of(hashlib.sha256(content).digest(), "")
        if split in chosen:
            chosen[split].append((content, label))

    def prepare(content: bytes) -> Any:
        return np.array(prepare_picture(open_picture(content, None), size))

    splits = {}
    for name, rows in chosen.items():
        pictures = np.stack(list(map_in_threads(prepare, (content for content, _ in rows))))
        splits[name] = pictures, np.array([label for _, label in rows], np.int64)
    return labels, splits


def run_search(args: argparse.Namespace, labels: list[str], splits: dict[str, tuple[Any, Any]], seed: int) -> dict[str, Any]:
    import tensorflow as tf

    from flowers_tfx.config import ModelConfig, TrainingConfig, TuningConfig
    from flowers_tfx.model.splits import SplitSource
    from flowers_tfx.model.tuning import SearchRequest, tune
    from flowers_tfx.reports.tuning import render_html, to_json

    def source(name: str) -> SplitSource:
        return SplitSource(len(splits[name][1]), lambda: tf.data.Dataset.from_tensor_slices(splits[name]))

    request = SearchRequest(
        tuple(labels),
        ModelConfig(weights=str(args.weights)),
        TrainingConfig(seed=seed),
        TuningConfig(trials=args.trials, search=args.search),
    )
    cpu, wall = time.process_time(), time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (args.folder or Path(scratch)) / f"{args.search}-{seed}"
        tuning = tune(request, source("train"), source("eval"), folder)
    if args.page:
        args.page.write_text(render_html(tuning), encoding="utf-8")
    result = to_json(tuning)
    return {
        "seed": seed,
        "search": args.search,
        "trials": len(tuning.trials),
        "failed": sum(bool(row.error) for row in tuning.trials),
        "resumed": tuning.resumed,
        "trials_wall_s": round(sum(row.seconds for row in tuning.trials), 1),
        "wall_s": round(time.monotonic() - wall, 1),
        "cpu_s": round(time.process_time() - cpu, 1),
        "photos": result["photos"],
        "best": dict(tuning.best_trial.values),
        "comparison": result["comparison"],
        "sentence": result["sentence"],
    }


if __name__ == "__main__":
    main()
