"""`flowers run`."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.status import Status

from flowers_tfx import progress
from flowers_tfx.config import PipelineConfig
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.quiet import redirected
from flowers_tfx.orchestration.roots import check_root, log_folder

if TYPE_CHECKING:
    from flowers_tfx.orchestration.launches import Watcher
    from flowers_tfx.orchestration.run_report import RunReport


def run_pipeline(config: PipelineConfig, runner: str, verbose: bool, as_json: bool) -> int:
    """Runs the pipeline with a progress display; the exit code tells how it ended."""
    log = None if verbose else _log_path(config)
    with redirected(log, keep_stdout=False) as screen:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if verbose else "1")
        with ExitStack() as stack:
            console = Console(file=screen)
            with Status("Loading TensorFlow, Beam and TFX", console=console) if console.is_terminal else ExitStack():
                from flowers_tfx.cli.run_display import RunDisplay, print_report
                from flowers_tfx.orchestration.run_records import typical_seconds
                from flowers_tfx.orchestration.settings import metadata_connection

                run = _runner(runner)
            display = stack.enter_context(RunDisplay(screen, typical_seconds(metadata_connection(config))))
            stack.enter_context(progress.listening(display))
            report = run(config, display.watch)
        if not as_json:
            print_report(Console(file=screen), report, str(log or ""))
    if as_json:
        sys.stdout.write(json.dumps(report.as_json(), ensure_ascii=False) + "\n")
    return int(report.exit_code)


def _runner(name: str) -> Callable[[PipelineConfig, Watcher], RunReport]:
    if name == "beam":
        from runners.beam import run
    else:
        from runners.local import run
    return run


def _log_path(config: PipelineConfig) -> Path:
    """A log a run."""
    check_root(config)
    folder = log_folder(config)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.log"
        path.touch()
    except OSError as error:
        raise InputError(
            f"Nothing can be written to {folder}: {error.strerror}.", "Correct its permissions, or set pipeline_root."
        ) from None
    return path
