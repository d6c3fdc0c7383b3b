"""A folder that appears whole or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowers_tfx.errors import InputError


@contextmanager
def fresh_folder(out: Path) -> Iterator[Path]:
    """A temporary folder beside `out` that becomes `out` unless there is an error; `out` may exist if it is empty."""
    require_empty(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = out.parent / f".{out.name}.{uuid.uuid4().hex[:12]}.tmp"
        temporary.mkdir()
    except OSError as error:
        raise InputError(f"The folder {out} can't be made ({error.strerror}).", "Name a folder that you may write to.") from error
    try:
        yield temporary
        try:
            os.rename(temporary, out)
        except OSError as error:
            raise InputError(
                f"The folder {out} was filled by someone else meanwhile ({error.strerror}).", "Run the command again."
            ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def require_empty(out: Path) -> None:
    if out.is_dir() and any(out.iterdir()):
        raise InputError(f"The folder {out} is not empty.", "Name a new folder, or empty this one.")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file, not a folder.", "Name a folder that does not exist yet.")
