"""`flowers review`, `spans` and `dataset measure` on bad input: one sentence, exit code 2, and nothing is harmed."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flowers_tfx.cli.command import CommandResult, config_options, print_result, with_config
from flowers_tfx.cli.decision_result import accept_findings, record_decision
from flowers_tfx.cli.review import review_lines
from flowers_tfx.cli.spans import decision_lines, spans_table
from flowers_tfx.config import PipelineConfig, load_config
from flowers_tfx.data.decisions import read_decisions
from flowers_tfx.data.tables import Table, read_table, write_table
from flowers_tfx.errors import InputError
from flowers_tfx.review.stored_reviews import JSON, require_review, store_review
from flowers_tfx.storage import check_target
from flowers_tfx.validation import Policy, compare
from tests.unit.tables import table
from tests.unit.test_cli import call
from tests.unit.test_selection import span


@pytest.fixture
def tables(tmp_path: Path) -> tuple[str, str]:
    for name, seed in (("a", 1), ("b", 2)):
        write_table(tmp_path / f"{name}.parquet", Table(table(60, seed)))
    return str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")


def config(root: Path) -> PipelineConfig:
    return load_config(None, [f"data_root={root / 'data'}", f"pipeline_root={root / 'pipeline'}"])


@pytest.mark.parametrize("target", ["pipe", "folder", "no/such/page.html", "x" * 300])
def test_what_is_not_a_file_is_left_as_it_is(
    tables: tuple[str, str], tmp_path: Path, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A rename would put a page in the place of a pipe or of /dev/null."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    code, _, errors = call(capsys, "review", "compare", *tables, "--html", str(tmp_path / target))
    assert (code, errors.count("\n")) == (2, 2)
    assert errors.startswith("Error: ")
    assert (tmp_path / "pipe").is_fifo()
    with pytest.raises(InputError):
        write_table(tmp_path / target, Table(table(5, 1)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet", "b.parquet", "folder", "pipe"]


def test_a_file_that_is_there_can_be_written_anew(tmp_path: Path) -> None:
    check_target(tmp_path / "new.html", "--html")
    (tmp_path / "page.html").touch()
    check_target(tmp_path / "page.html", "--html")


def test_a_name_that_is_too_long_is_bad_input(tables: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "review", "compare", tables[0], "x" * 300, "--json")
    assert code == 2
    assert "File name too long" in json.loads(out)["error"]


@pytest.mark.parametrize("value", [np.inf, 80.5])
def test_numbers_that_cannot_be_are_a_finding_of_the_command_too(
    tables: tuple[str, str], tmp_path: Path, value: float, capsys: pytest.CaptureFixture[str]
) -> None:
    wild = table(60, 2).astype({"jpeg_quality": float})
    wild.loc[0, "jpeg_quality"] = value
    wild.to_parquet(tmp_path / "b.parquet")
    code, out, _ = call(capsys, "review", "compare", *tables, "--json")
    assert code == 0
    assert ("schema:range:jpeg_quality:new" in [finding["id"] for finding in json.loads(out)["findings"]]) == (value == np.inf)


@pytest.mark.parametrize("facts", [b"[]", b"no json", b'{"rejected": "many"}', b'{"rejects": 5}'])
def test_a_table_with_other_metadata_is_bad_input(tmp_path: Path, facts: bytes) -> None:
    rows = pa.table({"label": ["daisy"]}).replace_schema_metadata({b"flowers_tfx": facts})
    pq.write_table(rows, tmp_path / "table.parquet")
    with pytest.raises(InputError, match="is not a table of photos"):
        read_table(tmp_path / "table.parquet")


def test_names_that_are_not_utf8_are_escaped(tables: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    other = Path(tables[1]).rename(os.fsdecode(os.fsencode(Path(tables[1]).parent) + b"/\xff.parquet"))
    code, out, _ = call(capsys, "review", "compare", tables[0], str(other), "--json")
    assert code == 0
    assert json.loads(out)["new"]["name"] == "\udcff.parquet"
    assert call(capsys, "review", "compare", str(other), tables[0], "--html", str(other) + ".html")[0] == 0


def test_a_reason_can_hold_any_character(tmp_path: Path) -> None:
    span(tmp_path / "data", 1)
    for reason in ("one\u2028two\u0085three\nfour", "\udcff"):
        record_decision(config(tmp_path), "reject", 1, (), reason, "Ada")
    assert [decision.reason for decision in read_decisions(tmp_path / "data")] == ["one\u2028two\u0085three\nfour", "\\xff"]


def review(root: Path, name: str, created: str, spans: list[int], *findings: str) -> None:
    content = {"created": created, "verdict": "blocked", "findings": [{"id": one} for one in findings], "new": {"spans": spans}}
    store_review(str(root / "pipeline"), name, {JSON: json.dumps(content)})


def test_only_findings_that_there_are_can_be_accepted(tmp_path: Path) -> None:
    span(tmp_path / "data", 1)
    review(tmp_path, "1-a", "2026-01-01", [1])
    with pytest.raises(InputError, match="has no finding property:noise"):
        accept_findings(config(tmp_path), 1, ["property:noise"], "r", "Ada")
    review(tmp_path, "1-b", "2026-01-02", [1], "property:noise")
    assert accept_findings(config(tmp_path), 1, ["property:noise"], "r", "Ada").value["findings"] == ["property:noise"]


def test_what_a_review_without_new_photos_found_can_be_accepted(tmp_path: Path) -> None:
    """As the message of the blocked run says: with the newest span, whose own review had no findings about it."""
    span(tmp_path / "data", 1)
    review(tmp_path, "1-a", "2026-01-01", [1], "property:noise")
    review(tmp_path, "1-b", "2026-01-02", [], "schema:baseline:3")
    assert accept_findings(config(tmp_path), 1, ["schema:baseline:3"], "r", "Ada").value["findings"] == ["schema:baseline:3"]
    assert require_review(config(tmp_path).pipeline_root).spans == ()
    review(tmp_path, "2-c", "2026-01-03", [2], "label:shares")
    with pytest.raises(InputError, match="has no finding schema:baseline:3"):
        accept_findings(config(tmp_path), 1, ["schema:baseline:3"], "r", "Ada")


def errors_of_span_1(root: Path, name: str, created: str, **levels: str) -> None:
    findings = [{"id": f"property:{key}", "level": level} for key, level in levels.items()]
    review(root, name, created, [1])
    page = root / "pipeline" / "reviews" / name / JSON
    page.write_text(json.dumps({**json.loads(page.read_text()), "findings": findings}))


def accept_all(capsys: pytest.CaptureFixture[str], root: Path, *more: str) -> tuple[int, dict[str, object]]:
    roots = ("--set", f"data_root={root / 'data'}", "--set", f"pipeline_root={root / 'pipeline'}")
    code, out, _ = call(capsys, "review", "accept", "1", "--all-findings", *more, "--reason", "r", "--by", "Ada", *roots, "--json")
    return code, json.loads(out)


def test_all_findings_are_the_errors_of_the_newest_review(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    span(tmp_path / "data", 1)
    code, answer = accept_all(capsys, tmp_path)
    assert (code, answer["error"]) == (2, "No run has reviewed span 1, so there is nothing to accept.")
    errors_of_span_1(tmp_path, "1-a", "2026-01-01", noise="error")
    errors_of_span_1(tmp_path, "1-b", "2026-01-02", blur="error", edges="warn", mean_luma="error")
    code, answer = accept_all(capsys, tmp_path)
    assert (code, answer["findings"]) == (0, ["property:blur", "property:mean_luma"])
    # A review that appears later is decided by its own ids.
    errors_of_span_1(tmp_path, "1-c", "2026-01-03", edges="warn")
    assert read_decisions(tmp_path / "data")[0].findings == ("property:blur", "property:mean_luma")
    code, answer = accept_all(capsys, tmp_path)
    assert (code, answer["error"]) == (2, "The newest review of span 1 has no error that a reviewer must accept.")
    assert len(read_decisions(tmp_path / "data")) == 1


@pytest.mark.parametrize("words", [("--finding", "property:blur"), ("property:blur",)])
def test_all_findings_and_named_ones_exclude_each_other(words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    span(tmp_path / "data", 1)
    errors_of_span_1(tmp_path, "1-a", "2026-01-01", blur="error")
    assert accept_all(capsys, tmp_path, *words)[0] == 2
    assert read_decisions(tmp_path / "data") == []


def test_what_a_review_without_new_photos_stopped_is_accepted_with_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    span(tmp_path / "data", 1)
    errors_of_span_1(tmp_path, "1-a", "2026-01-01", blur="note")
    content = {"created": "2026-01-02", "verdict": "blocked", "new": {"spans": []}}
    files = {JSON: json.dumps({**content, "findings": [{"id": "schema:baseline:3", "level": "error"}]})}
    store_review(str(tmp_path / "pipeline"), "1-b", files)
    assert accept_all(capsys, tmp_path)[1]["findings"] == ["schema:baseline:3"]


def test_a_command_to_paste_finds_the_same_data(tmp_path: Path) -> None:
    written: list[str] = []

    @click.command()
    @with_config
    def probe(config: PipelineConfig) -> CommandResult:
        written.append(config_options())
        return CommandResult(config.name)

    path = tmp_path / "my flowers.yaml"
    path.write_text("name: tulips")
    options = ["--config", str(path), "--set", "data_root=over here", "--set", "training.seed=4"]
    probe.main(options, standalone_mode=False)
    probe.main([], standalone_mode=False)
    # What trains a model has no part in a decision.
    assert [shlex.split(words) for words in written] == [options[:4], []]


def test_what_people_write_is_not_markup(capsys: pytest.CaptureFixture[str]) -> None:
    row = {
        "span": 1,
        "created": "now",
        "examples": 3,
        "splits": {"train": 1, "eval": 1, "test": 1},
        "rejected": 0,
        "excluded": 0,
        "waiting": [],
    }
    decision = {"action": "reject", "by": "[bold]Ada", "reason": "[/red] \x1b[31m"}
    shown = {**row, "rejected_by_reviewer": True, "verdict": "pass", "decisions": [decision]}
    print_result(CommandResult([], decision_lines([shown])), as_json=False)
    out = capsys.readouterr().out
    assert out.startswith("span 1: rejected by [bold]Ada: [/red]")
    assert "\x1b[31m" not in out


def test_the_table_of_spans_fits_into_80_columns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    counts = {"examples": 999_999, "splits": {"train": 80_000, "eval": 9_999, "test": 9_999}, "rejected": 99_999}
    row = {"span": 1234, "created": "2026-11-27T21:25:16+00:00", **counts, "rejected_by_reviewer": True, "verdict": "pass", "decisions": []}
    print_result(CommandResult([], [spans_table([row])]), as_json=False)
    out = capsys.readouterr().out
    assert all(text in out for text in ("2026-11-27 21:25", "999999", "80000/9999/9999", "99999", "rejected"))
    assert max(map(len, out.splitlines())) <= 80


def test_labels_do_not_steer_the_terminal() -> None:
    new = table(60, 2)
    found = compare(table(60, 1), new.assign(label="\x1b[2Jdaisy" + "y" * 5000), Policy(permutations=1500))
    lines = review_lines(found.as_json())
    assert not any("\x1b" in line or len(line) > 1500 for line in lines)
    assert pd.Series(lines).str.contains("label:new").any()
