"""Progress: an estimate from the rate, one display at a time, and the log where there is none."""

from __future__ import annotations

import logging
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from flowers_tfx import progress
from flowers_tfx.cli.progress_bar import progress_bar
from flowers_tfx.progress import Meter, Progress
from tests.conftest import ROOT
from tests.unit import photo_kinds


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


def on_terminal(*arguments: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """Runs Python with a terminal as stderr: how it ended, and what the terminal showed."""
    terminal, stderr = pty.openpty()
    done = subprocess.run([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=ROOT, check=False)
    os.close(stderr)
    shown = b""
    while True:
        try:
            piece = os.read(terminal, 100_000)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(terminal)
    return done, shown.decode()


def test_on_a_terminal_a_bar_leaves_stdout_alone() -> None:
    """Rich would print on stderr what is written to stdout while a bar is shown: `flowers predict DIR > answers.txt` wrote nothing."""
    code = """
from flowers_tfx.cli.progress_bar import progress_bar
with progress_bar("Measuring") as meter:
    meter(1, 2)
    print("answer")
"""
    done, shown = on_terminal("-c", code)
    assert done.returncode == 0
    assert done.stdout == "answer\n"
    assert "Measuring" in shown
    assert "1/2" in shown


LOUD = """
import os, sys, warnings
from flowers_tfx import progress
from flowers_tfx.cli.progress_bar import progress_bar
from flowers_tfx.errors import InputError
with progress_bar("Measuring") as meter:
    meter(1, 2)
    os.write(2, b"libpng warning: iCCP\\n")
    warnings.warn("Palette images with transparency")
    print("a line of Python", file=sys.stderr)
    progress.notify("Waiting.")
    END
print("after", file=sys.stderr)
"""
LIBRARIES = ("libpng", "Palette", "a line of Python")


def test_what_libraries_print_does_not_reach_the_display() -> None:
    done, shown = on_terminal("-c", LOUD.replace("END", ""))
    assert done.returncode == 0
    assert all(words in shown for words in ("1/2", "Waiting.", "after"))
    assert not any(words in shown for words in LIBRARIES)


def test_what_libraries_printed_explains_an_unexpected_error() -> None:
    done, shown = on_terminal("-c", LOUD.replace("END", 'raise RuntimeError("the engine died")'))
    assert done.returncode == 1
    assert all(words in shown for words in (*LIBRARIES, "the engine died"))
    _, shown = on_terminal("-c", LOUD.replace("END", 'raise InputError("no photos", "")'))
    assert not any(words in shown for words in LIBRARIES)


@pytest.mark.parametrize("command", [("measure",), ("audit",)])
def test_odd_photos_are_measured_without_a_word_of_a_library(command: tuple[str, ...], tmp_path: Path) -> None:
    """Pillow warns of palettes with transparency, broken EXIF and broken animations."""
    odd = {kind.name: kind.make() for kind in photo_kinds.kinds() if not kind.refused}
    odd["broken EXIF"] = photo_kinds.with_segments(
        photo_kinds.encode(photo_kinds.scene()),
        photo_kinds.jpeg_segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\xff\0" + b"\x0f\x01\x02\0\xff\xff\0\0" * 4),
    )
    odd["broken animation"] = photo_kinds.with_chunks(
        photo_kinds.encode(photo_kinds.scene(), "PNG"), photo_kinds.png_chunk(b"acTL", bytes(8))
    )
    for number, data in enumerate(odd.values()):
        (tmp_path / f"{number}.jpg").write_bytes(data)
    (tmp_path / "all.csv").write_text("".join(f"{tmp_path}/{number}.jpg,daisy\n" for number in range(len(odd))))
    done, shown = on_terminal("-m", "flowers_tfx", "dataset", *command, str(tmp_path / "all.csv"), "--out", str(tmp_path / "out.parquet"))
    assert done.returncode in (0, 3), shown
    assert "Warning" not in shown
    assert "ransparency" not in shown
