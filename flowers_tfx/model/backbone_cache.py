"""Pretrained backbones as LiteRT models: converted once for each network, afterwards read from a cache folder without TensorFlow.

The folder is `flowers_tfx/backbones` in `$XDG_CACHE_HOME` or ~/.cache. A file's name holds the network, the code that converted it and the
sha256 of its content. A damaged file is converted again; the folder can be deleted at any time.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from flowers_tfx import progress, storage
from flowers_tfx.backbones import find_backbone
from flowers_tfx.code_digest import code_digest
from flowers_tfx.config.training import ModelConfig
from flowers_tfx.errors import InputError
from flowers_tfx.litert import LiteRtModel

_PICTURE = "halved"  # how the network's picture is made (docs/adr/0017); embeddings of pictures that are made otherwise do not compare
_CONVERSION = "flowers_tfx.model.backbone_conversion"


def network_name(model: ModelConfig) -> str:
    """Backbone, width, picture size, weights by content, how pictures are made; empty for a network without pretrained weights."""
    if not model.pretrained:
        return ""
    path = model.weights_path
    return name_network(model, _short_digest(path) if path else model.weights)


def load_backbone(model: ModelConfig, convert: Callable[[], bytes] | None = None) -> LiteRtModel:
    """The frozen backbone: a picture to pooled features. TensorFlow is loaded only if the network is not in the cache yet.

    `convert` makes the .tflite file in that case, by default from the weights. Raises InputError if they do not fit or cannot be read.
    """
    name = f"{name_network(model, _weights_key(model))}-{code_digest(_CONVERSION)[:8]}"
    try:
        file = _find(cache_folder(), name)
    except InputError:
        file = None  # no home folder; the notice comes with the conversion
    if file is None:
        with _locked_folder() as folder:
            file = _find(folder, name) or _write(folder, name, convert() if convert else _convert(model))
    return LiteRtModel(file)


def cache_folder() -> Path:
    """Raises InputError if there is neither $XDG_CACHE_HOME nor a home folder."""
    folder = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(folder):  # the standard for this variable says to ignore such a path
        folder = os.path.expanduser("~/.cache")
    if not os.path.isabs(folder):
        raise InputError("There is no home folder for cached backbones.", "Set XDG_CACHE_HOME to a folder.")
    return Path(folder) / "flowers_tfx" / "backbones"


def name_network(model: ModelConfig, weights: str) -> str:
    """`weights`: a name, or the start of the digest of the file."""
    row = find_backbone(model.backbone)
    width = f"{model.alpha:g}-" if row and row.has_alpha else ""
    return f"{model.backbone}-{width}{model.image_size}-{weights}-{_PICTURE}"


def _weights_key(model: ModelConfig) -> str:
    """`imagenet`, or the start of the digest of the weights file, wherever it lies."""
    if model.weights_path is None and "://" not in model.weights:
        return model.weights
    try:
        with storage.local_file(storage.storage_path(model.weights)) as path:
            return _short_digest(path)
    except FileNotFoundError as error:
        raise InputError(f"The weights file {model.weights} does not exist.") from error


def _short_digest(path: Path) -> str:
    return storage.file_sha256(path)[:16]


def _convert(model: ModelConfig) -> bytes:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    progress.notify(f"{model.backbone} is converted for LiteRT: once for these weights.")
    from flowers_tfx.model.backbone_conversion import convert_backbone  # loads TensorFlow

    return convert_backbone(model)


def _find(folder: Path, name: str) -> Path | None:
    """The whole file of this name; deletes damaged ones."""
    for file in sorted(folder.glob(f"{glob.escape(name)}-*.tflite")):
        with contextlib.suppress(OSError):
            if file.stem.rpartition("-")[2] == storage.file_sha256(file):
                return file
            progress.notify(f"{file} is damaged: it is converted again.")
            file.unlink()
    return None


def _write(folder: Path, name: str, content: bytes) -> Path:
    """The new file in the folder, or in one of this process if the disk is full."""
    name = f"{name}-{hashlib.sha256(content).hexdigest()}.tflite"
    try:
        return _write_file(folder / name, content)
    except InputError as error:
        return _write_file(_process_folder(error.message) / name, content)


def _write_file(file: Path, content: bytes) -> Path:
    with storage.atomic_file(file) as unfinished:
        unfinished.write_bytes(content)
    return file


@contextlib.contextmanager
def _locked_folder() -> Iterator[Path]:
    """The cache folder, or a temporary folder of this process if it cannot be written; two processes never convert at once."""
    with contextlib.ExitStack() as stack:
        try:
            folder = cache_folder()
            stack.enter_context(storage.lock(folder))
        except InputError as error:
            folder = _process_folder(error.message)
            stack.enter_context(storage.lock(folder))
        yield folder


@functools.cache
def _process_folder(reason: str) -> Path:
    """A folder that is deleted when the process ends."""
    progress.notify(f"{reason} Backbones are converted for this process only.")
    folder = Path(tempfile.mkdtemp(prefix="flowers_tfx-backbones-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
