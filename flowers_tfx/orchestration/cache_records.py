"""Records in ML Metadata why nodes ran: what drivers found, what was forced, which outputs were gone, and the digests of source files.

`flowers runs why` reads it (run_reasons.py). Nothing of it is part of a cache key.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import data_types_utils
from tfx.orchestration.portable import launcher
from tfx.orchestration.portable.mlmd import context_lib, execution_lib

from flowers_tfx.code_digest import code_digest, file_digests
from flowers_tfx.orchestration.artifact_content import CONTENT, as_property, content_of
from flowers_tfx.orchestration.cache_keys import missing_outputs

# Properties of executions: why the cache was not asked, and outputs of an earlier execution with the same key that are gone.
UNCACHED, MISSING = "flowers.uncached", "flowers.missing"
# A context for each code digest, named by it, with the digests of the files.
CODE_CONTEXT, CODE_FILES = "flowers.code", "files"


@contextlib.contextmanager
def record_caching(uncached: Mapping[str, str]) -> Iterator[None]:
    """Inside the `with` block, TFX's launcher records why nodes run. `uncached`: the reason for each node that never asks the cache."""

    class RecordingLauncher(launcher.Launcher):
        def launch(self) -> Any:
            self._ran: int | None = None
            result = super().launch()
            if self._ran is not None:
                with self._mlmd_connection as handle:
                    _record_contents(handle.store, self._ran)
            return result

        def _prepare_execution(self) -> Any:
            prepared = super()._prepare_execution()
            execution_id, node_id = prepared.execution_info.execution_id, self._pipeline_node.node_info.id
            if execution_id and prepared.contexts:
                with self._mlmd_connection as handle:
                    properties = dict(prepared.execution_info.exec_properties or {})
                    if prepared.is_execution_needed:
                        self._ran = execution_id
                        reason = uncached.get(node_id, "")
                        missing = [] if reason else _missing_outputs(handle, prepared.contexts)
                        properties.update({UNCACHED: reason} if reason else {MISSING: json.dumps(missing)} if missing else {})
                    _add_properties(handle.store, execution_id, properties)
            return prepared

    stock = launcher.Launcher
    launcher.Launcher = RecordingLauncher
    try:
        yield
    finally:
        launcher.Launcher = stock


def record_code(store: Any, modules: Iterable[str]) -> None:
    """The digest of each source file that counts in the code digests of these modules, once for each digest."""
    type_id = store.put_context_type(metadata_store_pb2.ContextType(name=CODE_CONTEXT))
    known = {context.name for context in store.get_contexts_by_type(CODE_CONTEXT)}
    for module in set(modules):
        if (digest := code_digest(module)) not in known:
            context = metadata_store_pb2.Context(type_id=type_id, name=digest)
            context.custom_properties[CODE_FILES].string_value = json.dumps(file_digests(module), sort_keys=True)
            store.put_contexts([context])


def recorded_code(store: Any, digest: str) -> dict[str, str] | None:
    """The digests of the files behind a code digest; None if they were not recorded."""
    context = store.get_context_by_type_and_name(CODE_CONTEXT, digest)
    return None if context is None else dict(json.loads(context.custom_properties[CODE_FILES].string_value))


def copy_properties(store: Any, pipeline: str, from_run: str, to_run: str) -> None:
    """TFX registers the outputs that a part of the pipeline takes over from another run without the properties that they were made with."""
    source, target = (_executions_by_node(store, pipeline, run_id) for run_id in (from_run, to_run))
    for node_id, execution in target.items():
        if node_id in source and not execution.custom_properties:
            for name, value in source[node_id].custom_properties.items():
                if not name.startswith("flowers."):
                    execution.custom_properties[name].CopyFrom(value)
            store.put_executions([execution])


def _executions_by_node(store: Any, pipeline: str, run_id: str) -> dict[str, Any]:
    run = store.get_context_by_type_and_name("pipeline_run", run_id)
    by_node = {}
    for execution in store.get_executions_by_context(run.id) if run else ():
        by_node.update({c.name: execution for c in store.get_contexts_by_execution(execution.id) if c.type == "node"})
    return {name.removeprefix(f"{pipeline}."): execution for name, execution in by_node.items()}


def _missing_outputs(handle: Any, contexts: Iterable[Any]) -> list[dict[str, str]]:
    """Outputs of the newest successful execution with this cache key whose files are gone."""
    (key,) = [c for c in contexts if _type_name(handle.store, c) == context_lib.CONTEXT_TYPE_EXECUTION_CACHE]
    earlier = [e for e in handle.store.get_executions_by_context(key.id) if execution_lib.is_execution_successful(e)]
    if not earlier:
        return []
    newest = execution_lib.sort_executions_newest_to_oldest(earlier)[0]
    outputs = execution_lib.get_output_artifacts(handle, newest.id)
    return [{"output": name, "uri": uri} for name, uri in missing_outputs(outputs)]


def _type_name(store: Any, context: Any) -> str:
    return str(context.type or store.get_context_types_by_id([context.type_id])[0].name)


def _add_properties(store: Any, execution_id: int, properties: Mapping[str, Any]) -> None:
    """TFX records what a driver adds only for executions that ran."""
    (execution,) = store.get_executions_by_id([execution_id])
    for name, value in properties.items():
        if name not in execution.custom_properties and name not in execution.properties and value is not None:
            data_types_utils.set_metadata_value(execution.custom_properties[name], value)
    store.put_executions([execution])


def _record_contents(store: Any, execution_id: int) -> None:
    events = store.get_events_by_execution_ids([execution_id])
    outputs = store.get_artifacts_by_id([event.artifact_id for event in events if event.type == metadata_store_pb2.Event.OUTPUT])
    for artifact in outputs:
        artifact.custom_properties[CONTENT].string_value = as_property(content_of(artifact.uri))
    if outputs:
        store.put_artifacts(outputs)
