"""Do explanations of single photos point at what the model looks at? A model is trained as the pipeline trains it, and each method explains
photos of `test`, for the class that the model answers with.

    python benchmarks/explain.py [--photos DIR] [--weights FILE] [--methods rise,ig,guided-ig,xrai] [--number 100] [--json]

- deletion, insertion: mean probability of the class while the parts that a map marks are hidden, or shown alone, the most important first;
  beside parts in random order, from the centre outwards, and by an edge detector. Intervals of 95 % by bootstrap over photos.
- completeness: how far the sum of a map is from the difference of the score, of the difference; median and worst.
- checks, on `--checked` photos: stability under small noise, correlation with the map of random weights, and the share of explanations
  that are trustworthy.
- cascade, on the same photos: rank correlation of maps with those of the network whose last layers have random weights.
- pointing, on `--pairs` pictures of two photos of different classes side by side: how often the maps of both classes have most of their
  evidence on their half.
- cpu: seconds of one map, with nothing checked, and how many predictions take as long.

About 20 s for the model and 15 s a photo on two cores; progress and an estimate go to the standard error. Skipped with exit code 0
without photos or weights. At the end explain_shortcuts.py shows what the page of a model finds of planted shortcuts, 12 minutes a seed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import explain_shortcuts
import numpy as np
from pairs import draw_pairs, side_by_side
from rise_cascade import rise_cascade
from unknown import SHARED, Photos, read_classes, source

RESAMPLES = 2_000
BASELINES = ("random", "centre", "edge")


@dataclass(frozen=True)
class Model:
    """`answers`: flowers_tfx.explain.model_function.Answers, of LiteRT; `gradients`: of the SavedModel."""

    answers: Any
    gradients: Any
    classes: int

    def maps(self, method: str, picture: Any, targets: Sequence[int]) -> tuple[list[Any], float | None]:
        """One map [s, s] for each class, and the completeness error of the first."""
        from flowers_tfx.explain.gradient_maps import attribute
        from flowers_tfx.explain.hidden_parts import HiddenParts
        from flowers_tfx.explain.rise import evidence, fit_maps, run_trials, stretch
        from flowers_tfx.litert import PROBABILITIES

        if method == "rise":
            trials = run_trials(HiddenParts(picture), self.answers)
            rows = fit_maps(trials, evidence(trials.vectors[PROBABILITIES])[:, tuple(targets)])
            return [stretch(row, len(picture)) for row in rows], None
        found = [attribute(method, self.gradients, picture, target, self.classes) for target in targets]  # type: ignore[arg-type]
        return [one.map for one in found], found[0].completeness_error


class Progress:
    """Lines on the standard error: what is done of a part, and how long the rest of it takes."""

    def __init__(self, part: str, total: int) -> None:
        self._part, self._total, self._done, self._started = part, total, 0, time.monotonic()

    def __call__(self, *_: int) -> None:
        self._done += 1
        left = (time.monotonic() - self._started) / self._done * (self._total - self._done)
        if self._done % max(self._total // 20, 1) == 0:
            print(f"{self._part}: {self._done} of {self._total}, {left / 60:.0f} min left", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=SHARED / "flower_photos", help="a folder per class")
    parser.add_argument("--weights", type=Path, default=SHARED / "weights" / "mobilenet_v2_0.35_224_imagenet_no_top.weights.h5")
    parser.add_argument("--methods", default="rise,ig,guided-ig,xrai")
    parser.add_argument("--number", type=int, default=100, help="photos")
    parser.add_argument("--checked", type=int, default=20, help="photos with all checks, and of the cascade")
    parser.add_argument(
        "--slow-cascade", type=int, default=5, help="photos of the cascade of `rise`, which asks a SavedModel 512 times a map"
    )
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--shortcut-seeds", type=int, default=1, help="of explain_shortcuts.py, which runs last; 0: not at all")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if not args.photos.is_dir() or not args.weights.is_file():
        print(f"skipped: no photos in {args.photos} or no weights at {args.weights}")
        return
    own = read_classes(args.photos)
    labels = sorted(path.name for path in args.photos.iterdir() if path.is_dir())
    with tempfile.TemporaryDirectory() as folder:
        model, test = train_model(own, labels, args.weights, Path(folder) / "1")
        rows = []
        for method in args.methods.split(","):
            rows.append(measure_method(method, model, test, args))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    if args.json:
        print(json.dumps(rows))
    else:
        for row in rows:
            print_row(row)
    if args.shortcut_seeds:
        shortcuts = argparse.ArgumentParser()
        explain_shortcuts.add_arguments(shortcuts)
        given = ["--photos", str(args.photos), "--weights", str(args.weights), "--seeds", str(args.shortcut_seeds)]
        explain_shortcuts.run(shortcuts.parse_args([*given, *(["--json"] if args.json else [])]))


def train_model(own: Photos, labels: list[str], weights: Path, folder: Path) -> tuple[Model, Photos]:
    """The model, and the photos of `test`, in random order."""
    from flowers_tfx.config import parse_config
    from flowers_tfx.model.gradients import load_gradients
    from flowers_tfx.model.signatures import export
    from flowers_tfx.model.training import train
    from flowers_tfx.model.unknown_fit import fit_recognition
    from flowers_tfx.model_folder import load_litert

    config = parse_config({"model": {"weights": str(weights)}})
    order = np.random.default_rng(0).permutation(len(own.labels))
    ends = [int(len(order) * share) for share in (0.8, 0.9)]
    train_set, eval_set, test = (own.rows(chosen) for chosen in np.split(order, ends))
    sources = (source(train_set), source(eval_set))
    with tempfile.TemporaryDirectory() as logs:
        result = train(config.model, len(labels), config.training, *sources, logs)
    recognition = fit_recognition(result, config.training, config.unknown, *sources)
    export(result.network, config.model.image_size, labels, {}, str(folder), recognition=recognition)
    return Model(load_litert(folder).run_batch, load_gradients(folder), len(labels)), test


def measure_method(method: str, model: Model, test: Photos, args: Any) -> dict[str, Any]:
    from flowers_tfx.explain.randomisation import cascade

    pictures = list(test.pictures[: args.number])
    row = {"method": method, "photos": len(pictures), **measure_curves(method, model, pictures)}
    checked = pictures[: args.checked]
    row |= check_explanations(method, model, checked)
    if method == "rise":
        checked = pictures[: args.slow_cascade]
        row["cascade photos"] = len(checked)
        targets = [best_class(model, picture) for picture in checked]
        row["cascade"] = rise_cascade(model.gradients, checked, targets, model.classes, Progress("rise, cascade", 6 * len(checked)))
    else:
        stages = Progress(f"{method}, cascade", 6 * len(checked))
        targets = [best_class(model, picture) for picture in checked]
        row["cascade"] = [asdict(stage) for stage in cascade(method, model.gradients, checked, targets, model.classes, stages)]  # type: ignore[arg-type]
    row["pairs"] = args.pairs
    row["pointing"] = mean_with_interval(point_at_halves(method, model, test, args.pairs))
    return row


def measure_curves(method: str, model: Model, pictures: list[Any]) -> dict[str, Any]:
    """Deletion and insertion, completeness and time of the maps alone."""
    from flowers_tfx.explain.hidden_parts import HiddenParts
    from flowers_tfx.explain.quality import MapChecks, measure_quality

    progress = Progress(f"{method}, maps", len(pictures))
    qualities, seconds, predictions, errors = [], [], [], []
    for picture in pictures:
        started = time.process_time()
        target = best_class(model, picture)
        predicted = time.process_time()
        (values,), error = model.maps(method, picture, [target])
        seconds.append(time.process_time() - predicted)
        predictions.append(predicted - started)
        qualities.append(asdict(measure_quality(values, HiddenParts(picture), model.answers, target, MapChecks())))
        errors.append(error)
        progress()
    curves = {
        f"{kind} {name}".strip(): mean_with_interval([quality[f"{name}_{kind}_auc" if name else f"{kind}_auc"] for quality in qualities])
        for kind in ("deletion", "insertion")
        for name in ("", *BASELINES)
    }
    prediction = float(np.median(predictions))
    known = [error for error in errors if error is not None]
    return {
        **curves,
        "completeness": {"median": float(np.median(known)), "worst": max(known), "below 0.05": float(np.mean(np.array(known) < 0.05))}
        if known
        else None,
        "cpu": {"map": float(np.mean(seconds)), "prediction": prediction, "predictions": float(np.mean(seconds)) / prediction},
    }


def best_class(model: Model, picture: Any) -> int:
    return int(model.answers(picture[np.newaxis])["probabilities"][0].argmax())


def check_explanations(method: str, model: Model, pictures: list[Any]) -> dict[str, Any]:
    from flowers_tfx.explain.explain_picture import explain_picture

    progress = Progress(f"{method}, checks", len(pictures))
    qualities, started = [], time.process_time()
    for picture in pictures:
        qualities.append(explain_picture(picture, model.answers, method, model.gradients).quality)  # type: ignore[arg-type]
        progress()
    names = ("stability", "randomised_correlation")
    return {
        "checked": len(pictures),
        "cpu with checks": (time.process_time() - started) / len(pictures),
        **{name: mean_with_interval([getattr(quality, name) for quality in qualities]) for name in names},
        "trustworthy": float(np.mean([quality.trustworthy for quality in qualities])),
    }


def point_at_halves(method: str, model: Model, test: Photos, pairs: int) -> list[float]:
    """For each pair of photos, 1 if both its maps have most of their evidence on the half of their class, else 0."""
    progress = Progress(f"{method}, pairs", pairs)
    shares = []
    for left, right in draw_pairs(test.labels, pairs):
        picture = side_by_side(test.pictures[left], test.pictures[right])
        maps, _ = model.maps(method, picture, [int(test.labels[left]), int(test.labels[right])])
        middle = picture.shape[1] // 2
        masses = [[float(np.maximum(half, 0).sum()) for half in (values[:, :middle], values[:, middle:])] for values in maps]
        shares.append(float(masses[0][0] > masses[0][1] and masses[1][1] > masses[1][0]))
        progress()
    return shares


def mean_with_interval(values: Sequence[float | None]) -> dict[str, float] | None:
    """Of the values that are there, with the interval of 95 % by bootstrap."""
    known = np.array([value for value in values if value is not None])
    if not len(known):
        return None
    means = known[np.random.default_rng(0).integers(0, len(known), (RESAMPLES, len(known)))].mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return {"mean": float(known.mean()), "low": float(low), "high": float(high)}


def print_row(row: dict[str, Any]) -> None:
    print(f"{row['method']}, {row['photos']} photos, {row['checked']} of them with all checks, {row['pairs']} pairs")
    for name, value in row.items():
        if isinstance(value, dict):
            print(f"  {name:26}" + "  ".join(f"{key} {number:.3f}" for key, number in value.items()))
        elif isinstance(value, float):
            print(f"  {name:26}{value:.3f}")
    for stage in row.get("cascade", []):
        print(f"  random layers {stage['layers']:4}        " + "  ".join(f"{key} {stage[key]:.3f}" for key in list(stage)[1:]))


if __name__ == "__main__":
    main()
