"""Which nodes of a pipeline take results from the cache, and for how long (docs/adr/0026)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from tfx.dsl.components.base.base_node import BaseNode

from flowers_tfx.components.nodes import Nodes
from flowers_tfx.components.own_component import OwnComponent
from flowers_tfx.components.select_inputs import SelectInputs
from flowers_tfx.config import CachingConfig
from flowers_tfx.errors import InputError
from flowers_tfx.staleness import is_zero, period_output

# The execution property of nodes whose results expire: no engine needs to know more of it than that it is part of a cache key.
PERIOD = "period"
# Why a node does not ask the cache: the user wants it to run. Else: the duration zero, as the configuration has it.
FORCED = "--no-cache"


def limit_staleness(nodes: Nodes, caching: CachingConfig) -> None:
    """Adds the period of the run to the execution properties of the nodes whose results expire, TFX's own among them.

    Raises InputError for a setting of a node that the pipeline does not have, or whose results cannot be out of date.
    """
    _check(nodes, caching)
    for node in nodes:
        duration = caching.duration_of(node.id)
        if duration and not is_zero(duration) and not looks_outside(node):
            node.exec_properties[PERIOD] = nodes.value(SelectInputs, period_output(duration))


def looks_outside(node: BaseNode) -> bool:
    return isinstance(node, OwnComponent) and node.LOOKS_OUTSIDE


def _check(nodes: Nodes, caching: CachingConfig) -> None:
    by_id = {node.id: node for node in nodes}
    for node_id, duration in caching.nodes.items():
        if node_id not in by_id:
            raise InputError(f"Configuration key caching.nodes: the pipeline has no node {node_id}.", f"It has {', '.join(sorted(by_id))}.")
        if looks_outside(by_id[node_id]) and not is_zero(duration):
            raise InputError(
                f"Configuration key caching.nodes: {node_id} reads its sources in every run, so its results cannot be out of date.",
                f"Leave {node_id} out.",
            )


def uncached_reasons(nodes: Iterable[BaseNode], caching: CachingConfig, forced: Collection[str]) -> dict[str, str]:
    """Why a node does not ask the cache, for each that does not: `forced` are those that the user wants to run."""
    excluded = {node.id: caching.duration_of(node.id) for node in nodes if caching.is_never_cached(node.id)}
    return {**excluded, **dict.fromkeys(forced, FORCED)}


def disable_caching(ir: Any, node_ids: Collection[str]) -> None:
    """In TFX's intermediate representation. What these nodes make is recorded under its key all the same, for later runs."""
    for node in ir.nodes:
        if node.pipeline_node.node_info.id in node_ids:
            node.pipeline_node.execution_options.caching_options.enable_cache = False


def code_modules(nodes: Iterable[BaseNode]) -> dict[str, str]:
    """The module whose sources are part of the cache key, of each node that runs code of this package."""
    own = {node.id: type(node).__module__ for node in nodes if isinstance(node, OwnComponent)}
    return {**own, **{node.id: node.CODE_MODULE for node in nodes if hasattr(node, "CODE_MODULE")}}
