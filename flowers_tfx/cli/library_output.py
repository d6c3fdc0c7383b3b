"""Keeps the output of TensorFlow, Beam and ML Metadata off the screen: it goes to a log file, that of C++ libraries included."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO


@contextlib.contextmanager
def redirect_output(log: Path | None) -> Iterator[TextIO]:
    """Within it, file descriptors 1 and 2 both write to `log`, or to stderr where it is None. Yields a stream to the real stderr."""
    sys.stdout.flush()
    sys.stderr.flush()
    screen = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8")
    saved = [(descriptor, os.dup(descriptor)) for descriptor in (1, 2)]
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(target, 2)
        os.close(target)
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
