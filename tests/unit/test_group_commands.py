"""`flowers review exclude SPAN --group ID` and `include` on the command line, on a disk and in a bucket."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flowers_tfx.config import PipelineConfig
from flowers_tfx.data.decisions import read_decisions
from flowers_tfx.data.edited_spans import edited_span
from flowers_tfx.data.spans import list_spans
from tests.desk_world import GROUP, pipeline_config, reviews_root, span_digest, write_review, write_span
from tests.unit.buckets import FakeStore
from tests.unit.test_cli import call

BY = ("--reason", "another camera", "--by", "Ada", "--json")


@pytest.fixture(params=["disk", "bucket"])
def config(request: pytest.FixtureRequest, tmp_path: Path, store: FakeStore) -> PipelineConfig:
    return pipeline_config(str(tmp_path) if request.param == "disk" else "s3://bucket/home")


class Review:
    """`flowers review` on the pipeline of `config`."""

    def __init__(self, config: PipelineConfig, capsys: pytest.CaptureFixture[str]) -> None:
        self._config, self._capsys = config, capsys

    def __call__(self, action: str, span: int, *words: str) -> dict[str, Any]:
        code, out, errors = self._call(action, span, *words)
        assert code == 0, errors
        return dict(json.loads(out))

    def refuse(self, action: str, span: int, *words: str) -> str:
        code, out, _ = self._call(action, span, *words)
        assert code == 2
        refusal = json.loads(out)
        return f"{refusal['error']} {refusal['hint']}"

    def _call(self, action: str, span: int, *words: str) -> tuple[int, str, str]:
        settings = [f"--set={key}={getattr(self._config, key)}" for key in ("data_root", "pipeline_root", "registry")]
        return call(self._capsys, "review", action, str(span), *words, *BY, *settings)


@pytest.fixture
def review(config: PipelineConfig, capsys: pytest.CaptureFixture[str]) -> Review:
    return Review(config, capsys)


def excluded(config: PipelineConfig, number: int) -> frozenset[str]:
    span = next(span for span in list_spans(config.data_root) if span.number == number)
    return edited_span(read_decisions(config.data_root), span).edits.excluded


def test_a_group_is_left_out_and_comes_back_in_parts(config: PipelineConfig, review: Review) -> None:
    photos = write_span(config.data_root, 1)
    write_review(reviews_root(config), {1: photos})
    decision = review("exclude", 1, "--group", GROUP)
    assert (decision["action"], decision["group"], decision["digest"]) == ("exclude", GROUP, span_digest(1))
    assert decision["photos"] == photos[:4]
    assert excluded(config, 1) == set(photos[:4])
    assert "left out already" in review.refuse("exclude", 1, "--group", GROUP)
    review("include", 1, "--photo", photos[0])
    assert excluded(config, 1) == set(photos[1:4])
    # What is in already stays in, and the rest of the group comes back.
    review("include", 1, "--group", GROUP)
    assert excluded(config, 1) == set()
    assert "are not left out" in review.refuse("include", 1, "--group", GROUP)
    assert [one.action for one in read_decisions(config.data_root)] == ["exclude", "include", "include"]


def test_groups_are_those_of_the_newest_review(config: PipelineConfig, review: Review) -> None:
    photos = write_span(config.data_root, 1)
    write_review(reviews_root(config), {1: photos})
    newer = {"id": "group-2", "words": "2 photos", "photos": photos[6:8], "findings": [], "accuracy": None}
    write_review(reviews_root(config), {1: photos}, 5, groups=[newer])
    assert f"no group {GROUP}. It has group-2." in review.refuse("exclude", 1, "--group", GROUP)
    assert review("exclude", 1, "--group", "group-2")["photos"] == photos[6:8]


def test_a_group_of_another_span_is_refused(config: PipelineConfig, review: Review) -> None:
    first, second, third = (write_span(config.data_root, number) for number in (1, 2, 3))
    group = {"id": "both", "words": "4 photos", "photos": [*first[:2], *second[:2]], "findings": [], "accuracy": None}
    write_review(reviews_root(config), {1: first, 2: second}, groups=[group])
    other = {"id": "evening", "words": "2 photos", "photos": third[:2], "findings": [], "accuracy": None}
    write_review(reviews_root(config), {3: third}, 5, groups=[other])
    assert "no group evening" in review.refuse("exclude", 1, "--group", "evening")
    # A group of a review of two spans: each span's own photos.
    assert review("exclude", 2, "--group", "both")["photos"] == second[:2]
    assert (excluded(config, 1), excluded(config, 2)) == (set(), set(second[:2]))
    assert "span 4" in review.refuse("exclude", 4, "--group", "both")


def test_a_review_of_other_photos_names_none_of_this_span(config: PipelineConfig, review: Review) -> None:
    photos = write_span(config.data_root, 1)
    write_review(reviews_root(config), {1: photos}, new_spans=[{"span": 1, "digest": "0" * 64}])
    assert "was of other photos" in review.refuse("exclude", 1, "--group", GROUP)
    assert read_decisions(config.data_root) == []


def test_a_group_and_photos_are_two_ways_to_name_photos(config: PipelineConfig, review: Review) -> None:
    photos = write_span(config.data_root, 1)
    for words in ((), ("--group", GROUP, "--photo", photos[0])):
        assert "either --group ID or --photo DIGEST" in review.refuse("exclude", 1, *words)
