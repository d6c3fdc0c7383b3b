"""Progress: an estimate from the rate, one display at a time, and the log where there is none."""

from __future__ import annotations

import logging
import os
import pty
import subprocess
import sys

import pytest

from flowers_tfx import progress
from flowers_tfx.cli.progress_bar import progress_bar
from flowers_tfx.progress import Meter, Progress
from tests.conftest import ROOT


class Recorder:
    def __init__(self) -> None:
        self.reports: list[Progress] = []
        self.messages: list[str] = []

    def report(self, progress: Progress) -> None:
        self.reports.append(progress)

    def notify(self, message: str) -> None:
        self.messages.append(message)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def seconds_left(clock: list[float], *counts: tuple[float, int]) -> list[float | None]:
    """The estimates of a work of 100 units; each count comes so many seconds after the one before."""
    recorder, meter = Recorder(), Meter("photos")
    with progress.listening(recorder):
        for seconds, done in counts:
            clock[0] += seconds
            meter(done, 100)
    return [one.seconds_left for one in recorder.reports]


def test_the_estimate_is_the_mean_rate_so_far(clock: list[float]) -> None:
    assert seconds_left(clock, (2, 20), (1, 30), (5, 80)) == [8, 7, 2]


def test_what_was_done_before_the_start_is_not_counted_as_fast_work(clock: list[float]) -> None:
    assert seconds_left(clock, (0, 90), (5, 95))[-1] == 5


def test_a_second_part_starts_a_new_measurement(clock: list[float]) -> None:
    assert seconds_left(clock, (1, 100), (10, 10), (10, 20)) == [0, None, 80]


def test_the_innermost_display_gets_the_reports(caplog: pytest.LogCaptureFixture) -> None:
    outer, inner = Recorder(), Recorder()
    with progress.listening(outer):
        with progress.listening(inner):
            progress.notify("inner")
        progress.notify("outer")
    assert (outer.messages, inner.messages) == (["outer"], ["inner"])
    with caplog.at_level(logging.INFO):
        Meter("photos")(1, 2)
        progress.notify("Waiting.")
    assert [record.getMessage() for record in caplog.records] == ["photos: 1 of 2", "Waiting."]


def test_a_wait_is_shown_beside_the_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("Measuring") as meter:
        meter(1, 2)
        progress.notify("Another process is writing: waiting.")
    assert capsys.readouterr().err == "Another process is writing: waiting.\n"


def test_on_a_terminal_a_bar_leaves_stdout_alone() -> None:
    """Rich would print on stderr what is written to stdout while a bar is shown: `flowers predict DIR > answers.txt` wrote nothing."""
    code = """
from flowers_tfx.cli.progress_bar import progress_bar
with progress_bar("Measuring") as meter:
    meter(1, 2)
    print("answer")
"""
    terminal, stderr = pty.openpty()
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=stderr, text=True, check=True, cwd=ROOT)
    os.close(stderr)
    shown = os.read(terminal, 100_000).decode()
    os.close(terminal)
    assert done.stdout == "answer\n"
    assert "Measuring" in shown
    assert "1/2" in shown
