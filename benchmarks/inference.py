"""What an answer costs: the picture, the network, and all of it, in the TensorFlow graph and without TensorFlow; for 1 photo and for 32.

    python benchmarks/inference.py [--photos DIR] [--weights FILE] [--number 192] [--rounds 5] [--json]

A model is exported as Trainer does, and everything is asked of its two forms in this process, in turn, `--rounds` times; the best of each
counts. CPU is the time of all threads; times are per photo. Rows:

- decoding: the photo's pixels and nothing else; the floor of everything that looks at a photo. Each engine's pictures are compared with its
  own decoder.
- pictures: from a photo's bytes to the picture that the network sees.
- network: from pictures to probabilities. The exported graph folds normalisation into the convolutions, so the network of
  keras.applications as it is, which plain Keras and TensorFlow Serving would run, stands beside it.
- answer: from a photo's bytes to probabilities, as TensorFlow Serving and `flowers predict` give them.

Takes about two minutes on two cores. Skipped with exit code 0 without photos or weights.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("FLOWERS_SHARED", ROOT.parent / "shared")) / "data"
WEIGHTS = SHARED / "weights" / "mobilenet_v2_0.35_224_imagenet_no_top.weights.h5"
IMAGE_SIZE = 224
MAX_PIXELS = 50_000_000
BATCHES = (1, 32)
TENSORFLOW, LITERT = "TensorFlow", "without TensorFlow"
KERAS = "the network of keras.applications as it is, in TensorFlow"
Work = Callable[[Sequence[Any]], object]


@dataclass(frozen=True)
class Row:
    """Best times per photo, ms. `of_decoding`: CPU time as a multiple of the engine's decoding in batches of the same size."""

    step: str
    engine: str
    batch: int
    cpu_ms: float
    wall_ms: float
    of_decoding: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=SHARED / "flower_photos", help="a folder per class")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="ImageNet weights of MobileNetV2 0.35")
    parser.add_argument("--number", type=int, default=192, help="photos, spread over all of them")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="one JSON value on stdout, nothing else")
    options = parser.parse_args()
    files = sorted(options.photos.glob("*/*.jpg"))
    if not files or not options.weights.is_file():
        reason = f"no photos in {options.photos}" if not files else f"{options.weights} does not exist"
        print(json.dumps({"skipped": reason}) if options.json else f"skipped: {reason}")
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    photos = [file.read_bytes() for file in files[:: max(1, len(files) // options.number)][: options.number]]
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "1"
        network = export_model(str(options.weights), model)
        result = measure(photos, model, network, options.rounds)
    print(json.dumps(result) if options.json else table(result))


def export_model(weights: str, folder: Path) -> Any:
    """The network that was exported."""
    from flowers_tfx.config.training import ModelConfig
    from flowers_tfx.model.network import build
    from flowers_tfx.model.signatures import export

    labels = ["daisy", "dandelion", "roses", "sunflowers", "tulips"]
    network = build(ModelConfig(weights=weights, image_size=IMAGE_SIZE), len(labels))
    export(network, IMAGE_SIZE, labels, {}, str(folder))
    return network


def measure(photos: Sequence[bytes], model: Path, network: Any, rounds: int) -> dict[str, Any]:
    pictures, works = all_works(photos, model, network)
    times: dict[tuple[str, str, int], list[tuple[float, float]]] = {}
    for number in range(rounds + 1):
        for (step, engine), work in works.items():
            items = pictures if step == "network" else photos
            for batch in BATCHES:
                seconds = time_batches(work, items, batch)
                if number:  # the first round traces graphs and warms caches up
                    times.setdefault((step, engine, batch), []).append(seconds)
    best = {key: (min(cpu for cpu, _ in found), min(wall for _, wall in found)) for key, found in times.items()}
    rows = [
        Row(step, engine, batch, cpu, wall, cpu / best["decoding", LITERT if engine == LITERT else TENSORFLOW, batch][0])
        for (step, engine, batch), (cpu, wall) in best.items()
    ]
    return {
        "photos": len(photos),
        "photo_bytes": round(sum(map(len, photos)) / len(photos)),
        "cores": len(os.sched_getaffinity(0)),
        "largest_difference": largest_difference(works, photos),
        "rows": [asdict(row) for row in rows],
        "ratios": {
            f"{step}, batch {batch}": best[step, TENSORFLOW, batch][0] / best[step, LITERT, batch][0]
            for step in ("decoding", "pictures", "network", "answer")
            for batch in BATCHES
        }
        | {f"{KERAS}, batch {batch}": best["network", KERAS, batch][0] / best["network", LITERT, batch][0] for batch in BATCHES},
    }


def time_batches(work: Work, items: Sequence[Any], batch: int) -> tuple[float, float]:
    """CPU and wall time per item, ms."""
    cpu, wall = time.process_time(), time.perf_counter()
    for start in range(0, len(items), batch):
        work(items[start : start + batch])
    return (time.process_time() - cpu) / len(items) * 1e3, (time.perf_counter() - wall) / len(items) * 1e3


def all_works(photos: Sequence[bytes], model: Path, network: Any) -> tuple[np.ndarray, dict[tuple[str, str], Work]]:
    """The pictures of the photos, uint8 [N, s, s, 3], and what is measured, by step and engine."""
    from flowers_tfx.data.network_picture import prepare_picture
    from flowers_tfx.data.pictures import open_picture
    from flowers_tfx.inference.predictor import Predictor
    from flowers_tfx.model_folder import load_litert
    from flowers_tfx.threads import map_in_threads

    def picture_of(photo: bytes) -> np.ndarray:
        return prepare_picture(open_picture(photo, MAX_PIXELS), IMAGE_SIZE)

    litert, predictor = load_litert(model), Predictor(model, MAX_PIXELS)
    works: dict[tuple[str, str], Work] = {
        ("decoding", LITERT): lambda batch: in_threads(map_in_threads, decode_with_pillow, batch),
        ("pictures", LITERT): lambda batch: in_threads(map_in_threads, picture_of, batch),
        ("network", LITERT): lambda batch: litert(batch[0]) if len(batch) == 1 else litert.run_batch(batch),
        ("answer", LITERT): lambda batch: list(predictor.predict(batch)),
        **tensorflow_works(model, network),
    }
    return np.stack([picture_of(photo) for photo in photos]), works


def in_threads(run: Callable[..., Any], function: Callable[[bytes], object], batch: Sequence[bytes]) -> list[object]:
    return [function(batch[0])] if len(batch) == 1 else list(run(function, batch))


def decode_with_pillow(photo: bytes) -> object:
    from PIL import Image

    return Image.open(io.BytesIO(photo)).load()


def tensorflow_works(model: Path, network: Any) -> dict[tuple[str, str], Work]:
    import tensorflow as tf

    from flowers_tfx.model.picture_graph import prepare_pictures
    from flowers_tfx.model.signatures import answers

    def first_pixel(photo: tf.Tensor) -> tf.Tensor:
        return tf.io.decode_jpeg(photo, channels=3, dct_method="INTEGER_ACCURATE")[0, 0]

    def first_pixels(photos: tf.Tensor) -> tf.Tensor:
        return tf.map_fn(first_pixel, photos, fn_output_signature=tf.TensorSpec([3], tf.uint8), parallel_iterations=8)

    bytes_in = [tf.TensorSpec([None], tf.string)]
    pictures_in = [tf.TensorSpec([None, IMAGE_SIZE, IMAGE_SIZE, 3], tf.uint8)]
    decode = tf.function(first_pixels, input_signature=bytes_in)
    pictures = tf.function(lambda photos: prepare_pictures(photos, IMAGE_SIZE), input_signature=bytes_in)
    probabilities = tf.function(lambda batch: answers(network, tf.cast(batch, tf.float32))["probabilities"], input_signature=pictures_in)
    plain = tf.function(lambda batch: plain_keras(network, tf.cast(batch, tf.float32)), input_signature=pictures_in)
    serving = tf.saved_model.load(str(model)).signatures["serving_default"]
    return {
        ("decoding", TENSORFLOW): lambda batch: decode(tf.constant(batch)).numpy(),
        ("pictures", TENSORFLOW): lambda batch: pictures(tf.constant(batch)).numpy(),
        ("network", TENSORFLOW): lambda batch: probabilities(tf.constant(batch)).numpy(),
        ("network", KERAS): lambda batch: plain(tf.constant(batch)).numpy(),
        ("answer", TENSORFLOW): lambda batch: serving(image_bytes=tf.constant(batch))["probabilities"].numpy(),
    }


def plain_keras(network: Any, pictures: Any) -> Any:
    import tensorflow as tf

    return tf.nn.softmax(network.head(network.application(pictures / 127.5 - 1, training=False), training=False))


def largest_difference(works: dict[tuple[str, str], Work], photos: Sequence[bytes]) -> float:
    """Of a probability, between the two engines' answers."""
    by_tensorflow: Any = works["answer", TENSORFLOW](photos)
    by_litert: Any = works["answer", LITERT](photos)
    return float(np.abs(by_tensorflow - np.array([list(result.probabilities.values()) for result in by_litert])).max())


def table(result: dict[str, Any]) -> str:
    """Markdown."""
    rows = {(row["step"], row["engine"], row["batch"]): row for row in result["rows"]}
    lines = [
        f"{result['photos']} photos of {result['photo_bytes'] / 1e3:.0f} kB, {result['cores']} cores; CPU ms a photo (times decoding).",
        f"Largest difference of a probability: {result['largest_difference']:.1e}",
        "",
        "| step | TensorFlow, 1 photo | 32 photos | without TensorFlow, 1 photo | 32 photos | times faster, 1 photo | 32 photos |",
        "|---|---|---|---|---|---|---|",
    ]
    for step in ("decoding", "pictures", "network", "answer"):
        found = [rows[step, engine, batch] for engine in (TENSORFLOW, LITERT) for batch in BATCHES]
        cells = [f"{row['cpu_ms']:.2f} ({row['of_decoding']:.1f})" for row in found]
        faster = [f"{result['ratios'][f'{step}, batch {batch}']:.1f}" for batch in BATCHES]
        lines.append(f"| {' | '.join([step, *cells, *faster])} |")
    keras = [f"{rows['network', KERAS, batch]['cpu_ms']:.2f}, {result['ratios'][f'{KERAS}, batch {batch}']:.1f} times" for batch in BATCHES]
    lines += ["", f"{KERAS[0].upper()}{KERAS[1:]}: {keras[0]} what LiteRT takes for 1 photo; {keras[1]} for 32."]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
