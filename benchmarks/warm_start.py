"""What a warm start saves: the same training from `model.weights` and from a serving model, when new photos arrive.

    python benchmarks/warm_start.py [--mode head|fine-tune] [--new 200] [--splits 3] [--image-size 224] [--epochs 25] [--json]

A serving model is trained on all photos but the new ones. Then all photos train two candidates with the same settings: one from the
ImageNet weights ("cold") and one from the serving model ("warm"). Measured are epochs and CPU seconds until the loss on `eval` is as low
as the cold candidate's in the end, and in all. `eval` and `test` follow from the photos' content, as in the pipeline, so the serving model
was not trained on them.

On two cores the head takes half a minute a split; fine-tuning all layers takes ten, or four with pictures of 128 px. Without the real
photos and weights it prints "skipped" and exits with 0.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flowers_tfx.progress import Progress, listening

if TYPE_CHECKING:
    from flowers_tfx.config import TrainingConfig
    from flowers_tfx.model.splits import SplitSource
    from flowers_tfx.model.training import TrainResult

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("FLOWERS_SHARED", ROOT.parent / "shared")) / "data"
WEIGHTS = SHARED / "weights" / "mobilenet_v2_0.35_224_imagenet_no_top.weights.h5"
LAYERS = {"head": 0, "fine-tune": -1}


@dataclass
class Clock:
    """CPU seconds since the start of the training at the end of each epoch."""

    started: float = field(default_factory=time.process_time)
    epochs: list[float] = field(default_factory=list)

    def report(self, progress: Progress) -> None:
        if progress.what != "features":
            self.epochs.append(time.process_time() - self.started)

    def notify(self, message: str) -> None:
        """Messages do not matter here."""


@dataclass(frozen=True)
class Photos:
    """pictures uint8 [N, s, s, 3]; `split` and `new` of each."""

    pictures: np.ndarray
    labels: np.ndarray
    split: np.ndarray
    new: np.ndarray

    def source(self, split: str, with_new: bool) -> SplitSource:
        import tensorflow as tf

        from flowers_tfx.model.splits import SplitSource

        chosen = (self.split == split) & (with_new | ~self.new)
        pictures, labels = self.pictures[chosen], self.labels[chosen]
        return SplitSource(len(labels), lambda: tf.data.Dataset.from_tensor_slices((pictures, labels)))


def read_photos(folder: Path, new: int, salt: str, image_size: int) -> Photos:
    import tensorflow as tf

    from flowers_tfx.data.photos import split_of
    from flowers_tfx.model.picture_graph import prepare_picture

    classes = sorted(path for path in folder.iterdir() if path.is_dir())
    files = [(path, label) for label, place in enumerate(classes) for path in sorted(place.glob("*.jpg"))]
    paths = tf.data.Dataset.from_tensor_slices([str(path) for path, _ in files])
    prepared = paths.map(lambda path: prepare_picture(tf.io.read_file(path), image_size), num_parallel_calls=2)
    splits = [split_of(hashlib.sha256(path.read_bytes()).digest(), salt) for path, _ in files]
    arrived = np.zeros(len(files), bool)
    arrived[np.random.default_rng(int(salt)).permutation(len(files))[:new]] = True
    return Photos(np.stack(list(prepared.as_numpy_iterator())), np.array([label for _, label in files]), np.array(splits), arrived)


def train_on(
    photos: Photos, settings: TrainingConfig, weights: Path, with_new: bool, serving: TrainResult | None = None
) -> tuple[Any, Clock]:
    from flowers_tfx.config import ModelConfig
    from flowers_tfx.model.starting_model import StartingModel
    from flowers_tfx.model.training import train

    model = ModelConfig(backbone="MobileNetV2", alpha=0.35, image_size=photos.pictures.shape[1], weights=str(weights))
    start = None
    if serving:
        arrays = [*serving.network.backbone.get_weights(), *serving.network.head.get_weights()]
        start = StartingModel({"version": "1", "digest": ""}, arrays, serving.head_epochs)
    clock = Clock()
    with tempfile.TemporaryDirectory() as logs, listening(clock):
        sources = (photos.source(split, with_new) for split in ("train", "eval"))
        return train(model, int(photos.labels.max()) + 1, settings, *sources, logs, start), clock


def describe(result: TrainResult, clock: Clock, photos: Photos, goal: float) -> dict[str, Any]:
    """`goal`: the loss on `eval` to reach; None stands for never."""
    losses = [epoch.metrics["val_loss"] for epoch in result.history]
    reached = next((at for at, loss in enumerate(losses) if loss <= goal), None)
    test = photos.split == "test"
    answers = result.model.predict(photos.pictures[test], verbose=0).argmax(axis=1)
    return {
        "epochs_to_goal": None if reached is None else reached + 1,
        "cpu_s_to_goal": None if reached is None else round(clock.epochs[reached], 1),
        "epochs": len(losses),
        "cpu_s": round(clock.epochs[-1], 1),
        "eval_loss": round(result.eval_metrics["loss"], 4),
        "eval_accuracy": round(result.eval_metrics["accuracy"], 4),
        "test_accuracy": round(float((answers == photos.labels[test]).mean()), 4),
        "test_photos": int(test.sum()),
    }


def compare(folder: Path, weights: Path, settings: TrainingConfig, new: int, salt: str, image_size: int) -> dict[str, Any]:
    photos = read_photos(folder, new, salt, image_size)
    serving, _ = train_on(photos, settings, weights, with_new=False)
    cold, cold_clock = train_on(photos, settings, weights, with_new=True)
    goal = min(epoch.metrics["val_loss"] for epoch in cold.history)
    warm, warm_clock = train_on(photos, settings, weights, with_new=True, serving=serving)
    return {
        "split": salt,
        "goal": round(goal, 4),
        "cold": describe(cold, cold_clock, photos, goal),
        "warm": describe(warm, warm_clock, photos, goal),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=SHARED / "flower_photos", help="a folder per class")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="ImageNet weights of MobileNetV2 0.35")
    parser.add_argument("--mode", choices=sorted(LAYERS), default="head")
    parser.add_argument("--new", type=int, default=200, help="photos that the serving model was not trained on")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--image-size", type=int, default=224, help="px")
    parser.add_argument("--epochs", type=int, default=25, help="of stage 2 at most")
    parser.add_argument("--json", action="store_true", help="one JSON value on stdout, nothing else")
    options = parser.parse_args()
    for needed in (options.photos, options.weights):
        if not needed.exists():
            reason = f"{needed} does not exist"
            print(json.dumps({"skipped": reason}) if options.json else f"skipped: {reason}")
            return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from flowers_tfx.config import TrainingConfig

    settings = TrainingConfig(fine_tune_layers=LAYERS[options.mode], fine_tune_epochs=options.epochs)
    rows = []
    for number in range(options.splits):
        row = compare(options.photos, options.weights, settings, options.new, str(number), options.image_size)
        rows.append(row)
        if not options.json:
            for name in ("cold", "warm"):
                print(f"split {row['split']}, goal {row['goal']}, {name}: {row[name]}", flush=True)
    if options.json:
        print(json.dumps({"mode": options.mode, "new": options.new, "image_size": options.image_size, "splits": rows}))


if __name__ == "__main__":
    main()
