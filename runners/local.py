"""Runs the pipeline in this process, node by node: `python -m runners.local --config FILE`."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # Before the imports below: the command line shows what they cost, and keeps their noise in the log.
    from flowers_tfx.cli import main

    main(["run", "--runner", "local", *sys.argv[1:]])

import logging
from datetime import datetime, timezone

from tfx.dsl.compiler import compiler
from tfx.dsl.compiler.constants import PIPELINE_RUN_ID_PARAMETER_NAME
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.portable import runtime_parameter_utils

from flowers_tfx.config import PipelineConfig
from flowers_tfx.errors import Blocked, InputError
from flowers_tfx.orchestration import preflight
from flowers_tfx.orchestration.cache_keys import content_keys
from flowers_tfx.orchestration.launches import Event, Watcher, watched_launches
from flowers_tfx.orchestration.run_records import RunRecords
from flowers_tfx.orchestration.run_report import RunReport, summarize
from flowers_tfx.orchestration.settings import metadata_connection
from pipeline_def import create_pipeline


def run(config: PipelineConfig, watcher: Watcher) -> RunReport:
    """One run of the pipeline; `watcher(node_id, event)` is told when a node starts, ends or fails.

    Raises InputError for what is wrong before anything starts; a failure after that is in the report.
    """
    preflight.check(config)
    with preflight.only_run(config.pipeline_root):
        ir = compiler.Compiler().compile(create_pipeline(config))
        run_id = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%f")[:-3]
        runtime_parameter_utils.substitute_runtime_parameter(ir, {PIPELINE_RUN_ID_PARAMETER_NAME: run_id})
        node_ids = [node.pipeline_node.node_info.id for node in ir.nodes]
        for node_id in node_ids:
            watcher(node_id, "planned")
        failures: list[str] = []

        def watch(node_id: str, event: Event) -> None:
            if event == "failed":
                failures.append(node_id)
            watcher(node_id, event)

        error, hint, bad_input, report = "", "", False, ""
        try:
            with content_keys(), watched_launches(watch):
                LocalDagRunner().run_with_ir(ir)
        except Blocked as stopped:
            error, hint, report = stopped.message, stopped.hint, stopped.report
        except InputError as wrong:
            error, hint, bad_input = wrong.message, wrong.hint, True
        except Exception as raised:  # whatever a node raises must end in a report that tells the truth
            logging.exception("The run %s failed.", run_id)
            error = f"The node {failures[-1] if failures else '?'} failed: {_cause(raised)}"
        record = RunRecords(metadata_connection(config)).run(run_id)
        return summarize(node_ids, record, run_id, failures[-1] if failures else None, error, hint, bad_input, report)


def _cause(error: Exception) -> str:
    """Beam puts whole tracebacks into its messages: the last line that is no part of one tells the cause."""
    lines = [line for line in str(error).splitlines() if line.strip() and not line.startswith((" ", "Traceback"))]
    return f"{type(error).__name__}: {lines[-1 if 'Traceback' in str(error) else 0]}" if lines else type(error).__name__
