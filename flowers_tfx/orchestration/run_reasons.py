"""Why a node ran, or was taken from the cache: what differs between its execution and the most similar earlier one (docs/caching.md)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from flowers_tfx.components.outside_driver import CACHE_KEY
from flowers_tfx.orchestration.artifact_content import recorded_content
from flowers_tfx.orchestration.cache_records import MISSING, UNCACHED
from flowers_tfx.orchestration.node_caching import FORCED, PERIOD
from flowers_tfx.orchestration.node_executions import NodeExecution, producer_of
from flowers_tfx.orchestration.run_records import ArtifactRecord
from flowers_tfx.orchestration.value_differences import Difference, differences

Kind = Literal["input", "property", "code", "age", "forced", "missing", "first"]
# Properties that a driver sets to another value when what the node wrote outside is gone.
TOKEN, DELIVERY = "push_id", "delivery"
# What the program adds for this comparison.
_OWN = "flowers."
_PERIOD_OUTPUT = "period_"
_MOST_COMPARED = 100  # earlier executions
CodeFiles = Callable[[str], Mapping[str, str] | None]


@dataclass(frozen=True)
class Reason:
    """`before` and `after` are JSON values; None where there is none."""

    kind: Kind
    name: str
    before: Any = None
    after: Any = None


@dataclass(frozen=True)
class Explanation:
    """`compared_with`: the earlier run with the most similar execution, or the one that made the result that was taken from the cache."""

    node: str
    state: Literal["ran", "cached"]
    reasons: tuple[Reason, ...]
    compared_with: str | None

    def as_json(self) -> dict[str, Any]:
        """The JSON contract of `flowers runs why` (docs/interfaces.md)."""
        return {**asdict(self), "reasons": [asdict(reason) for reason in self.reasons]}


def explain(node_id: str, executions: list[NodeExecution], current: NodeExecution, code_files: CodeFiles) -> Explanation:
    """`executions`: all of the node, oldest first, `current` among them; `code_files`: the digests of the files behind a code digest, if
    they are recorded."""
    if current.state == "cached":
        return Explanation(node_id, "cached", (), producer_of(current, executions).run_id)
    earlier = [execution for execution in executions[: executions.index(current)] if execution.succeeded]
    if not earlier:
        return Explanation(node_id, "ran", (*_uncached(current, ""), Reason("first", node_id)), None)
    run_id, before, changed = _most_similar(executions, earlier, current, code_files)
    reasons = (*_uncached(current, run_id), *_missing(current), *changed)
    # A token changes with what the node wrote outside, and with its inputs.
    others = tuple(reason for reason in reasons if reason.name != TOKEN)
    return Explanation(node_id, "ran", others or tuple(_gone(reason, before) for reason in reasons), run_id)


def _most_similar(
    executions: list[NodeExecution], earlier: list[NodeExecution], current: NodeExecution, code_files: CodeFiles
) -> tuple[str, NodeExecution, list[Reason]]:
    """The earlier result that was nearest to a hit, the newest of those, with its run and what differs: after a setting was changed and
    changed back, the last run would not tell why the result of the one before it could not be taken."""
    compared: dict[str, tuple[str, NodeExecution, list[Reason]]] = {}
    for execution in reversed(earlier[-_MOST_COMPARED:]):
        # A cached execution has the key of the one that made its result, whose record is complete in any case.
        maker = producer_of(execution, executions)
        if maker.run_id not in compared:
            changed = [*_inputs(maker, current), *_properties(maker, current, code_files)]
            compared[maker.run_id] = (execution.run_id, maker, changed)
    return min(compared.values(), key=lambda result: len({(r.kind, "" if r.kind == "code" else r.name) for r in result[2]}))


def _uncached(current: NodeExecution, earlier_run: str) -> Iterator[Reason]:
    reason = current.properties.get(UNCACHED)
    if reason == FORCED:
        yield Reason("forced", FORCED)
    elif reason and earlier_run:
        yield Reason("age", "max_staleness", earlier_run, reason)


def _missing(current: NodeExecution) -> Iterator[Reason]:
    for output in json.loads(current.properties.get(MISSING, "[]")):
        yield Reason("missing", output["output"], output["uri"])


def _gone(token: Reason, before: NodeExecution) -> Reason:
    """Only the token changed: what the node wrote outside the pipeline is gone."""
    output = before.outputs[0] if before.outputs else None
    return Reason("missing", output.key if output else token.name, _destination(output) if output else token.before)


def _destination(output: ArtifactRecord) -> str:
    return str(output.properties.get("pushed_destination") or output.uri)


def _inputs(before: NodeExecution, current: NodeExecution) -> Iterator[Reason]:
    old, new = before.input_uris(), current.input_uris()
    for key in sorted({*old, *new}):
        # TFX's name of an input whose value is a property, too: `_NODE.OUTPUT`.
        if not key.startswith("_") and [a.uri for a in old.get(key, [])] != [a.uri for a in new.get(key, [])]:
            yield Reason("input", key, *_identities(old.get(key, []), new.get(key, [])))


def _identities(old: list[ArtifactRecord], new: list[ArtifactRecord]) -> tuple[Any, Any]:
    """The digests of the contents, or the URIs where they are not known, or are the same: the node before ran again."""
    digests = [[content.digest if (content := recorded_content(a.properties)) else "" for a in side] for side in (old, new)]
    if all(digests[0]) and all(digests[1]) and digests[0] != digests[1]:
        old_names, new_names = ([f"sha256:{digest}" for digest in side] for side in digests)
    else:
        old_names, new_names = [a.uri for a in old], [a.uri for a in new]
    return ", ".join(old_names) or None, ", ".join(new_names) or None


def _properties(before: NodeExecution, current: NodeExecution, code_files: CodeFiles) -> Iterator[Reason]:
    from_nodes = {key.rpartition(".")[2] for key in current.input_uris() if key.startswith("_")}
    old, new = _compared(before), _compared(current)
    if DELIVERY in new and old.get(DELIVERY) != new[DELIVERY]:
        yield Reason("input", DELIVERY, old.get(DELIVERY), new[DELIVERY])
        return
    reads_outside = CACHE_KEY in current.properties
    for difference in differences(old, new):
        top = difference.name.partition(".")[0]
        if top == PERIOD or top.startswith(_PERIOD_OUTPUT):
            # A node that is never cached has no period: that is no reason of its own.
            if UNCACHED not in current.properties:
                yield _age(difference)
        elif difference.name.rpartition(".")[2] == "code":
            yield from _code(difference, code_files)
        else:
            kind: Kind = "input" if top in from_nodes or (reads_outside and top != CACHE_KEY) else "property"
            yield Reason(kind, difference.name, difference.before, difference.after)


def _compared(execution: NodeExecution) -> dict[str, Any]:
    """The properties that count in the cache key, by the names that users know. A driver's key counts alone."""
    properties = {name: value for name, value in execution.properties.items() if not name.startswith(_OWN)}
    if key := properties.get(CACHE_KEY):
        parts = json.loads(key) if key.startswith("{") else {CACHE_KEY: key}
        return {**parts, **({DELIVERY: properties[DELIVERY]} if DELIVERY in properties else {})}
    custom = json.loads(properties.pop("custom_config", None) or "{}") or {}
    settings = json.loads(custom.pop("settings", "{}"))
    return {**properties, **custom, **settings}


def _age(difference: Difference) -> Reason:
    """The period ended; or the setting itself is another one."""
    durations = [str(period).partition("/")[2] if period else None for period in (difference.before, difference.after)]
    if durations[0] == durations[1]:
        return Reason("age", "max_staleness", difference.before, difference.after)
    return Reason("property", "max_staleness", *durations)


def _code(difference: Difference, code_files: CodeFiles) -> Iterator[Reason]:
    old, new = (code_files(str(digest)) for digest in (difference.before, difference.after))
    if old is None or new is None:
        yield Reason("code", difference.name, difference.before, difference.after)
        return
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield Reason("code", name, old.get(name), new.get(name))
