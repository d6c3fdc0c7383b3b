"""`flowers watch` as a command: what it refuses, and two watchers. No photo is ingested here: an empty CSV is set aside in the watcher."""

from __future__ import annotations

import json
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from flowers_tfx.cli import main
from flowers_tfx.deliveries import disk_hints
from flowers_tfx.deliveries.event_lines import event_line
from flowers_tfx.progress import listening
from flowers_tfx.webhook import signature
from tests.unit.test_webhook import Notices, Receiver, receive
from tests.watch_process import Watchers

FAST = ("--set", "watch.quiet_s=0", "--set", "watch.stable_s=0.1", "--set", "watch.poll_s=0.2")


def settings(home: Path) -> list[str]:
    roots = {"data_root": "data", "pipeline_root": "pipeline", "registry": "registry"}
    return [word for key, name in roots.items() for word in ("--set", f"{key}={home}/{name}")]


@pytest.mark.parametrize(
    ("source", "options", "problem"),
    [
        ("absent", (), "can't be read"),
        ("inbox", ("--submit", "http://localhost:1"), "needs a compiled package"),
        ("inbox", ("--package", "p.yaml"), "--package is for --submit"),
        ("inbox", ("--set", "data_root={home}/inbox/data"), "data_root"),
        ("inbox", ("--set", "registry={home}/inbox"), "registry"),
        ("inbox", ("--set", "watch.webhook=ftp://here"), "watch.webhook"),
        ("inbox", ("--set", "watch.webhook_secret_file={home}/none"), "secret of the webhook"),
        ("ftp://host/inbox", (), "is not supported"),
    ],
)
def test_what_cannot_be_watched_is_bad_input(
    source: str, options: tuple[str, ...], problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "inbox").mkdir()
    place = source if "://" in source else str(tmp_path / source)
    with pytest.raises(SystemExit) as stopped:
        main(["watch", place, *settings(tmp_path), *(word.format(home=tmp_path) for word in options), "--once", "--json"])
    assert stopped.value.code == 2
    assert problem in json.loads(capsys.readouterr().out)["error"]


def test_roots_in_a_hidden_folder_of_the_place_are_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "inbox").mkdir()
    with pytest.raises(SystemExit) as stopped:
        main(["watch", str(tmp_path / "inbox"), *settings(tmp_path / "inbox" / ".flowers"), "--once", "--json"])
    assert stopped.value.code == 0
    assert json.loads(capsys.readouterr().out)["event"] == "idle"


def test_a_second_watcher_waits_and_takes_over(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    first, second = (Watchers([str(inbox), *settings(tmp_path), *FAST], tmp_path / f"{name}.log") for name in ("first", "second"))
    first.start()
    first.wait_for("idle")
    second.start()
    (inbox / "a.csv").write_text("")
    assert Path(first.wait_for("batch")["csv"]).name == "a.csv"
    deadline = time.monotonic() + 300
    while "Another watcher" not in second.log.read_text() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not second.events
    first.end(signal.SIGKILL)
    (inbox / "b.csv").write_text("")
    assert [Path(second.wait_for("batch")["csv"]).name] == ["b.csv"]
    first.start()
    deadline = time.monotonic() + 300
    while first.log.read_text().count("Another watcher") < 1 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert first.end(signal.SIGTERM) == 0, "one that only waits can be stopped, too"
    assert second.end(signal.SIGINT) == 0


def test_the_webhook_hears_of_what_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWERS_WEBHOOK_SECRET", "secret")
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    with receive(Receiver()) as receiver:
        watchers = Watchers([str(inbox), *settings(tmp_path), *FAST, "--set", f"watch.webhook={receiver.url}"], tmp_path / "log")
        watchers.start()
        watchers.wait_for("idle")
        inbox.rename(tmp_path / "away")
        event = watchers.wait_for("failed")
        assert watchers.end(signal.SIGTERM) == 0
    [(headers, body)] = receiver.requests
    assert json.loads(body) == event
    assert headers["Flowers-Signature"] == signature(b"secret", body)
    assert "secret" not in watchers.log.read_text()


def test_the_disk_reports_new_files(tmp_path: Path) -> None:
    hint = threading.Event()
    (tmp_path / "daisy").mkdir()
    (tmp_path / "daisy" / "old.jpg").write_bytes(b"x")
    with disk_hints.disk_hints(str(tmp_path), hint, 10):
        hint.clear()
        (tmp_path / "daisy" / "old.jpg").read_bytes()
        assert not hint.wait(0.5), "to read a file is no change"
        (tmp_path / "daisy" / "new.jpg").write_bytes(b"x")
        assert hint.wait(60)


def test_a_disk_that_reports_nothing_is_a_notice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Limited:
        def schedule(self, *_arguments: Any, **_options: Any) -> None:
            raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(disk_hints, "Observer", Limited)
    notices = Notices()
    with listening(notices), disk_hints.disk_hints(str(tmp_path), threading.Event(), 7):
        pass
    assert notices.messages == [f"The system does not report changes of {tmp_path} (inotify watch limit reached): it is listed every 7 s."]


def test_lines_for_people() -> None:
    time = "2026-11-28T12:00:01.000+00:00"
    events: list[tuple[dict[str, Any], str]] = [
        ({"event": "batch", "delivery": "d", "files": 1, "csv": None}, "batch: 1 file, delivery d"),
        ({"event": "batch", "delivery": "d", "files": 1, "csv": "/a\udcff.csv"}, r"batch: /a\xff.csv, delivery d"),
        (
            {"event": "span", "span": 2, "examples": 3, "known": 1, "duplicates": 0, "rejected": 4},
            "span: span 2, 3 new photos, 1 known, 4 rejected",
        ),
        (
            {"event": "span", "span": None, "examples": 0, "known": 1, "duplicates": 0, "rejected": 0},
            "span: nothing new, no span, 0 new photos, 1 known",
        ),
        (
            {"event": "set_aside", "files": 2, "reasons": {"empty file": 2}, "record": "/r.json"},
            "set_aside: 2 files: 2 x empty file (/r.json)",
        ),
        ({"event": "run", "status": "failed", "run_id": None, "seconds": 3.2}, "run: failed, not started, 3 s"),
        ({"event": "pushed", "version": "7", "pushed_model": "/m/7"}, "pushed: version 7: /m/7"),
        ({"event": "blocked", "error": "Drift.", "hint": "Decide."}, "blocked: Drift. Decide."),
        ({"event": "failed", "step": "run", "error": "No.", "hint": "", "retry_in_s": 30.0}, "failed: run: No. Next attempt in 30 s."),
        ({"event": "failed", "step": "run", "error": "No.", "hint": "", "retry_in_s": None}, "failed: run: No."),
        ({"event": "idle", "blocked": True}, "idle: a run waits for a decision"),
    ]
    for event, line in events:
        assert event_line({"time": time, **event}) == f"12:00:01 {line}"
