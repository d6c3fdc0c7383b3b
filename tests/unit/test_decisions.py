from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowers_tfx.data.decisions import FILE, read_decisions
from flowers_tfx.data.span_states import span_state
from flowers_tfx.data.spans import list_spans
from flowers_tfx.errors import InputError
from flowers_tfx.review import decisions
from flowers_tfx.review.decisions import accepted_findings, decide, is_rejected, state_of
from flowers_tfx.selection import select
from tests.unit.test_selection import LABELS, chosen, span


def test_a_rejected_span_leaves_every_window_until_it_is_accepted(tmp_path: Path) -> None:
    for number in (1, 2):
        span(tmp_path / "data", number)
    root = str(tmp_path / "data")
    decide(root, "reject", 2, (), "blurred", "Ada")
    assert chosen(tmp_path)[0] == [1]
    decide(root, "accept", 2, ("property:sharpness",), "it is the new camera", "Bo")
    assert chosen(tmp_path)[0] == [1, 2]
    entries = json.loads(select(root, str(tmp_path / "registry"), "all", LABELS, "s").decisions)
    assert [(one["action"], one["by"], one["findings"]) for one in entries] == [
        ("reject", "Ada", []),
        ("accept", "Bo", ["property:sharpness"]),
    ]


def test_a_decision_is_about_a_content_not_a_number(tmp_path: Path) -> None:
    span(tmp_path, 1, "old-content")
    decide(str(tmp_path), "reject", 1, (), "blurred", "Ada")
    (tmp_path / "span-1" / "manifest.json").unlink()
    (tmp_path / "span-1").rmdir()
    span(tmp_path, 1, "new-content")
    assert not is_rejected(read_decisions(tmp_path), list_spans(tmp_path)[0])


def test_all_rejected_is_one_clear_error(tmp_path: Path) -> None:
    span(tmp_path / "data", 1)
    decide(str(tmp_path / "data"), "reject", 1, (), "blurred", "Ada")
    with pytest.raises(InputError, match="rejected all spans"):
        chosen(tmp_path)


@pytest.mark.parametrize(("number", "reason", "by"), [(2, "why", "Ada"), (1, " ", "Ada"), (1, "why", "")])
def test_what_is_not_a_decision_is_refused(tmp_path: Path, number: int, reason: str, by: str) -> None:
    span(tmp_path, 1)
    with pytest.raises(InputError):
        decide(str(tmp_path), "reject", number, (), reason, by)
    assert not (tmp_path / FILE).exists()


def test_a_damaged_record_is_an_error_and_never_a_guess(tmp_path: Path) -> None:
    span(tmp_path, 1)
    decide(str(tmp_path), "reject", 1, (), "blurred", "Ada")
    with (tmp_path / FILE).open("a") as file:
        file.write('{"action": "acc')
    with pytest.raises(InputError, match="Line 2"):
        read_decisions(tmp_path)


@pytest.mark.parametrize("change", [{"by": None}, {"span": "1"}, {"when": 5}, {"findings": [3]}, {"findings": "joint"}, {"span": True}])
def test_a_value_of_another_type_is_an_error(tmp_path: Path, change: dict[str, object]) -> None:
    span(tmp_path, 1)
    decide(str(tmp_path), "accept", 1, ("joint:all-properties",), "wanted", "Ada")
    line = {**json.loads((tmp_path / FILE).read_text()), **change}
    (tmp_path / FILE).write_text(json.dumps(line) + "\n")
    with pytest.raises(InputError, match=r"Line 1 of .* is not a decision"):
        read_decisions(tmp_path)


def test_every_new_span_must_have_accepted_a_finding(tmp_path: Path) -> None:
    span(tmp_path, 1)
    span(tmp_path, 2)
    for number, findings in ((1, ("x", "y")), (2, ("x",))):
        decide(str(tmp_path), "accept", number, findings, "fine", "Ada")
    decide(str(tmp_path), "reject", 2, (), "blurred", "Ada")
    one, two = (state_of(read_decisions(tmp_path), delivered) for delivered in list_spans(tmp_path))
    assert accepted_findings([one]) == {"x", "y"}
    assert accepted_findings([one, two]) == {"x"}
    assert accepted_findings([one, span_state([])]) == accepted_findings([]) == set()


def test_a_replaced_span_is_out_of_every_window_and_cannot_be_accepted(tmp_path: Path) -> None:
    span(tmp_path / "data", 1)
    span(tmp_path / "data", 2)
    span(tmp_path / "data", 3, replaces=2)
    assert chosen(tmp_path)[0] == [1, 3]
    with pytest.raises(InputError, match="Span 2 was replaced"):
        decide(str(tmp_path / "data"), "accept", 2, ("property:sharpness",), "wanted", "Ada")
    decide(str(tmp_path / "data"), "accept", 3, ("property:sharpness",), "wanted", "Ada")


def test_only_a_rejected_span_can_be_replaced(tmp_path: Path) -> None:
    span(tmp_path, 1)
    with pytest.raises(InputError, match="Span 1 is in use"):
        decisions.check_replaceable(str(tmp_path), 1)
    decide(str(tmp_path), "reject", 1, (), "tulips among the roses", "Ada")
    decisions.check_replaceable(str(tmp_path), 1)
