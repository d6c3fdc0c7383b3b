"""Why a node ran in a run, or was taken from the cache, by ML Metadata."""

from __future__ import annotations

from ml_metadata import metadata_store

from flowers_tfx.config import PipelineConfig
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.cache_records import recorded_code
from flowers_tfx.orchestration.node_executions import executions_of
from flowers_tfx.orchestration.run_history import run_records
from flowers_tfx.orchestration.run_reasons import Explanation, explain
from flowers_tfx.orchestration.run_records import RunRecord
from flowers_tfx.orchestration.settings import metadata_connection


def explain_node(config: PipelineConfig, node_id: str, run_id: str) -> Explanation:
    """Why the node ran in this run, or was taken from the cache; `latest` is the newest run of the pipeline. Raises InputError for a run or
    a node that is not recorded."""
    records = run_records(config)
    newest = next((run.run_id for run in records.runs_of(config.name)), None)
    wanted = newest if run_id == "latest" else run_id
    store = metadata_store.MetadataStore(metadata_connection(config))
    executions = executions_of(store, config.name, node_id)
    current = [execution for execution in executions if execution.run_id == wanted]
    if current:
        return explain(node_id, executions, current[-1], lambda digest: recorded_code(store, digest))
    run = records.run(wanted) if wanted else None
    if run is None or run.pipeline != config.name:
        raise InputError(f"The pipeline {config.name} has no run {run_id}.", "`flowers runs` lists them.")
    raise InputError(f"The run {wanted} has no node {node_id}: it was not reached, or the pipeline has no such node.", _reached(run))


def _reached(run: RunRecord) -> str:
    return f"It has {', '.join(run.nodes)}." if run.nodes else ""
