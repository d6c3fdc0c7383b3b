"""`python -m runners.X` is a command of `flowers`."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def exec_flowers(*arguments: str) -> NoReturn:
    """Replaces this process with `flowers ARGUMENTS`. The command line imports the runners, so a runner does not import it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "flowers_tfx", *arguments])  # noqa: S606 - no shell is needed
