"""Training: the head on features computed once, compared with a plain Keras `fit` of the frozen network; a step of fine-tuning, compared
with Keras' own layers and with the floor that its multiplications set.

    python benchmarks/train.py [--photos DIR] [--weights FILE] [--epochs 10] [--json]

Takes about two minutes on two cores. Without the real photos and weights it prints "skipped" and exits with 0.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from training_step import measure_step

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("FLOWERS_SHARED", ROOT.parent / "shared")) / "data"
WEIGHTS = SHARED / "weights" / "mobilenet_v2_0.35_224_imagenet_no_top.weights.h5"
IMAGE_SIZE = 224
MODEL = {"backbone": "MobileNetV2", "alpha": 0.35, "image_size": IMAGE_SIZE}
TRAIN, EVAL = 0.7, 0.1  # shares of the photos; the rest is for testing


@dataclass(frozen=True)
class Split:
    pictures: np.ndarray
    labels: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=SHARED / "flower_photos", help="a folder per class")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="ImageNet weights of MobileNetV2 0.35")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one JSON value on stdout, nothing else")
    options = parser.parse_args()
    for needed in (options.photos, options.weights):
        if not needed.exists():
            reason = f"{needed} does not exist"
            print(json.dumps({"skipped": reason}) if options.json else f"skipped: {reason}")
            return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    result = measure(options.photos, options.weights, options.epochs, options.seed) | {
        "step": measure_step({**MODEL, "weights": str(options.weights)})
    }
    print(json.dumps(result) if options.json else table(result))


def measure(photos: Path, weights: Path, epochs: int, seed: int) -> dict[str, Any]:
    train_split, eval_split, test_split, classes = split_photos(photos, seed)
    runs = {}
    for name, run in (("plain_fit", plain_fit), ("cached_features", cached_features)):
        started, started_cpu = time.monotonic(), time.process_time()
        model = run(train_split, eval_split, classes, str(weights), epochs, seed)
        seconds, cpu_seconds = time.monotonic() - started, time.process_time() - started_cpu
        accuracy = float((np.asarray(model(test_split.pictures)).argmax(axis=1) == test_split.labels).mean())
        runs[name] = {"seconds": round(seconds, 2), "cpu_seconds": round(cpu_seconds, 2), "test_accuracy": round(accuracy, 4)}
    plain, cached = runs["plain_fit"], runs["cached_features"]
    speedup = {"speedup": plain["seconds"] / cached["seconds"], "cpu_speedup": plain["cpu_seconds"] / cached["cpu_seconds"]}
    photos_of = {"train": len(train_split.labels), "eval": len(eval_split.labels), "test": len(test_split.labels)}
    return {
        "epochs": epochs,
        "photos": photos_of,
        "cores": os.cpu_count(),
        **runs,
        **{name: round(times, 2) for name, times in speedup.items()},
    }


def split_photos(photos: Path, seed: int) -> tuple[Split, Split, Split, int]:
    import tensorflow as tf

    from flowers_tfx.model.picture_graph import prepare_picture

    classes = sorted(folder for folder in photos.iterdir() if folder.is_dir())
    files = [(path, label) for label, folder in enumerate(classes) for path in sorted(folder.glob("*.jpg"))]
    order = np.random.default_rng(seed).permutation(len(files))
    paths = tf.data.Dataset.from_tensor_slices([str(files[at][0]) for at in order])
    prepared = paths.map(lambda path: prepare_picture(tf.io.read_file(path), IMAGE_SIZE), num_parallel_calls=2)
    pictures = np.stack(list(prepared.as_numpy_iterator()))
    labels = np.array([files[at][1] for at in order])
    ends = [int(TRAIN * len(files)), int((TRAIN + EVAL) * len(files)), len(files)]
    splits = (Split(pictures[a:b], labels[a:b]) for a, b in zip([0, *ends[:2]], ends, strict=True))
    train_split, eval_split, test_split = splits
    return train_split, eval_split, test_split, len(classes)


def plain_fit(train_split: Split, eval_split: Split, classes: int, weights: str, epochs: int, seed: int) -> Callable[[np.ndarray], Any]:
    """As in Keras' guides: freeze the network of keras.applications, add a head, `fit` on pictures."""
    import keras
    import tensorflow as tf

    from flowers_tfx.config import ModelConfig, TrainingConfig
    from flowers_tfx.model.network import build

    settings = TrainingConfig()
    network = build(ModelConfig(**MODEL, weights=weights), classes, settings.dropout, seed)
    network.application.trainable = False
    pictures = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3))
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)(pictures)
    full = keras.Model(pictures, network.head(network.application(scaled, training=False)))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=settings.label_smoothing)
    optimizer = keras.optimizers.Adam(settings.head_learning_rate)
    full.compile(optimizer, loss=loss, metrics=["accuracy"], jit_compile=False)

    def batches(split: Split) -> tf.data.Dataset:
        one_hot = np.eye(classes, dtype=np.float32)[split.labels]
        return tf.data.Dataset.from_tensor_slices((split.pictures, one_hot))

    full.fit(
        batches(train_split).shuffle(len(train_split.labels), seed=seed).batch(settings.batch_size).prefetch(2),
        validation_data=batches(eval_split).batch(settings.batch_size),
        epochs=epochs,
        verbose=0,
    )
    return lambda pictures: full.predict(pictures, verbose=0)


