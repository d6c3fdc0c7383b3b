"""How well a model tells what it does not know, and how well its probabilities are calibrated, trained as the pipeline trains.

    python benchmarks/unknown.py [--photos DIR] [--weights FILE] [--modes head,fine-tune] [--splits 5] [--others DIR] [--species DIR]

Each split of the photos (80/10/10) trains a model, whose limits and temperature come from `train` and `eval`. Then it is asked about:

- test: photos of its own classes. The share that is refused should be `unknown.refused`.
- others: photos of other things (--others, a folder; default: the few in shared/data/others).
- species: photos of other flowers (--species, a folder), where there are any.
- left out: leave one class out. A model of the other classes is asked about it; the mean over the classes.

AUROC is that of the score, between test and the others: 1 ranks all of these above all of those. Calibration error is measured on test,
before and after the temperature. On two cores the head takes 20 s a model, fine-tuning four minutes; there are `--splits` and as many
models as classes for each mode. Skipped with exit code 0 without photos or weights.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("FLOWERS_SHARED", ROOT.parent / "shared")) / "data"
MODES = {"head": 0, "fine-tune": -1}  # training.fine_tune_layers
SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Photos:
    """`pictures` uint8 [N, s, s, 3], `labels` [N]."""

    pictures: Any
    labels: Any

    def rows(self, chosen: Any) -> Photos:
        return Photos(self.pictures[chosen], self.labels[chosen])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=SHARED / "flower_photos", help="a folder per class")
    parser.add_argument("--weights", type=Path, default=SHARED / "weights" / "mobilenet_v2_0.35_224_imagenet_no_top.weights.h5")
    parser.add_argument("--modes", default="head")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--others", type=Path, default=SHARED / "others")
    parser.add_argument("--species", type=Path)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if not args.photos.is_dir() or not args.weights.is_file():
        print(f"skipped: no photos in {args.photos} or no weights at {args.weights}")
        return
    sets = {name: read_pictures(folder) for name, folder in (("others", args.others), ("species", args.species)) if folder}
    own = read_classes(args.photos)
    rows = []
    for mode in args.modes.split(","):
        for row in run_mode(mode, own, sets, str(args.weights), args.splits):
            rows.append(row)
            print(json.dumps(row), file=sys.stderr, flush=True)
    if args.json:
        print(json.dumps(rows))
        return
    for mode in args.modes.split(","):
        for kind in ("split", "left out"):
            print_means(f"{mode}, {kind}", [row for row in rows if (row["mode"], row["kind"]) == (mode, kind)])


def print_means(title: str, rows: list[dict[str, Any]]) -> None:
    print(f"{title}, {len(rows)} models")
    for key in rows[0]:
        values = [row[key] for row in rows]
        if key not in ("mode", "kind", "number"):
            spread = f"  standard deviation {statistics.stdev(values):.3f}" if len(values) > 1 else ""
            print(f"  {key:28}{statistics.fmean(values):>8.3f}{spread}")


def run_mode(mode: str, own: Photos, sets: dict[str, Any], weights: str, splits: int) -> Iterator[dict[str, Any]]:
    for number in range(splits):
        yield {"mode": mode, "kind": "split", "number": number, **measure(mode, own, sets, weights, number)}
    for label in np.unique(own.labels):
        kept = own.rows(own.labels != label)
        left = Photos(kept.pictures, np.searchsorted(np.delete(np.unique(own.labels), label), kept.labels))
        asked = {"left out": own.pictures[own.labels == label]}
        yield {"mode": mode, "kind": "left out", "number": int(label), **measure(mode, left, asked, weights, 0)}


def measure(mode: str, own: Photos, sets: dict[str, Any], weights: str, seed: int) -> dict[str, Any]:
    """Trains on a split of `own` and asks about its test photos and about each of `sets`."""
    from flowers_tfx.config import parse_config
    from flowers_tfx.model.temperature import calibration_error
    from flowers_tfx.model.training import train
    from flowers_tfx.model.unknown_fit import fit_recognition

    config = parse_config({"model": {"weights": weights}, "training": {"fine_tune_layers": MODES[mode]}})
    order = np.random.default_rng(seed).permutation(len(own.labels))
    ends = [int(len(order) * share) for share in (0.8, 0.9)]
    train_set, eval_set, test = (own.rows(chosen) for chosen in np.split(order, ends))
    sources = (source(train_set), source(eval_set))
    with tempfile.TemporaryDirectory() as logs:
        result = train(config.model, len(np.unique(own.labels)), config.training, *sources, logs)
    recognition = fit_recognition(result, config.training, config.unknown, *sources)

    def ask(pictures: Any) -> tuple[Any, Any]:
        features = result.network.backbone.predict(pictures, batch_size=64, verbose=0)
        logits = np.asarray(result.network.head(features, training=False))
        assert recognition.detector is not None
        return logits, recognition.detector.outputs(features, logits / recognition.temperature)["score"].numpy()

    logits, scores = ask(test.pictures)
    row = {
        "accuracy": float((logits.argmax(axis=1) == test.labels).mean()),
        "test refused": float((scores > 1).mean()),
        "calibration error before": calibration_error(logits, test.labels),
        "calibration error after": calibration_error(logits / recognition.temperature, test.labels),
    }
    for name, pictures in sets.items():
        foreign = ask(pictures)[1]
        row |= {f"{name} refused": float((foreign > 1).mean()), f"{name} AUROC": auroc(scores, foreign)}
    return row


def auroc(own: Any, foreign: Any) -> float:
    """Of pairs of a known and a foreign photo, the share in which the foreign one has the higher score; ties count half."""
    higher = (foreign[:, None] > own[None]).mean() + (foreign[:, None] == own[None]).mean() / 2
    return float(higher)


def source(photos: Photos) -> Any:
    import tensorflow as tf

    from flowers_tfx.model.splits import SplitSource

    return SplitSource(len(photos.labels), lambda: tf.data.Dataset.from_tensor_slices((photos.pictures, photos.labels)))


def read_classes(folder: Path) -> Photos:
    classes = sorted(path for path in folder.iterdir() if path.is_dir())
    by_class = [read_pictures(path) for path in classes]
    return Photos(np.concatenate(by_class), np.repeat(np.arange(len(classes)), [len(pictures) for pictures in by_class]))


def read_pictures(folder: Path) -> Any:
    """uint8 [N, s, s, 3] of the photos below a folder; those that cannot be decoded are left out."""
    from flowers_tfx.config import parse_config

    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return np.stack(list(prepared(files, parse_config({}).model.image_size)))


def prepared(files: Iterable[Path], image_size: int) -> Iterator[Any]:
    from flowers_tfx.data.network_picture import prepare_picture
    from flowers_tfx.data.pictures import BadPicture, open_picture

    for file in files:
        try:
            yield prepare_picture(open_picture(file.read_bytes(), None), image_size)
        except BadPicture as bad:
            print(f"{file}: {bad}", file=sys.stderr)


if __name__ == "__main__":
    main()
