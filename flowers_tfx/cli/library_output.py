"""Keeps the output of TensorFlow, Beam and ML Metadata off the screen: it goes to a log file, that of C++ libraries included."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from flowers_tfx.errors import InputError


@contextlib.contextmanager
def hold_stderr() -> Iterator[TextIO]:
    """Inside the `with` block, output to stderr is held back so that it cannot break the progress display. Yields a stream to the real
    stderr.

    The output is dropped after a success or bad input, and shown after other errors, because it may explain them.
    """
    if not _is_real_stderr() or not _has_temporary_folder():  # in a test or a notebook; in a container whose disk is read-only
        yield sys.stderr
        return
    with tempfile.NamedTemporaryFile(prefix="flowers-") as log:
        try:
            with redirect_output(Path(log.name), stdout=False) as screen:
                yield screen
        except InputError:
            raise
        except Exception:
            with open(log.name, encoding="utf-8", errors="replace") as held:
                shutil.copyfileobj(held, sys.stderr)
            raise


def _is_real_stderr() -> bool:
    try:
        return sys.stderr.fileno() == 2
    except (AttributeError, io.UnsupportedOperation, ValueError):
        return False


def _has_temporary_folder() -> bool:
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        return False
    return True


@contextlib.contextmanager
def redirect_output(log: Path | None, stdout: bool = True) -> Iterator[TextIO]:
    """Inside the `with` block, file descriptor 2, and 1 unless `stdout` is False, write to `log`, or to stderr if `log` is None. Yields a
    stream to the real stderr."""
    sys.stdout.flush()
    sys.stderr.flush()
    screen = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8")
    saved = [(descriptor, os.dup(descriptor)) for descriptor in ((1, 2) if stdout else (2,))]
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(target, 2)
        os.close(target)
    if stdout:
        os.dup2(2, 1)
    try:
        yield screen
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, copy in saved:
            os.dup2(copy, descriptor)
            os.close(copy)
        screen.close()
