"""Keeps the noise of TensorFlow, Beam and ML Metadata off the screen: it goes to a log file, C++ libraries' output included."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO


@contextlib.contextmanager
def redirected(log: Path | None, *, keep_stdout: bool) -> Iterator[TextIO]:
    """Yields a stream to the real stderr while file descriptor 2 writes to `log` (None: stays as it is). Descriptor 1 follows 2, so that
    stdout holds only what the caller prints afterwards, unless `keep_stdout`."""
    sys.stdout.flush()
    sys.stderr.flush()
    screen = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8")
    saved = [(descriptor, os.dup(descriptor)) for descriptor in (1, 2)]
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(target, 2)
        os.close(target)
    if not keep_stdout:
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