def cached_features(
    train_split: Split, eval_split: Split, classes: int, weights: str, epochs: int, seed: int
) -> Callable[[np.ndarray], Any]:
    """Stage 1 of the program."""
    import tensorflow as tf

    from flowers_tfx.config import ModelConfig, TrainingConfig
    from flowers_tfx.model.splits import SplitSource
    from flowers_tfx.model.training import train as train_network

    def as_set(split: Split) -> SplitSource:
        return SplitSource(len(split.labels), lambda: tf.data.Dataset.from_tensor_slices((split.pictures, split.labels)))

    settings = TrainingConfig(head_epochs=epochs, fine_tune_layers=0, patience=epochs, seed=seed)
    model = ModelConfig(**MODEL, weights=weights)
    with tempfile.TemporaryDirectory() as log_dir:
        result = train_network(model, classes, settings, as_set(train_split), as_set(eval_split), log_dir)
    return lambda pictures: result.model.predict(pictures, verbose=0)


def table(result: dict[str, Any]) -> str:
    photos = result["photos"]
    lines = [
        f"{result['epochs']} epochs, {photos['train']} training photos, MobileNetV2 0.35 at {IMAGE_SIZE} px, "
        f"{result['cores']} cores; accuracy on {photos['test']} photos",
        f"{'':26}{'seconds':>10}{'CPU seconds':>14}{'accuracy':>10}",
    ]
    for name, label in (("plain_fit", "plain Keras fit"), ("cached_features", "features once, then head")):
        run = result[name]
        lines.append(f"{label:26}{run['seconds']:>10.1f}{run['cpu_seconds']:>14.1f}{run['test_accuracy']:>10.3f}")
    step = result["step"]
    lines += [
        f"{result['speedup']:.1f} times faster, {result['cpu_speedup']:.1f} times less CPU time (on a busy host look at this one)",
        f"a step of fine-tuning: {step['program_ms']} ms of CPU a photo; with Keras' own layers {step['keras_ms']} ms, "
        f"{step['keras_over_program']} times that",
        f"its floor: {step['floor_ms']} ms, {step['megaflops']} MFLOP at the {step['gflops_of_a_core']} GFLOP/s of a large matrix product; "
        f"the step takes {step['program_over_floor']} times that",
        f"forward alone {step['forward_ms']} ms; reading and augmenting a photo {step['augmentation_ms']} ms",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
