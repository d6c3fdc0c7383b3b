"""The watcher with a clock of its own, and doubles of ingest and run that survive it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from flowers_tfx.deliveries.jobs import JobResult
from flowers_tfx.deliveries.runs import RunOutcome
from flowers_tfx.errors import ExitCode, InputError
from flowers_tfx.review.decisions import decide
from tests.unit.buckets import FakeStore
from tests.unit.watch_world import BROKEN, DRIFTED, World, assert_each_photo_once

FAILED = RunOutcome("failed", ExitCode.FAILED, "r", error="out of memory")


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "inbox").mkdir()
    return World(str(tmp_path / "inbox"), str(tmp_path / "data"), tmp_path)


def test_a_burst_is_one_delivery_one_span_one_run(world: World) -> None:
    for number in range(20):
        world.put(f"daisy/{number}.jpg", f"roses/r{number}.jpg")
        world.pass_time(9)
    assert world.kinds() == [], "they still arrive"
    world.pass_time(300)
    assert world.kinds() == ["batch", "span", "run", "pushed", "idle"]
    assert world.of("batch")[0]["files"] == 40
    assert (world.of("span")[0]["examples"], world.of("span")[0]["delivery"]) == (40, world.of("batch")[0]["delivery"])
    assert world.of("run")[0]["deliveries"] == [world.of("batch")[0]["delivery"]]
    assert world.of("pushed")[0]["version"] == "1001"
    assert len(world.windows) == 1


def test_what_keeps_arriving_waits_no_longer_than_the_longest_wait(world: World) -> None:
    for number in range(70):
        world.put(f"daisy/{number}.jpg")
        world.pass_time(10)
    assert world.of("batch")[0]["files"] == pytest.approx(59, abs=2)


def test_a_file_that_grows_is_not_taken(world: World) -> None:
    world.put("daisy/a.jpg", "daisy/whole.jpg")
    for size in range(90):
        world.put("daisy/a.jpg", data=b"x" * size)
        world.pass_time(10)
    assert {name for photos in world.photos().values() for name in photos} == {"whole.jpg"}
    world.pass_time(700)
    assert sorted(name for photos in world.photos().values() for name in photos) == ["a.jpg", "whole.jpg"]


def test_a_delivery_waits_while_a_photo_is_half_forgotten_and_is_not_blamed(world: World, tmp_path: Path) -> None:
    certificate = tmp_path / "data" / "forgotten" / "abc.json"
    certificate.parent.mkdir(parents=True)
    certificate.write_text(json.dumps({"photo": "abc", "state": "in progress"}))
    world.put("daisy/a.jpg")
    for _ in range(20):
        with pytest.raises(InputError, match="not forgotten everywhere"):
            world.pass_time(700)
    assert world.kinds() == ["batch"]
    certificate.write_text(json.dumps({"photo": "abc", "state": "done"}))
    world.pass_time(700)
    assert world.kinds() == ["batch", "span", "run", "pushed", "idle"]


def test_touched_files_and_a_lost_state_make_no_span_and_no_run(world: World, tmp_path: Path) -> None:
    world.put("daisy/a.jpg", "daisy/b.jpg")
    world.pass_time(500)
    os.utime(tmp_path / "inbox" / "daisy" / "a.jpg")
    world.pass_time(500)
    assert [(event["span"], event["known"]) for event in world.of("span")] == [(1, 0), (None, 1)]
    for path in (tmp_path / "data" / "watch").rglob("*.json"):
        path.unlink()
    world.start()
    world.pass_time(500)
    assert [(event["span"], event["known"]) for event in world.of("span")][2:] == [(None, 2)]
    assert (len(world.windows), len(world.of("pushed"))) == (1, 1)


def test_broken_files_are_set_aside_with_their_reasons(world: World) -> None:
    world.put("daisy/a.jpg", "tulips/unknown.jpg")
    world.put("daisy/bad.jpg", data=BROKEN)
    world.pass_time(500)
    [event] = world.of("set_aside")
    assert event["reasons"] == {"not a picture": 1, 'unknown label "tulips"': 1}
    record = json.loads(Path(event["record"]).read_text())
    assert {Path(file["uri"]).name: file["reason"] for file in record["files"]} == {
        "bad.jpg": "not a picture",
        "unknown.jpg": 'unknown label "tulips"',
    }
    assert_each_photo_once(world, ["a.jpg"], ["bad.jpg", "unknown.jpg"])


def test_a_delivery_of_broken_files_is_set_aside_and_the_next_one_goes_on(world: World) -> None:
    world.put("daisy/bad.jpg", data=BROKEN)
    world.pass_time(200)
    world.put("daisy/good.jpg")
    world.pass_time(400)
    assert world.kinds() == ["batch", "set_aside", "idle", "batch", "span", "run", "pushed", "idle"]
    assert_each_photo_once(world, ["good.jpg"], ["bad.jpg"])
    world.start()
    world.pass_time(200)
    assert len(world.of("batch")) == 2, "what was set aside stays so after a restart"
    Path(world.of("set_aside")[0]["record"]).unlink()
    world.start()
    world.pass_time(200)
    assert len(world.of("batch")) == 3, "... unless its record was deleted"


def test_a_mended_file_is_delivered_again(world: World) -> None:
    world.put("daisy/a.jpg", data=BROKEN)
    world.pass_time(200)
    world.put("daisy/a.jpg", data=b"whole")
    world.pass_time(400)
    assert world.photos() == {1: ["a.jpg"]}


def test_what_arrives_during_a_run_is_the_next_delivery(world: World) -> None:
    world.put("daisy/a.jpg")
    world.pass_time(100)
    for name in ("b", "c"):
        world.put(f"daisy/{name}.jpg")
        world.pass_time(30)
    world.pass_time(400)
    assert [event["files"] for event in world.of("batch")] == [1, 2]
    assert world.windows == [[1], [1, 2]]


def test_a_blocked_run_waits_for_the_decision_and_goes_on(world: World) -> None:
    world.put("daisy/a.jpg")
    world.pass_time(300)
    world.put("daisy/dark.jpg", data=DRIFTED)
    world.pass_time(300)
    assert world.kinds()[-3:] == ["run", "blocked", "idle"]
    assert world.of("idle")[-1]["blocked"] is True
    world.put("daisy/later.jpg")
    world.pass_time(1000)
    assert world.photos() == {1: ["a.jpg"], 2: ["dark.jpg"], 3: ["later.jpg"]}
    assert world.windows == [[1], [1, 2]], "it would be blocked again"
    world.start()
    world.pass_time(1000)
    assert len(world.windows) == 2
    world.decide("accept", 2)
    world.pass_time(300)
    assert world.windows[2:] == [[1, 2, 3]]
    assert world.kinds()[-3:] == ["run", "pushed", "idle"]
    assert len(world.of("run")[-1]["deliveries"]) == 2
    world.decide("reject", 2)
    world.pass_time(300)
    assert world.windows[3:] == [[1, 3]], "a later decision is followed, too"
    assert world.of("pushed")[-1]["version"] == "1004"


def test_a_rejected_delivery_leaves_the_model_as_it_is(world: World) -> None:
    world.put("daisy/a.jpg")
    world.pass_time(300)
    world.put("daisy/dark.jpg", data=DRIFTED)
    world.pass_time(300)
    world.decide("reject", 2)
    world.pass_time(300)
    assert world.windows == [[1], [1, 2], [1]]
    assert len(world.of("pushed")) == 1, "the version of the first run is not pushed a second time"
    assert world.of("idle")[-1]["blocked"] is False


def test_a_decision_during_the_run_is_not_lost(world: World) -> None:
    world.put("daisy/dark.jpg", data=DRIFTED)
    world.pass_time(100)
    assert len(world.windows) == 1
    world.decide("accept", 1)
    world.pass_time(300)
    assert [event["status"] for event in world.of("run")] == ["blocked", "succeeded"]


def test_a_decision_of_one_name_makes_no_run_where_two_must_agree(world: World) -> None:
    world.approvals = 2
    world.start()
    world.put("daisy/dark.jpg", data=DRIFTED)
    world.pass_time(300)
    decide(world.data_root, "accept", 1, ("property:luma",), "evening", "Ada", approvals=2)
    world.pass_time(300)
    assert len(world.windows) == 1
    decide(world.data_root, "accept", 1, ("property:luma",), "evening", "Bo", approvals=2)
    world.pass_time(300)
    assert len(world.windows) == 2


def test_a_failed_run_is_tried_again_and_not_for_ever(world: World) -> None:
    world.outcomes = [FAILED] * 3
    world.put("daisy/a.jpg")
    world.pass_time(2000)
    assert [event["retry_in_s"] for event in world.of("failed")] == [30, 60, None]
    assert len(world.windows) == 3
    world.put("daisy/b.jpg")
    world.pass_time(400)
    assert world.windows[3:] == [[1, 2]]
    assert len(world.of("run")[-1]["deliveries"]) == 2


def test_new_photos_are_ingested_while_a_failed_run_waits_for_its_next_attempt(world: World) -> None:
    world.outcomes = [FAILED]
    world.settings = world.settings.model_copy(update={"retry_s": 900})
    world.start()
    world.put("daisy/a.jpg")
    world.pass_time(200)
    world.put("daisy/b.jpg")
    world.pass_time(400)
    assert world.windows == [[1], [1, 2]]


def test_bad_input_of_a_run_is_not_tried_again_until_something_changes(world: World) -> None:
    world.outcomes = [RunOutcome("failed", ExitCode.BAD_INPUT, error="all of one class")]
    world.put("daisy/a.jpg")
    world.pass_time(2000)
    assert (len(world.windows), world.of("failed")[0]["retry_in_s"]) == (1, None)
    world.put("roses/b.jpg")
    world.pass_time(400)
    assert world.kinds()[-2:] == ["pushed", "idle"]


def test_a_run_waits_while_somebody_else_runs_the_pipeline(world: World) -> None:
    world.run_is_free = False
    world.put("daisy/a.jpg")
    world.pass_time(1000)
    assert world.windows == []
    world.run_is_free = True
    world.pass_time(300)
    assert len(world.of("pushed")) == 1


def test_an_ingest_that_fails_is_tried_again_behind_the_others(world: World) -> None:
    world.errors = [JobResult(1, None, "killed"), JobResult(1, None, "killed")]
    world.put("daisy/a.jpg")
    world.pass_time(70)
    world.put("roses/b.jpg")
    world.pass_time(1000)
    assert [event["retry_in_s"] for event in world.of("failed")] == [30, 60]
    assert_each_photo_once(world, ["a.jpg", "b.jpg"], [])


def test_an_ingest_that_never_succeeds_is_set_aside(world: World) -> None:
    world.errors = [JobResult(2, {"error": "The disk is full.", "hint": "Free some."})] * 3
    world.put("daisy/a.jpg")
    world.pass_time(1000)
    assert world.of("set_aside")[0]["reasons"] == {"The disk is full.": 1}
    assert_each_photo_once(world, [], ["a.jpg"])


def test_a_csv_is_a_delivery_of_its_own(world: World, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "x.jpg"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(b"x")
    world.settings = world.settings.model_copy(update={"smallest_count": 50, "longest_wait_s": 86_400})
    world.start()
    (tmp_path / "inbox" / "new.csv").write_text(f"{elsewhere},roses\nmissing.jpg,daisy\n")
    (tmp_path / "inbox" / "empty.csv").write_text("")
    world.put("daisy/a.jpg")
    world.pass_time(500)
    assert [event["csv"] and Path(event["csv"]).name for event in world.of("batch")] == [None, "empty.csv", "new.csv"]
    assert_each_photo_once(world, ["a.jpg", "x.jpg"], ["missing.jpg", "empty.csv"])
    (tmp_path / "inbox" / "new.csv").write_text(f"{elsewhere},roses\n")
    world.pass_time(500)
    assert world.of("span")[-1]["span"] is None


def test_what_cannot_be_listed_is_set_aside_once(world: World, tmp_path: Path) -> None:
    (tmp_path / "inbox" / "linked").symlink_to(tmp_path)
    world.put("bad\nname/a.jpg", "daisy/a.jpg")
    world.pass_time(300)
    world.start()
    world.pass_time(300)
    [event] = world.of("set_aside")
    assert event["files"] == 2
    assert set(json.loads(Path(event["record"]).read_text())) == {"linked", "bad\nname"}
    assert world.photos() == {1: ["a.jpg"]}


def test_a_place_that_disappears_and_comes_back(world: World, tmp_path: Path) -> None:
    world.put("daisy/a.jpg")
    world.pass_time(300)
    (tmp_path / "inbox").rename(tmp_path / "away")
    world.pass_time(100)
    assert [event["step"] for event in world.of("failed")] == ["look"]
    (tmp_path / "away").rename(tmp_path / "inbox")
    world.put("daisy/b.jpg")
    world.pass_time(300)
    assert world.photos() == {1: ["a.jpg"], 2: ["b.jpg"]}


def test_a_state_of_another_program_is_refused(world: World, tmp_path: Path) -> None:
    (tmp_path / "data" / "watch").mkdir(parents=True)
    (tmp_path / "data" / "watch" / "state.json").write_text('{"format": 7}')
    with pytest.raises(InputError, match="not a watcher's state"):
        world.start()


def story(world: World, kill_after: int | None) -> None:
    """Two deliveries with broken files, the second one drifted, a decision, and a third one."""
    world.writes_left = kill_after
    world.put("daisy/a.jpg", "roses/b.jpg")
    world.put("daisy/bad1.jpg", data=BROKEN)
    world.finish(400)
    world.put("daisy/dark.jpg", data=DRIFTED)
    world.finish(400)
    world.put("daisy/bad2.jpg", data=BROKEN)
    world.put("daisy/late.jpg")
    world.finish(400)
    world.decide("accept", 2)
    world.finish(400)


def test_a_kill_at_any_write_of_the_state_changes_nothing(tmp_path: Path) -> None:
    kills = 0
    for kill_after in range(1000):
        home = tmp_path / str(kill_after)
        (home / "inbox").mkdir(parents=True)
        world = World(str(home / "inbox"), str(home / "data"), home)
        story(world, kill_after)
        assert_each_photo_once(world, ["a.jpg", "b.jpg", "dark.jpg", "late.jpg"], ["bad1.jpg", "bad2.jpg"])
        assert world.windows == [[1], [1, 2], [1, 2, 3]], "no run twice"
        assert sorted(world.photos()) == [1, 2, 3]
        assert [path.name for path in (home / "data" / "watch" / "deliveries").iterdir()] == []
        if world.writes_left is not None:
            break
        kills += 1
    assert kills > 20


def test_it_works_the_same_in_a_bucket(store: FakeStore, tmp_path: Path) -> None:
    world = World("s3://bucket/inbox", "s3://bucket/data", tmp_path)
    story(world, None)
    assert_each_photo_once(world, ["a.jpg", "b.jpg", "dark.jpg", "late.jpg"], ["bad1.jpg", "bad2.jpg"])
    assert world.windows == [[1], [1, 2], [1, 2, 3]]
    world.put("daisy/a.jpg", data=b"other")
    world.pass_time(300)
    assert world.photos()[4] == ["a.jpg"]
    assert not [key for key in store.objects if key.startswith("data/watch/deliveries")]
