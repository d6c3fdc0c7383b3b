"""Runs the pipeline in this process, node by node: `python -m runners.local --config FILE`."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # Before the imports below, which take long.
    from runners.command import exec_flowers

    exec_flowers("run", "--runner", "local", *sys.argv[1:])

from tfx.orchestration.local.local_dag_runner import LocalDagRunner

from flowers_tfx.config import PipelineConfig
from flowers_tfx.orchestration.node_events import Watcher
from flowers_tfx.orchestration.run_options import RunOptions
from flowers_tfx.orchestration.run_report import RunReport
from runners.in_process import EVERYTHING, run_in_process


def run(config: PipelineConfig, watcher: Watcher, options: RunOptions = EVERYTHING) -> RunReport:
    """One run on TFX's local runner; see run_in_process. Raises InputError for problems found before the start."""
    return run_in_process(config, watcher, LocalDagRunner().run_with_ir, options)
