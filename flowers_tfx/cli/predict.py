"""`flowers predict`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flowers_tfx.config import PipelineConfig
from flowers_tfx.errors import EXIT_BAD_INPUT, EXIT_DONE, InputError
from flowers_tfx.progress import ProgressCallback
from flowers_tfx.registry import local_model, newest_model, versions
from flowers_tfx.storage import StoragePath, storage_path

_PHOTO_ENDINGS = (".jpg", ".jpeg", ".png")


def predict_photos(config: PipelineConfig, images: Sequence[Path], model: str | None, as_json: bool, progress: ProgressCallback) -> int:
    """Prints an answer per photo; a file that is none gets a line that says why. Exit code 2 when no file could be answered."""
    held = newest_model(config.registry) if model is None else _model_folder(storage_path(model))
    files = [file for image in images for file in _photos(image)]
    if not files:
        raise InputError(f"{images[0]} holds no photo.", f"Photos end in {', '.join(_PHOTO_ENDINGS)}.")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from flowers_tfx.inference.predictor import Predictor, Unreadable

    with local_model(held) as folder:
        predictor = Predictor(folder, config.ingest.max_pixels)
    rows: list[dict[str, Any]] = []
    for file, answer in predictor.answers(files):
        if isinstance(answer, Unreadable):
            rows.append({"file": str(file), "error": answer.reason})
        else:
            rows.append(
                {
                    "file": str(file),
                    "label": answer.label,
                    "probability": answer.probability,
                    "probabilities": answer.probabilities,
                    "model_version": predictor.version,
                }
            )
        progress(len(rows), len(files))
        if not as_json:
            print(_line(rows[-1]), file=sys.stderr if "error" in rows[-1] else sys.stdout)
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
    else:
        print(
            f"{len(rows)} files, {sum('error' in row for row in rows)} unreadable, model version {predictor.version}: {held}",
            file=sys.stderr,
        )
    return EXIT_BAD_INPUT if all("error" in row for row in rows) else EXIT_DONE


def _line(row: dict[str, Any]) -> str:
    if "error" in row:
        return f"{row['file']}: {row['error']}"
    others = sorted(row["probabilities"].items(), key=lambda item: -item[1])[1:3]
    return f"{row['file']}: {row['label']} {row['probability']:.1%} ({', '.join(f'{label} {p:.1%}' for label, p in others)})"


def _model_folder(model: StoragePath) -> StoragePath:
    if (model / "saved_model.pb").is_file():
        return model
    if model.is_dir() and versions(str(model)):
        return newest_model(str(model))
    raise InputError(f"{model} holds no model.", "Name a version's folder, or a registry, with --model.")


def _photos(image: Path) -> list[Path]:
    """The file itself, or the photos below a folder."""
    if not image.is_dir():
        return [image]
    return sorted(p for p in image.rglob("*") if p.suffix.lower() in _PHOTO_ENDINGS and p.is_file())
