"""What was served is reviewed against what the version that answered was trained on."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flowers_tfx.cli import main
from flowers_tfx.errors import InputError
from flowers_tfx.forgetting.text_files import text_files
from flowers_tfx.monitoring import served_reviews
from flowers_tfx.monitoring.monitor import monitor
from flowers_tfx.monitoring.monitor_state import read_state
from flowers_tfx.monitoring.record_labels import with_feedback
from flowers_tfx.monitoring.windows import Window, feedback_accuracy, unknown_share, windows
from flowers_tfx.review import comparison
from flowers_tfx.review.comparison import Comparison
from flowers_tfx.review.sides import Side
from flowers_tfx.storage import lock
from flowers_tfx.validation import Policy, Review
from tests.unit.monitored_service import NOW, MonitoredService, brighter, compare_brightness
from tests.unit.tables import table


@pytest.fixture
def service(tmp_path: Path) -> MonitoredService:
    service = MonitoredService(tmp_path)
    service.push(1)
    return service


def test_photos_like_those_of_the_training_pass(service: MonitoredService) -> None:
    service.answer(table(100, seed=2))
    value = monitor(service.request(), NOW).as_json()
    assert value["verdict"] == "pass"
    assert value["compared_with"]["kind"] == "serving" and value["compared_with"]["version"] == "1"
    assert value["new"]["labelled"] is False and value["new"]["photos"] == 100
    assert value["served"]["from"] == "2026-11-28T11:58:20+00:00" and value["served"]["to"] == "2026-11-28T11:59:59+00:00"
    assert value["sequential"]["reviews"] == 1
    assert value["others"] == [] and value["left_out"] == []
    page = Path(value["report"]).read_text()
    assert page.startswith("<!doctype html>") and "recorded answers" in page and "manual comparison" not in page
    assert "At most one false alarm is expected in 4 weeks of reviews." in page
    assert value["harm"]["estimated"] and value["harm"]["accuracy"] == pytest.approx(0.9, abs=0.02)
    # The content was compared: both sides come from one network.
    assert "separation_points" in value["scores"]["embedding"]


def test_drift_is_blocked_and_remembered(service: MonitoredService, tmp_path: Path) -> None:
    service.answer(brighter(table(60, seed=2)))
    lines = [json.dumps({"id": f"{number:032x}", "label": "tulips" if number % 2 else "roses"}) for number in range(1, 51)]
    (tmp_path / "feedback.jsonl").write_text("".join(f"{line}\n" for line in lines))
    service.settings = {"feedback_dir": str(tmp_path)}
    [review] = monitor(service.request(), NOW).reviews
    assert review.verdict == "blocked" and review.earlier == "pass"
    # `flowers forget` looks for photos in its report, too.
    assert review.report in text_files(service.config)
    remembered = read_state(service.records / "monitor").versions["1"]
    assert (remembered.verdict, remembered.photos, remembered.notified) == ("blocked", 60, "pass")
    # Most photos have feedback: the accuracy is measured, and labels are not compared all the same.
    value = review.as_json()
    assert value["harm"]["photos"] == 50 and not value["harm"]["estimated"] and value["harm"]["accuracy"] < 0.6
    assert remembered.accuracy == value["harm"]["accuracy"] and not remembered.estimated
    assert "error" in {one["level"] for one in value["findings"] if one["kind"] == "performance"}
    assert value["new"]["labelled"] is False
    assert remembered.drift["mean_luma"] > 0.5 > 0.2 > remembered.drift["sharpness"]
    assert Path(remembered.report).is_file()


def test_the_features_of_a_fine_tuned_version_are_not_compared_and_the_review_says_why(service: MonitoredService) -> None:
    service.answer(table(60, seed=2), network="features of version 1")
    value = monitor(service.request(), NOW).as_json()
    assert value["verdict"] == "pass" and "embedding" not in value["power"]
    [note] = [one for one in value["findings"] if one["id"] == "schema:embedding"]
    assert note["level"] == "note" and "version 1 computes features with a backbone of its own" in note["message"]
    assert value["facts"]["schema:embedding"] == {"text": "own_features", "version": "1"}


def test_versions_are_reviewed_apart_the_worst_first(service: MonitoredService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served_reviews, "compare_sides", compare_brightness)
    service.push(2, seed=5)
    service.answer(brighter(table(60, seed=2)), version=1, ago=timedelta(hours=1))
    service.answer(table(60, seed=3), version=2)
    outcome = monitor(service.request(), NOW)
    assert [(one.served.window.version, one.verdict) for one in outcome.reviews] == [(1, "blocked"), (2, "pass")]
    assert [one["compared_with"]["version"] for one in [outcome.as_json(), *outcome.as_json()["others"]]] == ["1", "2"]


def test_what_a_killed_monitor_was_storing_is_removed(service: MonitoredService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served_reviews, "compare_sides", compare_brightness)
    service.answer(table(60, seed=2))
    [first] = monitor(service.request(), NOW).reviews
    reviews = Path(first.report).parents[1]
    for name in (".20261128T115900.000000.0123456789abcdef0123456789abcdef.tmp", ".notes"):
        (reviews / name).mkdir()
    [second] = monitor(service.request(), NOW + timedelta(minutes=1)).reviews
    assert {path.name for path in reviews.iterdir()} == {Path(one.report).parent.name for one in (first, second)} | {".notes"}


def test_a_version_with_few_photos_is_named_beside_the_others(service: MonitoredService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served_reviews, "compare_sides", compare_brightness)
    service.push(2)
    service.answer(table(10, seed=2), version=2)
    service.answer(table(60, seed=3), version=1)
    outcome = monitor(service.request(), NOW)
    assert len(outcome.reviews) == 1
    assert outcome.left_out == ("Of the answers of version 2 in this window 10 different photos were measured; a review needs 50.",)


def window(service: MonitoredService, **choice: Any) -> Window:
    """The only one that `monitor` would review."""
    request = service.request(**choice)
    [only] = windows(request.read_answers(NOW), last=request.last, version=request.version, client=request.client)
    return only


def test_the_window_is_hours_or_the_last_answers(service: MonitoredService) -> None:
    service.answer(table(100, seed=2), ago=timedelta(hours=30))
    service.answer(table(100, seed=3), ago=timedelta(hours=2), client="app")
    service.answer(table(60, seed=4))
    service.answer(table(20, seed=5), version=2)
    service.answer(table(10, seed=6), ago=-timedelta(hours=1))  # not yet
    one: dict[str, Any] = {"version": 1}
    counts = [
        len(window(service, **one, **choice).answers) for choice in ({}, {"hours": 48}, {"hours": 1}, {"last": 70}, {"client": "app"})
    ]
    assert counts == [160, 260, 60, 70, 100]
    assert len(window(service, version=1, last=30, client="app").answers) == 30


def test_a_photo_that_is_sent_again_counts_once_and_is_no_alarm(service: MonitoredService) -> None:
    photos = table(60, seed=2)
    service.answer(pd.concat([photos] * 4))
    service.answer(photos.assign(phash=photos["phash"].iloc[0]).assign(digest=[f"{n:064x}" for n in range(60)]))
    value = monitor(service.request(), NOW).as_json()
    assert (value["served"]["answers"], value["served"]["different_photos"]) == (300, 120)
    copies = [one for one in value["findings"] if one["kind"] == "duplicate"]
    assert copies and {one["level"] for one in copies} == {"note"}


@pytest.mark.parametrize(("points", "verdict"), [(0, "pass"), (15, "blocked")])
def test_copies_are_no_group_and_no_part_of_the_story(service: MonitoredService, points: float, verdict: str) -> None:
    photos = brighter(table(60, seed=2), points)
    service.answer(photos.assign(phash=photos["phash"].where(photos.index >= 27, photos["phash"].iloc[0])))
    value = monitor(service.request(), NOW).as_json()
    assert [one["level"] for one in value["findings"] if one["id"] == "duplicate:near:inside"] == ["note"]
    assert value["verdict"] == verdict
    assert not any("cop" in text for text in [value["story"] or "", *(group["words"] for group in value["groups"])])


def test_groups_are_searched_once_for_both_reviews_of_an_alarm(service: MonitoredService, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Policy] = []
    search = comparison.with_groups

    def counted(review: Review, sides: Any, review_rows: Any, policy: Policy, **options: Any) -> Review:
        calls.append(policy)
        return search(review, sides, review_rows, policy, **options)

    monkeypatch.setattr(comparison, "with_groups", counted)
    service.answer(brighter(table(60, seed=2)))
    request = service.request()
    value = monitor(request, NOW).as_json()
    assert value["verdict"] == "blocked" and value["sequential"]["level"] < request.policy.alpha
    assert value["story"] and value["power"]
    assert calls == [request.policy]


def test_findings_that_its_error_rate_makes_notes_tell_no_story(service: MonitoredService, monkeypatch: pytest.MonkeyPatch) -> None:
    def compare_weakly(old: Side, new: Side, policy: Policy, **options: Any) -> Comparison:
        compared = compare_brightness(old, new, policy, **options)
        # Significant by itself, but not at the level that its series leaves for it.
        weak = tuple(replace(one, p_value=0.08) for one in compared.review.findings if policy.alpha > 0.08)
        group = {"id": "g", "words": "60 photos", "photos": [], "findings": [one.id for one in weak], "accuracy": None}
        return replace(compared, review=replace(compared.review, findings=weak, groups=(group,), story="The new photos are brighter."))

    monkeypatch.setattr(served_reviews, "compare_sides", compare_weakly)
    service.answer(brighter(table(60, seed=2)))
    value = monitor(service.request(), NOW).as_json()
    assert [one["level"] for one in value["findings"] if one["kind"] == "property"] == ["note"]
    assert (value["groups"], value["story"]) == ([], None)


def test_clients_and_the_share_unknown(service: MonitoredService) -> None:
    service.answer(table(120, seed=2), client="web")
    service.answer(table(80, seed=3), client="app", known=False)
    service.answer(table(20, seed=4))
    clients = window(service).by_client()
    assert {tag: (one["photos"], one["unknown"]["value"]) for tag, one in clients.items()} == {
        "": (20, 0.0),
        "app": (80, 1.0),
        "web": (120, 0.0),
    }
    assert unknown_share(window(service).answers).value == pytest.approx(80 / 220)
    assert set(window(service, client="app").by_client()) == {"app"}
    # A client's reviews are a series of their own, whatever its tag is made of.
    assert service.request().series(1) == "1"
    names = [service.request(client=tag).series(1) for tag in ("app", "../app", "app")]
    assert names[0] == names[2] != names[1] and all(name.startswith("1-") and "/" not in name for name in names)


def test_thousands_of_client_tags_are_counted_and_the_largest_are_listed(
    service: MonitoredService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_reviews, "compare_sides", compare_brightness)
    photos = table(60, seed=2)
    service.answer(photos, client="web")
    frame = window(service).answers
    many = pd.concat([frame, *(frame.iloc[:50].assign(client=[f"{at}-{n}" for n in range(50)]) for at in range(40))], ignore_index=True)
    clients = Window(1, many).by_client()
    assert (len(clients), Window(1, many).client_count) == (100, 2001)
    assert clients["web"]["answers"] == 60
    assert monitor(service.request(), NOW).as_json()["served"]["client_count"] == 1


def test_photos_that_were_not_measured_count_in_the_share_unknown_alone(service: MonitoredService) -> None:
    service.answer(table(80, seed=2))
    service.answer(table(80, seed=3), measured=False, known=False)
    assert (len(window(service).photos(1000)), len(window(service).photos(30)), len(window(service).distinct)) == (80, 30, 160)
    share = unknown_share(window(service).answers)
    assert (share.count, share.total, share.interval) == (80, 160, pytest.approx((0.423, 0.577), abs=0.001))


@pytest.mark.parametrize(
    ("answers", "choice", "problem"),
    [
        (0, {}, "No answer was recorded in this window."),
        (10, {}, "10 different photos were measured; a review needs 50"),
        (60, {"version": 7}, "No answer of version 7 was recorded"),
        (60, {"client": "app"}, "No answer to the client app was recorded"),
    ],
)
def test_what_cannot_be_reviewed(service: MonitoredService, answers: int, choice: dict[str, Any], problem: str) -> None:
    service.records.mkdir()
    if answers:
        service.answer(table(answers, seed=2))
    with pytest.raises(InputError, match=problem):
        monitor(service.request(**choice), NOW)


def test_a_version_that_is_not_in_the_registry(service: MonitoredService) -> None:
    service.answer(table(60, seed=2), version=3)
    with pytest.raises(InputError, match="Version 3, which answered, is not in the registry"):
        monitor(service.request(), NOW)


def test_the_command(service: MonitoredService, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def call(*options: str) -> tuple[Any, dict[str, Any]]:
        with pytest.raises(SystemExit) as ended:
            main(["monitor", *service.options, *options, "--json"])
        return ended.value.code, json.loads(capsys.readouterr().out)

    service.answer(brighter(table(60, seed=2)))
    code, value = call("--last", "500", "--html", str(tmp_path / "report.html"))
    assert (code, value["verdict"]) == (3, "blocked")
    assert (tmp_path / "report.html").read_text() == Path(value["report"]).read_text()
    assert call("--last", "20")[0] == 2
    assert call("--set", "serving.record_dir=")[1]["error"] == "Nothing that is served is recorded."
    with pytest.raises(SystemExit):
        main(["monitor", *service.options, "--last", "500"])
    assert "At most one false alarm is expected in 4 weeks of reviews." in capsys.readouterr().out
    with lock(service.records / "monitor"):
        code, value = call("--last", "500")
    assert code == 2 and "Another monitor is at work" in value["error"]


def test_feedback_says_how_many_answers_were_right(service: MonitoredService, tmp_path: Path) -> None:
    photos = table(10, seed=2)
    service.answer(photos)
    service.answer(table(20, seed=3), known=False)
    right, wrong = photos["label"].iloc[:2], "none of these"
    lines = [(1, wrong), (1, right.iloc[0]), (2, right.iloc[1]), (3, wrong), (4, None), (11, None), (999, wrong)]
    log = "".join(json.dumps({"id": f"{number:032x}", "label": label}) + "\n" for number, label in lines)
    (tmp_path / "feedback.jsonl").write_text(log)
    answers = service.request().read_answers(NOW)
    # Of five photos three were answered right, one of them as none of the classes.
    share = feedback_accuracy(with_feedback(answers, str(tmp_path)))
    assert share is not None and (share.value, share.total) == (0.6, 5)
    assert feedback_accuracy(with_feedback(answers, "")) is None
