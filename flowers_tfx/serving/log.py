"""Where the server's log goes."""

from __future__ import annotations

import logging
import sys


def log_to_stderr() -> None:
    """A line per event, with its time, for people and log collectors."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name, level in {"flowers_tfx": logging.INFO, "uvicorn.error": logging.ERROR, "python_multipart": logging.CRITICAL}.items():
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        logger.propagate = False
