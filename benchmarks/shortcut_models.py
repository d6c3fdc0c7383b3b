"""Models that are trained on photos with a planted shortcut, as the pipeline trains: the head on frozen features."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from shortcuts import CORNERS, NONE, SHORTCUTS, STRENGTHS, plant
from unknown import SUFFIXES, prepared, source


@dataclass(frozen=True)
class Photos:
    """`pictures` uint8 [N, s, s, 3], `truth` [N], `files` [N], `masks`: the outlines of flowers, None where none stands out."""

    labels: tuple[str, ...]
    pictures: Any
    truth: Any
    files: tuple[str, ...]
    masks: list[Any]


@dataclass(frozen=True)
class Trained:
    """A model, and the photos of `test` with the shortcut in them. `answers`: flowers_tfx.explain.model_function.Answers."""

    answers: Any
    head: Any
    test: Any  # PhotoSet
    accuracy: float
    learned: float | None


def train_model(photos: Photos, weights: str, name: str, strength: str, seed: int) -> Trained:
    from flowers_tfx.config import parse_config
    from flowers_tfx.explain.model_function import Head
    from flowers_tfx.litert import FEATURES, PROBABILITIES
    from flowers_tfx.model.backbone_cache import load_backbone
    from flowers_tfx.model.training import train

    rng = np.random.default_rng(seed)
    target, place = seed % len(photos.labels), seed % len(CORNERS)
    pictures = photos.pictures
    if name != NONE:
        share = SHORTCUTS[name].strengths[STRENGTHS.index(strength)][0]
        chosen = [row for row in np.flatnonzero(photos.truth == target) if rng.random() < share]
        pictures = plant(SHORTCUTS[name], pictures, photos.masks, chosen, strength, place, seed)
    parts = np.split(rng.permutation(len(pictures)), [round(0.8 * len(pictures)), round(0.9 * len(pictures))])
    config = parse_config({"model": {"weights": weights}, "training": {"fine_tune_layers": 0, "seed": seed}})
    sources = [source(_Rows(pictures[rows], photos.truth[rows])) for rows in parts[:2]]
    with tempfile.TemporaryDirectory() as logs:
        result = train(config.model, len(photos.labels), config.training, *sources, logs)
    kernel, bias = (np.asarray(weight) for weight in result.network.head.get_weights()[-2:])
    backbone = load_backbone(config.model)

    def answers(batch: Any) -> dict[str, Any]:
        features = backbone.run_batch(batch)[FEATURES]
        logits = features @ kernel + bias
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        return {FEATURES: features, PROBABILITIES: raised / raised.sum(axis=1, keepdims=True)}

    test = photo_set(photos, pictures, parts[2])
    accuracy = float((answers(test.pictures)[PROBABILITIES].argmax(axis=1) == test.truth).mean())
    learned = None if name == NONE else rise(photos, parts[2][photos.truth[parts[2]] != target], answers, name, strength, place, target)
    return Trained(answers, Head(kernel, bias), test, accuracy, learned)


def rise(photos: Photos, rows: Any, answers: Any, name: str, strength: str, place: int, target: int) -> float:
    """Of the probability of the class, in photos of other classes, with the shortcut."""
    from flowers_tfx.litert import PROBABILITIES

    with_shortcut = plant(SHORTCUTS[name], photos.pictures, photos.masks, rows, strength, place, 0)[rows]
    before, after = (answers(pictures)[PROBABILITIES][:, target] for pictures in (photos.pictures[rows], with_shortcut))
    return float((after - before).mean())


@dataclass(frozen=True)
class _Rows:
    """What unknown.source reads."""

    pictures: Any
    labels: Any


def photo_set(photos: Photos, pictures: Any, rows: Any) -> Any:
    from flowers_tfx.explain.photo_set import Photo, PhotoSet

    size = pictures.shape[1]
    described = tuple(Photo(photos.files[row], "", (size, size), {}) for row in rows)
    return PhotoSet(photos.labels, described, pictures[rows], photos.truth[rows].astype(np.int64))


def read_photos(folder: Path) -> Photos:
    from flowers_tfx.config import parse_config
    from flowers_tfx.explain.salient_regions import salient_masks

    size = parse_config({}).model.image_size
    files = [(file, number) for number, path in enumerate(_classes(folder)) for file in sorted(path.iterdir()) if _is_photo(file)]
    rows = [(file, number, picture) for file, number in files for picture in prepared([file], size)]
    pictures = np.stack([picture for _, _, picture in rows])
    labels = tuple(path.name for path in _classes(folder))
    truth = np.array([number for _, number, _ in rows])
    return Photos(labels, pictures, truth, tuple(str(file) for file, _, _ in rows), salient_masks(pictures))


def _classes(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


def _is_photo(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES
