"""scripts/demo.sh with a stand-in for the program: the order of the story, and that it goes on after a kill at any of its commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.one_stack

ROOT = Path(__file__).parents[2]
STAND_IN = """#!{python}
import json, os, sys
from pathlib import Path

arguments = sys.argv[1:]
calls = Path("calls")
with calls.open("a") as file:
    print(*arguments, file=file)
if os.environ.get("KILL_AT") == str(len(calls.read_text().splitlines())):
    sys.exit(130)
data = Path("demo/data")


def add_span(number):
    (data / f"span-{number}").mkdir(parents=True, exist_ok=True)


def has(number):
    return (data / f"span-{number}").exists()


def decided(action):
    return (data / "decisions.jsonl").exists() and f'"{action}"' in (data / "decisions.jsonl").read_text()


def run():
    add_span(1)
    if "--set" in arguments:
        add_span(2)
    blocked = has(2) and not decided("reject") or has(3) and not decided("accept")
    for page in ("reviews/1/report.html", "Explainer/explanations/1/report.html"):
        Path("demo/pipeline", page).parent.mkdir(parents=True, exist_ok=True)
        Path("demo/pipeline", page).touch()
    sys.exit(int(os.environ.get("BLOCKED", 3)) if blocked else 0)


match arguments:
    case ["dataset", "sample", out, *_]:
        for name in ("roses/roses_0000.jpg", "roses/tulips_0000.jpg", "roses/tulips_0000_copy.jpg"):
            (Path(out) / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(out) / name).touch()
    case ["run", *_]:
        run()
    case ["ingest", *_]:
        add_span(3)
    case ["review", ("accept" | "reject") as action, span, *_]:
        with (data / "decisions.jsonl").open("a") as file:
            print(json.dumps({"action": action, "span": int(span), "digest": "d"}), file=file)
"""
STORY = [
    "dataset sample demo/photos",
    "dataset index demo/photos",
    "run --config",
    "dataset sample demo/evening",
    "dataset index demo/evening",
    "run --config configs/demo.yaml --set ingest.csv=demo/evening/all_data.csv",
    "review --config",
    "review reject 2",
    "dataset index demo/evening-corrected",
    "ingest --csv demo/evening-corrected/all_data.csv --replaces 2",
    "run --config",
    "review accept 3",
    "run --config",
    "spans --config",
    "predict --config",
]
END = ["run --config", "spans --config", "predict --config"]


@pytest.fixture()
def checkout(tmp_path: Path) -> Path:
    for folder in ("scripts", ".venv/bin"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "demo.sh", tmp_path / "scripts")
    program = tmp_path / ".venv" / "bin" / "flowers"
    program.write_text(STAND_IN.replace("{python}", sys.executable))
    program.chmod(0o755)
    return tmp_path


def demo(checkout: Path, **environment: str) -> tuple[int, list[str], str]:
    """The exit code, the commands, and what was printed."""
    (checkout / "calls").unlink(missing_ok=True)
    done = subprocess.run(
        [checkout / "scripts" / "demo.sh"], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    calls = (checkout / "calls").read_text().splitlines()
    return done.returncode, calls, done.stdout + done.stderr


def matches_story(calls: list[str], story: list[str]) -> bool:
    return len(calls) == len(story) and all(call.startswith(start) for call, start in zip(calls, story, strict=True))


def test_the_story_is_told_once_and_then_its_end(checkout: Path) -> None:
    code, calls, printed = demo(checkout)
    assert (code, matches_story(calls, STORY)) == (0, True), calls
    assert "demo/pipeline/reviews/1/report.html" in printed
    assert "demo/pipeline/Explainer/explanations/1/report.html" in printed
    assert all(f"$ flowers {call.split(' --')[0]}" in printed for call in calls)
    assert (checkout / "demo" / "evening-corrected" / "tulips" / "tulips_0000.jpg").exists()
    assert not list((checkout / "demo" / "evening-corrected").rglob("*_copy.jpg"))
    code, calls, _ = demo(checkout)
    assert (code, matches_story(calls, END)) == (0, True), calls


@pytest.mark.parametrize("kill_at", range(1, len(STORY) + 1))
def test_a_killed_demo_goes_on(checkout: Path, kill_at: int) -> None:
    code, *_ = demo(checkout, KILL_AT=str(kill_at))
    assert code != 0
    code, after, _ = demo(checkout)
    assert code == 0
    assert matches_story(after[-3:], END), after
    assert len(after) <= len(STORY)
    decisions = (checkout / "demo" / "data" / "decisions.jsonl").read_text().splitlines()
    assert ['"reject"' in line for line in decisions] == [True, False]


@pytest.mark.parametrize("code", [0, 1, 2])
def test_a_run_that_should_have_been_stopped_ends_the_demo(checkout: Path, code: int) -> None:
    ended, calls, printed = demo(checkout, BLOCKED=str(code))
    assert ended == (code or 1)
    assert calls[-1].startswith("run --config configs/demo.yaml --set")
    assert f"exit code {code}" in printed
