"""What the desk shows when stored reviews are damaged, photos were forgotten, or a place of data does not answer."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from flowers_tfx.desk.pipelines import Pipeline
from flowers_tfx.desk.time_limits import TimeLimit
from flowers_tfx.errors import InputError
from tests.desk_world import GROUP, finding, pipeline_config, write_span
from tests.unit.buckets import FakeStore
from tests.unit.test_desk import World, text

GROUPS = "groups"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(pipeline_config(str(tmp_path)))


def damage(world: World, content: str | dict[str, Any]) -> str:
    """Adds a review: this text, or the stored one with these changes; returns its name."""
    home = Path(world.config.pipeline_root) / "reviews"
    stored = json.loads((home / world.name / "review.json").read_text())
    folder = home / "1-damaged"
    folder.mkdir()
    folder.joinpath("report.html").write_text("<!doctype html>")
    folder.joinpath("review.json").write_text(content if isinstance(content, str) else json.dumps({**stored, **content}))
    return folder.name


@pytest.mark.parametrize(
    "content",
    [
        '{"verdict": "blo',
        "[]",
        "[" * 100_000,
        '{"created": "2026-11-21T00:00:00+00:00"}',
        {"verdict": None},
        {"findings": None},
        {"findings": [finding("novel:x", "error", "Of a later version.")]},
        {"findings": [{**finding("label:x", "warn", "x"), "examples": [{}]}]},
        {"new": None},
        {"new": {"spans": ["x"], "photos": 1}},
        {"new_spans": ["x"]},
        {"decisions": [None]},
        {GROUPS: None},
        {GROUPS: [{"id": "g"}]},
        {"harm": {"accuracy": "high"}},
        {"harm": {"accuracy": float("nan")}},
        {"scores": {"mean_luma": 5}},
    ],
    ids=repr,
)
def test_a_damaged_review_hides_no_other_one(world: World, content: str | dict[str, Any]) -> None:
    name = damage(world, content)
    ada = world.reviewer()
    for page in (ada.get("/"), ada.get("/pipelines/garden")):
        assert world.path in page
        assert f"1 review cannot be read: {name}." in text(page)
    ada.get(f"/pipelines/garden/reviews/{name}", 404)
    ada.decide(world.path, ada.open(world.path), action="reject")


def test_a_review_that_cannot_be_read_is_named(world: World) -> None:
    name = damage(world, {})
    file = Path(world.config.pipeline_root) / "reviews" / name / "review.json"
    file.unlink()
    file.symlink_to(file.name)  # reading it fails for every user
    assert f"1 review cannot be read: {name}." in text(world.reviewer().get("/"))
    file.unlink()
    assert "cannot be read" not in text(world.reviewer().get("/")), "a folder without a review is not one yet"


def test_forgotten_photos_are_not_in_a_group_any_more(world: World) -> None:
    photos = world.photos[1]
    group = {"id": GROUP, "words": "4 photos", "photos": ["forgotten", *photos[:3]], "findings": [], "accuracy": None}
    labels = finding("label:consistency", "warn", "Labels contradict.", ["forgotten", photos[5]])
    name = damage(world, {GROUPS: [group], "findings": [labels], "verdict": "blocked", "created": "2026-11-21T00:00:00+00:00"})
    ada, path = world.reviewer(), f"/pipelines/garden/reviews/{name}"
    assert 'value="forgotten"' not in ada.get(path)
    ada.decide(path, ada.open(path), action="exclude", group=GROUP)
    assert world.decisions[0].photos == tuple(photos[:3])


def test_nothing_at_a_data_root_is_said(world: World, tmp_path: Path) -> None:
    empty = pipeline_config(str(tmp_path / "nowhere"), "meadow")
    app = world.app(None, empty)
    ada = type(world.reviewer())(app)
    assert "Nothing is in its data root yet." in text(ada.get("/"))
    assert "Nothing is in the data root yet." in text(ada.get("/pipelines/meadow"))


def test_a_place_that_does_not_answer_holds_up_nobody_else(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends, calls = threading.Event(), []
    original = Pipeline._read

    def read(pipeline: Pipeline) -> Any:
        if pipeline.key == "cloud":
            calls.append(pipeline.key)
            ends.wait()
        return original(pipeline)

    monkeypatch.setattr("flowers_tfx.desk.pipelines._ANSWER_S", 0.05)
    monkeypatch.setattr(Pipeline, "_read", read)
    other = World(pipeline_config(str(tmp_path / "cloud"), "cloud"))
    ada = type(world.reviewer())(world.app(None, other.config))
    for _ in range(3):
        home = text(ada.get("/"))
        assert "did not answer within" in home
        assert "garden: Span 1" in home
        assert "did not answer within" in ada.get("/pipelines/cloud", 503)
    assert len(calls) == 1, "while a call is overdue there is no other"
    ends.set()


def test_a_time_limit_passes_results_and_errors_on() -> None:
    limit = TimeLimit("The bucket", 5.0)
    assert limit.call(lambda: 7) == 7

    def fail() -> int:
        raise InputError("It cannot be read.")

    with pytest.raises(InputError, match="cannot be read"):
        limit.call(fail)
    begins, ends, over = threading.Event(), threading.Event(), TimeLimit("The bucket", 0.0)

    def wait() -> int:
        begins.set()
        ends.wait()
        return 1

    with pytest.raises(OSError, match=r"The bucket did not answer within 0 s\."):
        over.call(wait)
    begins.wait()
    ends.set()


def test_spans_that_are_known_are_not_read_again(store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowers_tfx.desk.pipelines._FRESH_S", 0.0)
    world = World(pipeline_config("s3://bucket/home"), spans=3)
    pipeline = Pipeline("garden", world.config)
    assert [span.number for span in pipeline.snapshot().spans] == [1, 2, 3]
    reads, read = [], FakeStore.read

    def counted(self: FakeStore, key: str, *rest: Any) -> Any:
        reads.append(key)
        return read(self, key, *rest)

    monkeypatch.setattr(FakeStore, "read", counted)
    write_span(world.config.data_root, 4)
    assert [span.number for span in pipeline.snapshot().spans] == [1, 2, 3, 4]
    assert [key for key in reads if "span-" in key or "review.json" in key] == ["home/data/span-4/manifest.json"]
