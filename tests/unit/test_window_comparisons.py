"""What a run compares with what, from its window and from the serving model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flowers_tfx.data.spans import Span
from flowers_tfx.data.tables import Table, write_table
from flowers_tfx.registry import write_no_baseline_reason
from flowers_tfx.review import window_comparisons
from flowers_tfx.review.comparison import Comparison
from flowers_tfx.review.sides import Side, joint_digest
from flowers_tfx.review.window_comparisons import compare_window, named_spans
from flowers_tfx.validation import Policy
from tests.unit.tables import table

PHOTOS = 60


def span(number: int) -> Span:
    return Span(number, Path(f"span-{number}"), f"digest-{number}", {"examples": PHOTOS})


def rows(spans: Sequence[Span]) -> pd.DataFrame:
    parts = [table(PHOTOS, one.number, name=f"span-{one.number}").assign(span=one.number).drop(columns=["embedding"]) for one in spans]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["uri", "digest", "label", "span"])


def side(spans: Sequence[Span]) -> Side:
    name, facts = ", ".join(one.path.name for one in spans), {"digest": joint_digest(spans), "photos": PHOTOS * len(spans)}
    as_baseline = {"kind": "span", "name": name, **facts}
    return Side(name, rows(spans), as_baseline=as_baseline, as_new={"spans": [one.number for one in spans], **facts})


@pytest.fixture(autouse=True)
def made_up_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_comparisons, "spans_side", side)
    monkeypatch.setattr(window_comparisons, "span_rows", rows)


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    write_table(tmp_path / "photos.parquet", Table(rows([span(1)]), facts={"photos": 1000}))
    return tmp_path


def serving(*trained_on: int, **more: Any) -> dict[str, Any]:
    spans = [{"span": number, "digest": f"digest-{number}"} for number in trained_on]
    return {"version": 7, "data": "d7", "spans": spans, **more}


def compare(numbers: Sequence[int], model: dict[str, Any] | None, home: Path) -> tuple[Comparison, Comparison | None]:
    return compare_window([span(number) for number in numbers], model, home, Policy(permutations=1500), None)


def test_the_first_span_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    main, further = compare([1], None, tmp_path)
    assert (main.review.compared_with["kind"], main.review.new["spans"], further) == ("none", [1], None)


def test_without_a_serving_model_the_newest_span_is_compared_with_the_previous_one(tmp_path: Path) -> None:
    main, further = compare([1, 2, 3], None, tmp_path)
    assert (main.review.compared_with["name"], main.review.new["spans"], further) == ("span-2", [3], None)
    assert main.earlier is not None
    assert set(main.earlier.rows["span"]) == {1, 2}


def test_what_is_new_is_compared_with_the_sample_of_the_serving_model(sample: Path) -> None:
    main, further = compare([1, 2, 3], serving(1), sample)
    assert main.review.compared_with == {"kind": "serving", "version": "7", "digest": "d7", "photos": 1000, "spans": [1]}
    assert main.review.new["spans"] == [2, 3]
    assert "tfdv_jensen_shannon_divergence" in main.review.scores["mean_luma"]
    assert further is not None
    assert (further.review.compared_with["name"], further.review.new["spans"]) == ("span-2", [3])
    assert named_spans([span(1), span(2)], [2]) == [{"span": 2, "digest": "digest-2"}]


def test_a_span_with_another_content_under_an_old_number_is_new(sample: Path) -> None:
    other = replace(span(1), digest="changed")
    main, _ = compare_window([other], serving(1), sample, Policy(permutations=1500), None)
    assert main.review.new["spans"] == [1]


@pytest.mark.parametrize(("data", "level"), [("d7", "error"), ("", "warn")])
def test_a_sample_that_is_unavailable_is_a_finding_of_its_version(tmp_path: Path, data: str, level: str) -> None:
    write_no_baseline_reason(tmp_path, "its files are gone")
    main, further = compare([1, 2], serving(1, data=data), tmp_path)
    (finding,) = (finding for finding in main.review.findings if finding.id == "schema:baseline:7")
    assert (finding.level, further) == (level, None)
    assert "its files are gone" in finding.message


def test_nothing_new_passes_unless_the_serving_model_is_damaged(tmp_path: Path) -> None:
    write_no_baseline_reason(tmp_path, "damaged")
    main, further = compare([1], serving(1), tmp_path)
    assert (main.review.verdict, main.review.new["spans"], main.new.rows.empty, further) == ("pass", [], True, None)
    damaged, _ = compare([1], serving(1, damage="a file is missing"), tmp_path)
    assert damaged.review.verdict == "blocked"
