"""Warm starts by the records of versions: whether one can be a start, before anything runs for hours, and what one started from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flowers_tfx import registry
from flowers_tfx.artifact_files import LABELS_FILE, TRAINING_FILE
from flowers_tfx.errors import InputError

_HINT = "Set training.start=weights, or the settings of that version."


def start_version(registry_uri: str, version: int) -> int | None:
    """The version whose weights this one started from; None without a warm start, and where nothing is recorded."""
    try:
        start = json.loads((registry.version_path(registry_uri, version) / TRAINING_FILE).read_text(encoding="utf-8"))["start"]
        return int(start["version"]) if start else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def check_start(registry_uri: str, version: int, shape: Mapping[str, Any], labels: Sequence[str]) -> None:
    """`shape`: keys and values of the configuration's section `model` that the version must have been trained with.

    Raises InputError if a candidate with this shape and these classes cannot start from the version's weights.
    """
    folder = registry.version_path(registry_uri, version)
    try:
        model = json.loads((folder / TRAINING_FILE).read_text(encoding="utf-8"))["model"]
        known = {name: model[name] for name in shape}
        classes = (folder / LABELS_FILE).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"Training cannot start from version {version}, which serves: its files do not say what network it is.",
            f"Look into {folder / TRAINING_FILE}, or set training.start=weights.",
        ) from None
    for name, value in shape.items():
        if known[name] != value:
            raise InputError(
                f"Training cannot start from version {version}, which serves: its model.{name} is {known[name]}, not {value}.", _HINT
            )
    if classes != list(labels):
        raise InputError(
            f"Training cannot start from version {version}, which serves: its classes are {', '.join(classes)}, not {', '.join(labels)}.",
            _HINT,
        )
