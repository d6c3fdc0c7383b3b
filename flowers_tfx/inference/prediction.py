"""Predictions for photo files with a model of the registry."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flowers_tfx.config import PipelineConfig
from flowers_tfx.data.hidden_names import is_hidden
from flowers_tfx.errors import InputError
from flowers_tfx.inference.answer import Unreadable
from flowers_tfx.inference.engines import EngineName
from flowers_tfx.inference.model_choice import loaded_model
from flowers_tfx.inference.predictor import Predictor
from flowers_tfx.progress import ProgressCallback
from flowers_tfx.storage import StoragePath

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Predictions:
    """A row per file: its label and probabilities, or its `error`."""

    rows: tuple[dict[str, Any], ...]
    model: StoragePath
    version: str

    @property
    def unreadable(self) -> int:
        return sum("error" in row for row in self.rows)


def predict_photos(
    config: PipelineConfig, images: Sequence[Path], model: str | None, engine: EngineName, progress: ProgressCallback
) -> Predictions:
    """`images` are photos and folders of photos; `model`: see `loaded_model`.

    Raises InputError if there is no model, none for this engine, or no photo; a file that cannot be read gets a row with its error.
    """
    files = list_photos(images)
    rows: list[dict[str, Any]] = []
    with loaded_model(config.registry, model, lambda folder: Predictor(folder, config.ingest.max_pixels, engine)) as (place, predictor):
        for file, result in zip(files, predictor.predict(files), strict=True):
            if isinstance(result, Unreadable):
                rows.append({"file": str(file), "error": result.reason})
            else:
                rows.append({"file": str(file), **asdict(result), "model_version": predictor.version})
            progress(len(rows), len(files))
    return Predictions(tuple(rows), place, predictor.version)


def list_photos(images: Sequence[Path]) -> list[Path]:
    """The photos that a command names. Raises InputError if there are none."""
    files = [file for image in images for file in photo_files(image)]
    if not files:
        raise InputError(f"{images[0]} contains no photos.", f"The names of photos end in {', '.join(PHOTO_SUFFIXES)}.")
    return files


def photo_files(image: Path) -> list[Path]:
    """The file itself, or the photos below a folder. Hidden files and folders are skipped."""
    if not os.path.isdir(image):  # unlike Path.is_dir, False for a path that cannot be read: reading it gives the reason
        return [image]
    return sorted(
        path
        for path in image.rglob("*")
        if path.suffix.lower() in PHOTO_SUFFIXES and os.path.isfile(path) and not any(map(is_hidden, path.relative_to(image).parts))
    )
