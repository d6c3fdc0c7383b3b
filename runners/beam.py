"""Runs the pipeline in this process as one Beam pipeline with one step per node: `python -m runners.beam --config FILE`.

The nodes wait for each other through Beam; where their own heavy steps run is the configuration's `beam.engine`, as with any runner.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # Before the imports below, which take long.
    from runners.command import exec_flowers

    exec_flowers("run", "--runner", "beam", *sys.argv[1:])

import contextlib
from collections.abc import Iterator
from typing import Any

from apache_beam.options.pipeline_options import StandardOptions
from tfx.orchestration.beam.beam_dag_runner import BeamDagRunner

from flowers_tfx.config import PipelineConfig
from flowers_tfx.orchestration.engines import DIRECT_RUNNER
from flowers_tfx.orchestration.node_events import Watcher
from flowers_tfx.orchestration.run_options import RunOptions
from flowers_tfx.orchestration.run_report import RunReport
from runners.in_process import EVERYTHING, run_in_process


def run(config: PipelineConfig, watcher: Watcher, options: RunOptions = EVERYTHING) -> RunReport:
    """One run on TFX's Beam runner; see run_in_process. Raises InputError for problems found before the start."""
    return run_in_process(config, watcher, _execute, options)


def _execute(ir: Any) -> None:
    with _direct_by_default():
        BeamDagRunner().run_with_ir(ir)


@contextlib.contextmanager
def _direct_by_default() -> Iterator[None]:
    """BeamDagRunner builds a Beam pipeline without options, and takes none: Beam's default runner must be one that needs no download."""
    stock = StandardOptions.DEFAULT_RUNNER
    StandardOptions.DEFAULT_RUNNER = DIRECT_RUNNER
    try:
        yield
    finally:
        StandardOptions.DEFAULT_RUNNER = stock
