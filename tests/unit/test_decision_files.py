"""Files of decisions that an operator applies, and lists of corrected labels."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from flowers_tfx.data.decisions import read_decisions
from flowers_tfx.data.spans import list_spans
from flowers_tfx.errors import InputError
from flowers_tfx.review.decision_files import AppliedFile, apply_file, decision_file
from flowers_tfx.review.decisions import DecidedMeanwhile, DecisionRequest, decide, is_rejected
from flowers_tfx.review.label_lists import read_label_list
from tests.unit.decided_spans import CLASSES, write_span
from tests.unit.test_cli import call

WHEN = "2026-11-28T12:00:00+00:00"


@pytest.fixture
def root(tmp_path: Path) -> str:
    write_span(tmp_path / "data", 1)
    write_span(tmp_path / "data", 2)
    return str(tmp_path / "data")


def written(root: str, *requests: DecisionRequest) -> Path:
    path = Path(root).parent / "decisions.json"
    path.write_text(decision_file(requests, WHEN), encoding="utf-8")
    return path


def request(root: str, action: Any, span: int, seen: int = 0, **more: Any) -> DecisionRequest:
    return DecisionRequest(action, span, "seen at the desk", "Ada", digest=list_spans(root)[span - 1].digest, expected=seen, **more)


def apply(root: str, path: Path) -> AppliedFile:
    return apply_file(root, path, classes=CLASSES, approvals=1)


def test_a_file_is_applied_once_as_it_was_decided(root: str) -> None:
    photos = write_span(Path(root).parent / "copy", 1)
    path = written(root, request(root, "exclude", 1, photos=(photos[0],), group="g1"), request(root, "reject", 2))
    applied = apply(root, path)
    assert [(one.action, one.by, one.when, one.group) for one in applied.decisions] == [
        ("exclude", "Ada", WHEN, "g1"),
        ("reject", "Ada", WHEN, ""),
    ]
    path.write_text(json.dumps(json.loads(path.read_text())))  # the same content in another layout
    again = apply(root, path)
    assert again.was_applied and not applied.was_applied and again.decisions == applied.decisions
    assert len(read_decisions(root)) == 2
    # What happens afterwards does not make it another file.
    decide(root, "accept", 2, ("x",), "fine", "Bo")
    write_span(Path(root), 3, replaces=1)
    assert apply(root, path).was_applied
    assert not is_rejected(read_decisions(root), list_spans(root)[1])


def test_two_operators_at_once_apply_it_once(root: str) -> None:
    path = written(root, request(root, "reject", 1), request(root, "reject", 2))
    results: list[bool] = []
    threads = [threading.Thread(target=lambda: results.append(apply(root, path).was_applied)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False] + [True] * 5
    assert len(read_decisions(root)) == 2


def test_what_the_reviewer_did_not_see_refuses_all_of_it(root: str) -> None:
    path = written(root, request(root, "reject", 2), request(root, "reject", 1))
    decide(root, "accept", 1, ("x",), "fine", "Bo")
    with pytest.raises(DecidedMeanwhile, match="Bo decided on span 1 after you had read it"):
        apply(root, path)
    assert len(read_decisions(root)) == 1
    other = DecisionRequest("reject", 2, "why", "Ada", digest="e" * 64, expected=0)
    with pytest.raises(InputError, match="holds other photos than those that were reviewed"):
        apply(root, written(root, other))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "has the format 2"),
        ({"decisions": []}, "has 0 decisions"),
        ({"decisions": [{"action": "reject"}]}, "a decision has no span"),
        ({"decisions": "all"}, "is not a decision file"),
        ({"action": "delete"}, "'delete' is not known"),
        ({"seen": True}, "a decision has no seen"),
        ({"seen": -1}, "is not known"),
        ({"when": "yesterday"}, "is not a decision file"),
        ({"photos": [1]}, "what is not known here"),
        ({"labels": ["a"]}, "is not a decision file"),
        ({"approved": True}, "what is not known here"),
        ({"span": 9}, "holds no span 9"),
        ({"reason": " "}, "needs a reason and a name"),
    ],
)
def test_another_file_is_one_sentence(root: str, change: dict[str, Any], message: str) -> None:
    path = written(root, request(root, "reject", 1))
    value = json.loads(path.read_text())
    target = value if change.keys() <= value.keys() else value["decisions"][0]
    target.update(change)
    path.write_text(json.dumps(value))
    with pytest.raises(InputError, match=message):
        apply(root, path)
    assert read_decisions(root) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"\xff", b"[]"])
def test_what_is_not_a_file_of_decisions_is_refused(root: str, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(InputError, match="is not a decision file"):
        apply(root, tmp_path / "file")
    with pytest.raises(InputError, match="cannot be read"):
        apply(root, tmp_path / "none")


@pytest.mark.parametrize(
    "text",
    ["aa,roses\nbb,tulips\n", "\ufeffdigest,label\nAA,roses\nbb, tulips \n", "uri,label,digest\nx.jpg,roses,aa\ny.jpg,tulips,bb\n\n"],
)
def test_a_list_of_labels(tmp_path: Path, text: str) -> None:
    (tmp_path / "list.csv").write_text(text, encoding="utf-8")
    assert read_label_list(tmp_path / "list.csv") == {"aa": "roses", "bb": "tulips"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no lines"),
        (b"digest,label\n", "has no lines"),
        (b"aa\n", "Line 1 of .* does not name a digest and a label"),
        (b"aa,roses\nbb,tulips,x\n", "Line 2"),
        (b"aa,roses\naa,tulips\n", "two labels, roses and tulips"),
        (b"\xff\xfe", "is not a CSV file"),
    ],
)
def test_a_bad_list_is_one_sentence(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "list.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_label_list(tmp_path / "list.csv")


def test_labels_of_the_command_are_read_as_those_of_a_list(root: str, capsys: pytest.CaptureFixture[str]) -> None:
    photos = write_span(Path(root).parent / "copy", 1)

    def run(action: str, *words: str) -> tuple[int, Any]:
        code, out, _ = call(capsys, "review", action, "1", *words, "--reason", "r", "--by", "Ada", "--set", f"data_root={root}", "--json")
        return code, json.loads(out)

    twice = ("--photo", photos[0].upper(), "--photo", photos[0])
    code, refused = run("relabel", *twice, "--label", "roses", "--label", "tulips")
    assert (code, "two labels, roses and tulips" in refused["error"]) == (2, True)
    code, decision = run("relabel", *twice, "--label", " tulips ")
    assert (code, decision["labels"]) == (0, {photos[0]: "tulips"})
    code, decision = run("exclude", *twice)
    assert (code, decision["photos"]) == (0, [photos[0]])
