"""What `flowers serve` is compared with, each in a process of its own: python benchmarks/serving_baselines.py KIND MODEL PHOTOS_DIR

- `savedmodel`: TensorFlow's own calls of the SavedModel, 32 photos at a time: the most that TensorFlow Serving could do with it.
- `engine`: the engine of `flowers serve` called directly, without HTTP.
- `handler`: a web service as tutorials write it, FastAPI and one call of the SavedModel for each request; prints its port first.

The first two read a number of seconds from each line of stdin and answer with JSON: photos, seconds and CPU time.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
MAX_PIXELS = 50_000_000
BATCH = 32


def main() -> None:
    kind, model, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if kind == "handler":
        serve_handler(model)
        return
    files = sorted(folder.glob("*/*.jpg"))
    photos = cycle([file.read_bytes() for file in files[:: max(1, len(files) // 200)]])
    work = savedmodel_work(model) if kind == "savedmodel" else engine_work(model)
    work(list(islice(photos, BATCH)))
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(run(work, photos, float(line))), flush=True)


def run(work: Callable[[list[bytes]], Any], photos: Any, seconds: float) -> dict[str, float]:
    number, cpu, started = 0, time.process_time(), time.perf_counter()
    while time.perf_counter() - started < seconds:
        work(list(islice(photos, BATCH)))
        number += BATCH
    return {"photos": number, "seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}


def savedmodel_work(model: Path) -> Callable[[list[bytes]], Any]:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(model))
    signature = loaded.signatures["serving_default"]
    keep.append(loaded)
    return lambda batch: signature(image_bytes=tf.constant(batch))["probabilities"].numpy()


def engine_work(model: Path) -> Callable[[list[bytes]], Any]:
    from flowers_tfx.inference.engines import LiteRtEngine

    engine = LiteRtEngine(model, MAX_PIXELS)
    return lambda batch: list(engine.answer(batch))


def serve_handler(model: Path) -> None:
    import tensorflow as tf
    import uvicorn
    from fastapi import Body, FastAPI

    loaded = tf.saved_model.load(str(model))
    signature = loaded.signatures["serving_default"]
    labels = (model / "assets.extra" / "labels.txt").read_text(encoding="utf-8").split("\n")
    app = FastAPI()

    @app.post("/predict")
    def predict(photo: bytes = Body(media_type="image/jpeg")) -> dict[str, Any]:
        probabilities = signature(image_bytes=tf.constant([photo]))["probabilities"].numpy()[0]
        return {"label": labels[int(probabilities.argmax())], "probabilities": dict(zip(labels, map(float, probabilities), strict=False))}

    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).run([listener])


keep: list[Any] = []  # a signature works only as long as its model lives

if __name__ == "__main__":
    main()
