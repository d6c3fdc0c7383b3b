"""Which model answers a command: the one that `--model` names, or the serving version of the configured registry."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from flowers_tfx.errors import InputError
from flowers_tfx.registry import local_model, serving_model, version_path, versions
from flowers_tfx.registry.versions import version_number
from flowers_tfx.storage import StoragePath, storage_path

Loaded = TypeVar("Loaded")


@contextlib.contextmanager
def loaded_model(registry: str, model: str | None, load: Callable[[Path], Loaded]) -> Iterator[tuple[StoragePath, Loaded]]:
    """The place of the model, and what `load` makes of its folder, which is there until the end of the block. `model`: a version's folder,
    a registry, or the number of a version of `registry`; None: the version of `registry` that serves. Raises InputError if there is none,
    and for one that cannot be read."""
    with contextlib.ExitStack() as stack:
        try:
            path = serving_model(registry) if model is None else _model_path(registry, model)
            loaded = load(stack.enter_context(local_model(path)))
        except OSError as error:  # no permission, or removed meanwhile
            place = registry if model is None else model
            raise InputError(f"No model can be read from {place}: {error.strerror or error}.", "Name another with --model.") from error
        yield path, loaded


def _model_path(registry: str, model: str) -> StoragePath:
    path = storage_path(model)
    if (path / "saved_model.pb").is_file():
        return path
    if path.is_dir() and versions(model):
        return serving_model(model)
    number = version_number(model)
    if number is None or path.is_dir():
        raise InputError(f"{path} contains no model.", "Name a version's folder, or a registry, with --model.")
    if number not in versions(registry):
        raise InputError(f"The registry {registry} has no version {number}.", "`flowers registry list` names them.")
    return version_path(registry, number)
