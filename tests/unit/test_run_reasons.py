"""Why a node ran, from what ML Metadata holds. That it holds it is tests/e2e/test_cache_matrix.py."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowers_tfx.cli.runs import explanation_lines
from flowers_tfx.orchestration.artifact_content import CONTENT, Content, as_property
from flowers_tfx.orchestration.node_executions import NodeExecution
from flowers_tfx.orchestration.run_reasons import Explanation, explain
from flowers_tfx.orchestration.run_records import ArtifactRecord
from flowers_tfx.orchestration.value_differences import differences

FILES = {"c1": {"flowers_tfx/a.py": "1", "flowers_tfx/b.py": "1"}, "c2": {"flowers_tfx/a.py": "2", "flowers_tfx/c.py": "1"}}


def artifact(key: str, uri: str, digest: str = "", **properties: Any) -> ArtifactRecord:
    content = {CONTENT: as_property(Content(1, 1, digest))} if digest else {}
    return ArtifactRecord(key, "T", uri, {**content, **properties})


def execution(run_id: str, state: str = "complete", *inputs: ArtifactRecord, output: str = "", **properties: Any) -> NodeExecution:
    """A cached one has the output of the execution that made it."""
    outputs = (artifact("model", output or f"out/{run_id}"),)
    return NodeExecution(run_id, state, properties, inputs, outputs)


def explained(*executions: NodeExecution) -> Explanation:
    return explain("Trainer", list(executions), executions[-1], FILES.get)


def reasons(*executions: NodeExecution) -> list[tuple[str, str, Any, Any]]:
    return [(reason.kind, reason.name, reason.before, reason.after) for reason in explained(*executions).reasons]


def test_the_first_execution() -> None:
    assert explained(execution("1")).as_json() == {
        "node": "Trainer",
        "state": "ran",
        "reasons": [{"kind": "first", "name": "Trainer", "before": None, "after": None}],
        "compared_with": None,
    }
    assert explained(execution("1", "failed"), execution("2")).reasons[0].kind == "first"  # nothing to take from the cache


def test_a_cached_one_names_the_run_that_made_its_result() -> None:
    made, other = execution("1", seed=1), execution("2", seed=2)
    assert explained(made, other, execution("3", "cached", output="out/1")).as_json() == {
        "node": "Trainer",
        "state": "cached",
        "reasons": [],
        "compared_with": "1",
    }


def test_a_setting_is_named_as_in_the_configuration() -> None:
    def trainer(seed: int) -> str:
        return json.dumps({"settings": json.dumps({"training": {"seed": seed}, "code": "c1"})})

    assert reasons(execution("1", custom_config=trainer(0)), execution("2", custom_config=trainer(7))) == [
        ("property", "training.seed", 0, 7)
    ]
    assert reasons(execution("1", labels='["a"]'), execution("2", labels='["a", "b"]')) == [("property", "labels.1", None, "b")]


def test_the_files_behind_a_code_digest_are_named() -> None:
    assert reasons(execution("1", code="c1"), execution("2", code="c2")) == [
        ("code", "flowers_tfx/a.py", "1", "2"),
        ("code", "flowers_tfx/b.py", "1", None),
        ("code", "flowers_tfx/c.py", None, "1"),
    ]
    assert reasons(execution("1", code="unknown"), execution("2", code="c2")) == [("code", "code", "unknown", "c2")]


def test_an_input_is_compared_by_content_where_it_is_known() -> None:
    def on(run_id: str, uri: str, digest: str = "") -> NodeExecution:
        return execution(run_id, "complete", artifact("examples", uri, digest))

    assert reasons(on("1", "e/1", "aa"), on("2", "e/2", "bb")) == [("input", "examples", "sha256:aa", "sha256:bb")]
    assert reasons(on("1", "e/1"), on("2", "e/2", "bb")) == [("input", "examples", "e/1", "e/2")]
    # The node before ran again and made the same: another artifact is a miss all the same.
    assert reasons(on("1", "e/1", "aa"), on("2", "e/2", "aa")) == [("input", "examples", "e/1", "e/2")]
    assert reasons(on("1", "e/1", "aa"), on("2", "e/1", "aa")) == []


def test_what_another_node_says_is_an_input() -> None:
    value = artifact("_SelectInputs.window", "w/1"), artifact("_SelectInputs.window", "w/2")
    before = execution("1", "complete", value[0], window='[{"span":1}]', sample=5)
    after = execution("2", "complete", value[1], window='[{"span":1},{"span":2}]', sample=6)
    assert reasons(before, after) == [("property", "sample", 5, 6), ("input", "window.1", None, {"span": 2})]


def test_age() -> None:
    old, new = "2026-11-19T00:00:00Z/P7D", "2026-11-26T00:00:00Z/P7D"
    assert reasons(execution("1", period=old), execution("2", period=new)) == [("age", "max_staleness", old, new)]
    assert reasons(execution("1"), execution("2", period=new)) == [("property", "max_staleness", None, "P7D")]
    never = {"flowers.uncached": "P0D"}
    assert reasons(execution("1", period=old), execution("2", **never)) == [("age", "max_staleness", "1", "P0D")]


def test_forced_and_missing_beside_what_changed() -> None:
    forced = execution("2", **{"flowers.uncached": "--no-cache", "seed": 2})
    assert reasons(execution("1", seed=1), forced) == [("forced", "--no-cache", None, None), ("property", "seed", 1, 2)]
    gone = execution("2", **{"flowers.missing": json.dumps([{"output": "model", "uri": "out/1"}])})
    assert reasons(execution("1"), gone) == [("missing", "model", "out/1", None)]


def test_a_token_alone_says_that_what_was_written_outside_is_gone() -> None:
    pushed = NodeExecution("1", "complete", {"push_id": "a"}, (), (artifact("pushed_model", "out/1", pushed_destination="registry/7"),))
    assert reasons(pushed, execution("2", push_id="b")) == [("missing", "pushed_model", "registry/7", None)]
    assert reasons(execution("1", push_id="a", seed=1), execution("2", push_id="b", seed=2)) == [("property", "seed", 1, 2)]


def test_of_a_node_that_looks_outside_the_key_alone_counts() -> None:
    def selected(run_id: str, window: str, **others: Any) -> NodeExecution:
        return execution(run_id, cache_key=json.dumps({"window": window, "baseline": "none"}), **others)

    assert reasons(selected("1", '[{"span":1}]', code="c1"), selected("2", "[]", code="c2")) == [("input", "window.0", {"span": 1}, None)]
    ingests = execution("1", cache_key="t1", delivery="d1"), execution("2", cache_key="t2", delivery="d2")
    assert reasons(*ingests) == [("input", "delivery", "d1", "d2")]


def test_what_a_cached_execution_was_made_from_is_known_from_its_maker() -> None:
    """The record of one that was taken over by a part of the pipeline is empty."""
    made, taken_over = execution("1", seed=1), execution("2", "cached", output="out/1")
    explanation = explained(made, taken_over, execution("3", seed=2))
    assert [(r.kind, r.name) for r in explanation.reasons] == [("property", "seed")]
    assert explanation.compared_with == "2"


def test_it_is_compared_with_the_earlier_result_that_was_nearest_to_a_hit() -> None:
    """A setting was changed and changed back: that is not why the first result could not be taken."""
    first, other = execution("1", seed=0, code="c1"), execution("2", seed=1, code="c1")
    explanation = explained(first, other, execution("3", seed=0, code="c2"))
    assert {reason.kind for reason in explanation.reasons} == {"code"}
    assert explanation.compared_with == "1"
    newest = explained(first, execution("2", "cached", output="out/1", seed=0, code="c1"), execution("3", seed=0, code="c2"))
    assert newest.compared_with == "2"


def test_long_texts_stand_as_their_digests() -> None:
    (difference,) = differences({"schema_text": "a" * 201}, {"schema_text": "short"})
    assert (difference.before[:7], len(difference.before), difference.after) == ("sha256:", 71, "short")


@pytest.mark.parametrize(
    ("executions", "line"),
    [
        ((execution("1"),), "Trainer ran for the first time."),
        ((execution("1"), execution("2", "cached", output="out/1")), "Trainer: nothing changed, so its result is that of run 1."),
        ((execution("1", seed=1), execution("2", seed=2)), "the setting seed changed: 1 -> 2"),
        ((execution("1", code="c1"), execution("2", code="c2")), "the code changed: flowers_tfx/a.py"),
    ],
)
def test_lines_for_people(executions: tuple[NodeExecution, ...], line: str) -> None:
    assert line in list(explanation_lines(explained(*executions)))
