"""Atomic writes on a disk: a file or a folder is written under another name and then renamed, so that readers see all of it or nothing.

Until it is complete, NAME is written as `.NAME.<hex>.tmp` in the same folder. A killed process leaves that file and no NAME. A bucket
has no rename (docs/adr/0008).
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from flowers_tfx.errors import InputError
from flowers_tfx.storage.bucket_path import BucketPath

_DISK_HINT = "Check the disk and its permissions."
_LONGEST_NAME = 200  # bytes; file systems take 255, and the temporary name adds 38
P = TypeVar("P", Path, BucketPath)


def unfinished_path(path: P) -> P:
    """The name beside `path` under which it is written; a new one at each call."""
    name = os.fsdecode(os.fsencode(path.name)[:_LONGEST_NAME])
    return path.parent / f".{name}.{uuid.uuid4().hex}.tmp"


def is_unfinished(name: str) -> bool:
    """Whether a file or folder of this name was being written; no reader takes it for anything."""
    return re.fullmatch(r"\..+\.[0-9a-f]{32}\.tmp", name) is not None


def remove_unfinished(folder: Path | BucketPath, names: str) -> None:
    """Deletes the unfinished folders of killed writers whose names match the regular expression `names`. Only the holder of the lock of
    `folder` may call it."""
    pattern = re.compile(rf"\.(?:{names})\.[0-9a-f]+\.tmp")
    paths: list[Path | BucketPath] = list(folder.iterdir())
    for path in paths:
        if pattern.fullmatch(path.name):
            path.remove() if isinstance(path, BucketPath) else shutil.rmtree(path)


@contextlib.contextmanager
def atomic_file(path: Path, hint: str = _DISK_HINT) -> Iterator[Path]:
    """A name beside `path`; the file written there takes the place of `path` when the block ends without an error.

    Raises InputError with `hint` for an OSError in the block or of the rename.
    """
    unfinished = unfinished_path(path)
    try:
        yield unfinished
        os.replace(unfinished, path)
    except OSError as error:
        raise _not_written(path, error, hint) from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path, *, durable: bool = False, replace: bool = False, parent: Path | None = None) -> Iterator[Path]:
    """A new folder beside `path`, or in `parent` on the same disk, which becomes `path` when the block ends without an error, and is
    deleted otherwise.

    `durable`: see `rename_folder`. `replace`: an existing folder `path` is replaced; otherwise it must be empty or absent.
    Raises InputError if it isn't, and for an OSError in the block or of the rename.
    """
    if not replace:
        require_empty(path)
    beside = (parent or path.parent) / path.name
    unfinished = unfinished_path(beside)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.mkdir()
    except OSError as error:
        raise InputError(f"The folder {path} can't be made ({error.strerror}).", "Name a folder that you may write to.") from error
    try:
        yield unfinished
        if replace and path.exists():
            with _moved_away(path, unfinished_path(beside)):
                rename_folder(unfinished, path, durable=durable)
        else:
            _rename_new(unfinished, path, durable)
    except OSError as error:
        raise _not_written(path, error, _DISK_HINT) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def rename_folder(unfinished: Path, path: Path, *, durable: bool) -> None:
    """One rename. With `durable`, everything reaches the disk before the name does: even after a power cut the folder is whole or absent.
    Raises FileExistsError if the folder exists and isn't empty."""
    if durable:
        for file in [*unfinished.rglob("*"), unfinished]:
            flush(file)
    try:
        os.rename(unfinished, path)
    except OSError as error:
        if path.is_dir():
            raise FileExistsError(error.errno, os.strerror(error.errno or 0), str(path)) from error
        raise
    if durable:
        flush(path.parent)


def _rename_new(unfinished: Path, path: Path, durable: bool) -> None:
    try:
        rename_folder(unfinished, path, durable=durable)
    except FileExistsError as error:
        raise InputError(f"The folder {path} was filled by another process meanwhile.", "Run the command again.") from error


def require_empty(folder: Path) -> None:
    """Raises InputError for a file, and for a folder that holds anything."""
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"The folder {folder} is not empty.", "Name a new folder, or empty this one.")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, not a folder.", "Name a folder that does not exist yet.")


def check_target(path: Path, option: str) -> None:
    """Checks an output path before hours of work. Raises InputError if no file can be written there: a rename would replace even
    /dev/null."""
    try:
        if not path.parent.is_dir():
            raise InputError(f"The folder {path.parent} is not there.", f"Make it, or name another file with {option}.")
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is not a file.", f"Name a file with {option}.")
    except OSError as error:
        raise _not_written(path, error, f"Name another file with {option}.") from None


@contextlib.contextmanager
def output_file(path: Path, option: str) -> Iterator[Path]:
    """`atomic_file` for a path that a user gave with `option`, after `check_target`."""
    check_target(path, option)
    with atomic_file(path, f"Name another file with {option}.") as unfinished:
        yield unfinished


@contextlib.contextmanager
def _moved_away(folder: Path, old: Path) -> Iterator[None]:
    """Renames `folder` to `old` during the block and deletes it afterwards; an error restores it."""
    os.rename(folder, old)
    try:
        yield
    except BaseException:
        os.rename(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def flush(path: Path) -> None:
    """What was written to a file, or renamed in a folder, reaches the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _not_written(path: Path, error: OSError, hint: str) -> InputError:
    return InputError(f"{path} can't be written: {error.strerror or error}.", hint)
