"""Errors as programs and people see them: one sentence, exit code 2, and JSON alone on stdout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowers_tfx import cli
from tests.conftest import ROOT, write_photos


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        cli.main(list(arguments))
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--config", "absent.yaml"),
        ("run", "--set", "trainin.seed=1"),
        ("run", "--runner", "nowhere"),
        ("run", "Trainer"),
        ("run", "--no-cache", "--verbose", "Trainer"),
        ("ingest",),
        ("ingest", "--csv", "absent.csv", "--labels", "absent.txt", "--data-root", "d"),
        ("ingest", "--csv", "a.csv", "--data-root", "d", "--span", "-1"),
        ("dataset", "index", "absent"),
        ("predict", "absent.jpg", "--model", "absent"),
        ("predict", "absent.jpg", "--set", "registry=absent"),
        ("runs", "--set", "pipeline_root=absent"),
        ("runs", "show", "latest", "--set", "pipeline_root=absent"),
        ("runs", "--set", "metadata=postgres://x"),
        ("experiments", "--set", "pipeline_root=absent"),
        ("experiments", "--tracking-uri", "http://localhost:5000"),
        ("run", "--sweep", "model.alpha"),
        ("run", "--sweep", "model.alpha=0.35,7"),
        ("dataset", "sample"),
        ("no-such-command",),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("Error: ")
    assert "Traceback" not in err
    code, out, err = call(capsys, *arguments, "--json")
    assert code == 2
    output = json.loads(out)
    assert set(output) == {"error", "hint"}
    assert output["error"].endswith((".", ".'", ")")) or ":" in output["error"]


def test_index_prints_one_json_value(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 2)
    code, out, _ = call(capsys, "dataset", "index", str(photos), "--out", str(tmp_path / "out"), "--json")
    assert code == 0
    assert json.loads(out) == {
        "csv": str(tmp_path / "out" / "all_data.csv"),
        "labels": str(tmp_path / "out" / "dict.txt"),
        "photos": 6,
        "classes": {"daisy": 2, "roses": 2, "tulips": 2},
        "hidden": 0,
        "left_out": 0,
    }


def test_what_the_index_leaves_out_is_counted_and_named_but_not_a_thousand_times(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    photos = write_photos(tmp_path / "photos", 2)
    for number in range(30):
        (photos / "roses" / f"{number}\n.jpg").touch()
    (photos / "roses" / "._0000.jpg").touch()
    code, out, err = call(capsys, "dataset", "index", str(photos), "--json")
    listed = json.loads(out)
    assert (code, listed["photos"], listed["hidden"], listed["left_out"]) == (0, 6, 1, 30)
    lines = err.splitlines()
    assert lines[0] == rf"left out, a line break in its name: {photos}/roses/0\n.jpg"
    assert (len(lines), lines[-1]) == (21, "left out: 10 more")
    assert "1 hidden" in call(capsys, "dataset", "index", str(photos))[1]


def test_an_unexpected_error_is_a_sentence_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowers_tfx.data.index.index_folder", lambda *_: 1 / 0)
    code, out, _ = call(capsys, "dataset", "index", ".", "--json")
    assert code == 1
    assert "ZeroDivisionError" in json.loads(out)["error"]


def test_too_little_memory_is_not_called_a_bug(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("flowers_tfx.data.index.index_folder", fail)
    code, _, err = call(capsys, "dataset", "index", ".")
    assert (code, err.splitlines()[0]) == (1, "Error: There is not enough memory.")


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 2), (0, 1, 2)])
def test_closed_streams_change_neither_the_answer_nor_the_exit_code(closed: tuple[int, ...], tmp_path: Path) -> None:
    write_photos(tmp_path, 1)
    command = [sys.executable, "-W", "ignore", "-m", "flowers_tfx", "dataset", "index", str(tmp_path)]
    program = f"import os; [os.close(stream) for stream in {closed}]; os.execv({sys.executable!r}, {command})"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert bool(done.stdout) == (1 not in closed)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_an_output_on_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    write_photos(tmp_path, 1)
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "flowers_tfx", "dataset", "index", str(tmp_path), "--json"]
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: The result cannot be printed: No space left on device.\n")


def test_what_the_command_line_says_is_for_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """TFX's Beam nodes parse sys.argv again: `flowers run -v` failed in the first of them."""
    monkeypatch.setattr(sys, "argv", ["flowers", "runs", "-v"])
    with pytest.raises(SystemExit):
        cli.main()
    assert sys.argv == ["flowers"]


@pytest.mark.parametrize(
    ("runner", "usage"), [("local", "flowers run "), ("beam", "flowers run "), ("kubeflow", "flowers kubeflow compile ")]
)
def test_a_runner_as_a_program_is_that_command(runner: str, usage: str, tmp_path: Path) -> None:
    checkout = str(Path(__file__).parents[2])

    def program(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", f"runners.{runner}", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": checkout}, check=False
        )

    assert f"Usage: {usage}" in program("--help").stdout
    refused = program("--no-such-option", "--json")
    assert refused.returncode == 2
    assert "--no-such-option" in json.loads(refused.stdout)["error"]
