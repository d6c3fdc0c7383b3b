"""A run whose nodes are launched in this process by one of TFX's runners: checks, run id, caching, and its report."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any, NamedTuple

from ml_metadata import metadata_store
from tfx.dsl.compiler import compiler
from tfx.dsl.compiler.constants import PIPELINE_RUN_ID_PARAMETER_NAME
from tfx.orchestration.portable import runtime_parameter_utils

from flowers_tfx.config import PipelineConfig
from flowers_tfx.errors import Blocked, ExplainedFailure, InputError, cause_of
from flowers_tfx.orchestration import preflight
from flowers_tfx.orchestration.cache_keys import content_keys
from flowers_tfx.orchestration.cache_records import copy_properties, record_caching, record_code
from flowers_tfx.orchestration.node_caching import code_modules, disable_caching, uncached_reasons
from flowers_tfx.orchestration.node_events import Watcher, watch_nodes
from flowers_tfx.orchestration.partial_runs import mark_part
from flowers_tfx.orchestration.run_options import RunOptions
from flowers_tfx.orchestration.run_records import RunRecords
from flowers_tfx.orchestration.run_report import RunReport, summarize
from flowers_tfx.orchestration.settings import metadata_connection, with_s3_endpoint
from pipeline_def import create_pipeline

EVERYTHING = RunOptions()


def run_in_process(config: PipelineConfig, watcher: Watcher, execute: Callable[[Any], None], options: RunOptions = EVERYTHING) -> RunReport:
    """One run of the pipeline; `execute` gets TFX's intermediate representation; `watcher(node_id, event)` is called when a node is
    planned, starts, ends or fails.

    Raises InputError for problems found before the start; a later failure is in the report.
    """
    preflight.check(config)
    with preflight.lock_pipeline_root(config.pipeline_root):
        pipeline = create_pipeline(with_s3_endpoint(config), config.pipeline_root)
        ir = compiler.Compiler().compile(pipeline)
        run_id = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%f")[:-3]
        # TFX's Beam runner would set an id of its own: once set, it stays.
        runtime_parameter_utils.substitute_runtime_parameter(ir, {PIPELINE_RUN_ID_PARAMETER_NAME: run_id})
        node_ids = [node.pipeline_node.node_info.id for node in ir.nodes]
        options.check(node_ids)
        records = RunRecords(metadata_connection(config))
        part = mark_part(ir, options, records.runs_of(config.name))
        uncached = uncached_reasons(pipeline.components, config.caching, options.forced(node_ids))
        disable_caching(ir, uncached)
        record_code(metadata_store.MetadataStore(metadata_connection(config)), code_modules(pipeline.components).values())
        for node_id in node_ids:
            if node_id not in part.left_out:
                watcher(node_id, "planned")
        outcome = _Outcome()
        with content_keys(), record_caching(uncached), watch_nodes(watcher) as failures:
            try:
                execute(ir)
            except Exception as raised:  # noqa: BLE001 - every error of a node ends in the report
                # A runner may wrap what the node raised, or turn it into another type.
                outcome = _explain(failures[-1].error, f"node {failures[-1].node_id}") if failures else _explain(raised, "run")
        failed = failures[-1].node_id if failures else None
        if part.outputs_of:
            copy_properties(metadata_store.MetadataStore(metadata_connection(config)), config.name, part.outputs_of, run_id)
        report = summarize(node_ids, records.run(run_id), run_id, failed, *outcome, left_out=part.left_out)
        return replace(report, outputs_of=part.outputs_of)


class _Outcome(NamedTuple):
    """Why a run failed, if it did; `commands` decide on the findings that blocked it."""

    error: str = ""
    hint: str = ""
    bad_input: bool = False
    commands: tuple[str, ...] = ()


def _explain(error: BaseException, subject: str) -> _Outcome:
    match error:
        case Blocked():
            return _Outcome(error.message, error.hint, commands=error.commands)
        case InputError():
            return _Outcome(error.message, error.hint, bad_input=True)
        case _:
            logging.error("The %s failed.", subject, exc_info=error)
            cause, hint = (error.message, error.hint) if isinstance(error, ExplainedFailure) else (cause_of(error), "")
            return _Outcome(f"The {subject} failed: {cause}", hint)
