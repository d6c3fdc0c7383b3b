"""A model's folder: the SavedModel, and beside it the classes and the same network for LiteRT. Reading it needs no TensorFlow."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path

from flowers_tfx import storage
from flowers_tfx.artifact_files import LABELS_FILE, LITERT_FILE, LITERT_RECORD_FILE
from flowers_tfx.class_names import class_names
from flowers_tfx.errors import InputError
from flowers_tfx.litert import PROBABILITIES, LiteRtModel

_HINT = "Push the model again."


def write_litert_record(folder: Path, litert_files: tuple[str, ...]) -> None:
    """Writes which LiteRT models, named relative to the folder, belong to the SavedModel in it."""
    digests = {name: storage.file_sha256(folder / name) for name in litert_files}
    record = {"saved_model": saved_model_digest(folder), "litert": digests}
    (folder / LITERT_RECORD_FILE).write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def saved_model_digest(folder: Path) -> str:
    """sha256 over the names and bytes of the files that TensorFlow reads."""
    digest = hashlib.sha256()
    for path in (folder / "saved_model.pb", *sorted((folder / "variables").glob("variables.*"))):
        digest.update(path.name.encode() + b"\0" + bytes.fromhex(storage.file_sha256(path)))
    return digest.hexdigest()


def read_labels(folder: Path) -> tuple[str, ...]:
    """The classes in the order of the model's outputs. Raises InputError for a folder that does not hold a model of this program."""
    try:
        return tuple(class_names((folder / LABELS_FILE).read_text(encoding="utf-8").splitlines()))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"{folder} is not a model of this program: {LABELS_FILE}: {reason}.", "Name a version of the registry with --model."
        ) from None


def load_litert(folder: Path, file: str = LITERT_FILE) -> LiteRtModel:
    """The LiteRT model beside the SavedModel. Raises InputError if it is missing, damaged, or belongs to another SavedModel."""
    labels = read_labels(folder)
    try:
        expected, saved_model = _read_litert_record(folder, file)
        if not stat.S_ISREG((folder / file).stat().st_mode):  # a pipe would block for ever
            raise InputError(f"{folder / file} is not a file.", _HINT)
        if storage.file_sha256(folder / file) != expected:
            raise InputError(f"{folder / file} is damaged: its bytes are not those that were exported.", _HINT)
        if saved_model_digest(folder) != saved_model:
            raise InputError(f"{folder / file} does not belong to the SavedModel beside it.", _HINT)
    except FileNotFoundError as error:
        raise InputError(f"{folder} has no LiteRT model: {Path(error.filename).name} is missing.", _HINT) from None
    except OSError as error:
        raise InputError(f"{error.filename or folder} cannot be read: {error.strerror}.", _HINT) from None
    model = LiteRtModel(folder / file)
    if model.outputs.get(PROBABILITIES) != len(labels):
        raise InputError(f"{folder / file} does not answer with {len(labels)} probabilities, one for each class.", _HINT)
    return model


def _read_litert_record(folder: Path, file: str) -> tuple[str, str]:
    """sha256 of the file, and the digest of its SavedModel. OSError if the record cannot be read, InputError if it does not say so."""
    path = folder / LITERT_RECORD_FILE
    text = path.read_bytes()
    try:
        record = json.loads(text)
        return record["litert"][file], record["saved_model"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f"{path} is damaged: it does not say which SavedModel {file} belongs to.", _HINT) from None
