"""Reviews on a schedule: what is told, to whom and how often, what a restart changes, and what /metrics shows."""

from __future__ import annotations

import json
import signal
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from flowers_tfx.cli import main
from flowers_tfx.errors import InputError
from flowers_tfx.monitoring import served_reviews, watching
from flowers_tfx.monitoring.monitor_state import FOLDER, STATE, read_state
from flowers_tfx.monitoring.schedule import Interval
from flowers_tfx.serving.monitor_metrics import MonitorMetrics
from flowers_tfx.storage import lock
from flowers_tfx.webhook import signature
from tests.unit.monitored_service import NOW, MonitoredService, brighter, compare_brightness
from tests.unit.tables import table
from tests.unit.test_webhook import Receiver, receive

HOUR = timedelta(hours=1)


class Clock:
    """Moves on when it is waited for; `at`: when to stop the monitor."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, hours: float) -> None:
        self.now, self.at = NOW, NOW + timedelta(hours=hours)
        monkeypatch.setattr(watching, "_now", lambda: self.now)
        monkeypatch.setattr(watching.StopSignals, "wait", lambda _, seconds: self.wait(seconds))

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        if self.now >= self.at:
            signal.raise_signal(signal.SIGTERM)


def watch(service: MonitoredService, **choice: Any) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    watching.watch(service.request(**choice), Interval(3600), events.append)
    return events


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MonitoredService:
    monkeypatch.setattr(served_reviews, "compare_sides", compare_brightness)
    service = MonitoredService(tmp_path)
    service.push(1)
    return service


def test_a_review_each_hour_and_a_change_of_the_verdict_is_news_once(service: MonitoredService, monkeypatch: pytest.MonkeyPatch) -> None:
    service.answer(table(100, seed=2))
    service.answer(brighter(table(100, seed=3)), ago=-HOUR)
    Clock(monkeypatch, hours=2.5)
    events = watch(service, hours=1)
    assert [(one["event"], one["time"][11:16]) for one in events] == [("reviewed", "12:00"), ("reviewed", "13:00"), ("skipped", "14:00")]
    assert [(one["verdict"], one["changed"]) for one in events[:2]] == [("pass", False), ("blocked", True)]
    assert events[1]["findings"][0]["level"] == "error" and Path(events[1]["report"]).is_file()
    assert events[2]["error"] == "No answer was recorded in this window."
    assert read_state(service.records / FOLDER).versions["1"].notified == "blocked"


def test_a_restart_goes_on_with_the_schedule(service: MonitoredService, monkeypatch: pytest.MonkeyPatch) -> None:
    service.answer(brighter(table(100, seed=2)))
    clock = Clock(monkeypatch, hours=0.5)
    [first] = watch(service)
    clock.at = NOW + timedelta(hours=0.9)
    assert first["changed"] and watch(service) == []
    # What was told before the restart is not news; a time that was missed is made up for once.
    clock.now, clock.at = NOW + 5 * HOUR, NOW + 5.5 * HOUR
    assert [(one["time"][11:16], one["verdict"], one["changed"]) for one in watch(service)] == [("17:00", "blocked", False)]


def test_what_was_not_told_before_a_kill_is_told_afterwards(service: MonitoredService, monkeypatch: pytest.MonkeyPatch) -> None:
    service.answer(brighter(table(100, seed=2)))
    clock = Clock(monkeypatch, hours=0.5)

    def killed(_: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watching.watch(service.request(), Interval(3600), killed)
    clock.now, clock.at = NOW + HOUR, NOW + 1.5 * HOUR
    assert [one["changed"] for one in watch(service)] == [True]


def test_one_monitor_at_a_time(service: MonitoredService) -> None:
    with lock(service.records / FOLDER), pytest.raises(InputError, match="Another monitor is at work"):
        watch(service)


def test_trouble_is_an_event(service: MonitoredService, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    Clock(monkeypatch, hours=1.5)
    monkeypatch.setattr(watching, "monitor", broken)
    assert [one["event"] for one in watch(service)] == ["failed", "failed"]


def test_a_full_disk_does_not_end_the_monitor(service: MonitoredService, monkeypatch: pytest.MonkeyPatch) -> None:
    """The review was stored, what is remembered of it cannot be, so the change is told again."""
    service.answer(brighter(table(100, seed=2)))
    Clock(monkeypatch, hours=1.5)

    def full(*_: object) -> None:
        raise InputError("The disk is full.")

    write = watching.write_state
    monkeypatch.setattr(watching, "write_state", full)
    monkeypatch.setattr(watching, "mark_notified", full)
    events = watch(service)
    assert [(one["event"], one.get("changed")) for one in events] == 2 * [("skipped", None), ("reviewed", True), ("skipped", None)]
    monkeypatch.setattr(watching, "write_state", write)
    assert read_state(service.records / FOLDER).reviewed == ""


def test_a_clock_that_is_set_back_does_not_silence_the_monitor(service: MonitoredService, monkeypatch: pytest.MonkeyPatch) -> None:
    service.answer(brighter(table(100, seed=2)))
    clock = Clock(monkeypatch, hours=0.5)
    clock.now, clock.at = NOW + timedelta(days=300), NOW + timedelta(days=300, hours=0.5)
    assert [one["event"] for one in watch(service)] == ["skipped"]
    clock.now, clock.at = NOW, NOW + timedelta(hours=2.5)
    assert [(one["event"], one["time"][11:16]) for one in watch(service)] == [("reviewed", "13:00"), ("reviewed", "14:00")]


def test_the_webhook_hears_of_a_changed_verdict(
    service: MonitoredService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(brighter(table(100, seed=2)))
    Clock(monkeypatch, hours=1.5)
    monkeypatch.setenv("FLOWERS_WEBHOOK_SECRET", "secret")
    with receive(Receiver()) as receiver, pytest.raises(SystemExit) as ended:
        main(["monitor", "--watch", "--every", "1h", *service.options, "--set", f"monitor.webhook={receiver.url}", "--json"])
    assert ended.value.code == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["event"] for one in events] == ["reviewed", "reviewed"]
    [(headers, body)] = receiver.requests
    assert json.loads(body) == events[0] and headers["Flowers-Event"] == "reviewed"
    assert headers["Flowers-Signature"] == signature(b"secret", body)


def gauges(service: MonitoredService) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(MonitorMetrics(str(service.records)))
    lines = generate_latest(registry).decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_the_gauges_show_the_last_review(service: MonitoredService, monkeypatch: pytest.MonkeyPatch) -> None:
    assert gauges(service) == {}
    service.answer(brighter(table(100, seed=2)), client="app", known=False)
    Clock(monkeypatch, hours=0.5)
    watch(service)
    watch(service, client="app")  # shown nowhere
    shown = gauges(service)
    assert shown['flowers_monitor_verdict{version="1"}'] == 2
    assert shown['flowers_monitor_photos{version="1"}'] == 100
    assert shown['flowers_monitor_unknown_share{version="1"}'] == 1
    assert shown['flowers_monitor_drift{feature="mean_luma",version="1"}'] == 0.75
    age = datetime.now(timezone.utc) - NOW
    assert shown['flowers_monitor_review_age_seconds{version="1"}'] == pytest.approx(age.total_seconds(), abs=60)
    assert {line for line in shown if 'version="1"' not in line} == set()
    (service.records / FOLDER / STATE).write_text("{")
    assert gauges(service) == {}
