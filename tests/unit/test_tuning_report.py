"""The page and the JSON of a search."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from flowers_tfx.reports.tuning import HeldOutComparison, MeanChange, TrialRow, Tuning, render_html, result_sentence, to_json
from flowers_tfx.reports.tuning_charts import BOTTOM, HEIGHT, TOP, draw_best_so_far, draw_parallel_axes

SPACE = {"dropout": {"min": 0.0, "max": 0.5, "sampling": "linear"}, "rate": {"min": 1e-4, "max": 1e-2, "sampling": "log"}, "batch": [8, 16]}
TRIALS = (
    TrialRow(0, {"dropout": 0.2, "rate": 1e-3, "batch": 99}, 0.5, 0.8, 20, 1.5),
    TrialRow(1, {"dropout": 0.5, "rate": 1e-2, "batch": 8}, 0.6, 0.75, 20, 1.5),
    TrialRow(2, {"dropout": 0.1, "rate": 1e-4, "batch": 16}, error="<b>diverged</b>"),
    TrialRow(3, {"dropout": 0.0, "rate": 1e-4, "batch": 16}, 0.4, 0.85, 20, 1.5),
)
ACCURACY = MeanChange(0.86, 0.85, 0.01, (-0.01, 0.03))


def tuning(interval: tuple[float, float] | None = (-0.07, -0.01)) -> Tuning:
    comparison = HeldOutComparison(200, MeanChange(0.38, 0.42, -0.04, interval), ACCURACY)
    return Tuning("random", 3, SPACE, {"search": 600, "eval": 100, "held_out": 200}, TRIALS, 3, comparison, 120.0)


@pytest.mark.parametrize(
    ("interval", "verdict", "words"),
    [
        ((-0.07, -0.01), "better", "The best trial is better"),
        ((-0.07, 0.01), "open", "It is not shown that the best trial is better"),
        ((0.01, 0.05), "worse", "The best trial is worse"),
        (None, "open", "too few photos for an interval"),
    ],
)
def test_better_needs_an_interval_below_zero(interval: tuple[float, float] | None, verdict: str, words: str) -> None:
    result = tuning(interval)
    assert to_json(result)["comparison"]["verdict"] == verdict
    assert words in result_sentence(result)
    assert words in render_html(result)


def test_the_sentence_has_both_measures_with_their_intervals() -> None:
    sentence = result_sentence(tuning()).replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")
    assert "on 200 photos that no trial saw, its log loss is 0.380 against 0.420, a difference of -0.040" in sentence
    assert "95 % interval -0.070 to -0.010" in sentence
    assert "Accuracy: 86.0 % against 85.0 %, +1.0 points (95 % interval -1.0 points to +3.0 points)." in sentence


def test_without_a_better_trial_the_configured_settings_stay() -> None:
    result = replace(tuning(), best=0, comparison=None)
    assert "No trial did better" in result_sentence(result)
    assert "The configured settings stay" in render_html(result)


def test_the_page_needs_no_other_file_and_shows_every_trial() -> None:
    page = render_html(tuning())
    assert "<b>diverged" not in page
    assert "&lt;b&gt;diverged" in page
    assert not re.findall(r"(?:src|href)=", page)
    assert "<script" not in page

    rows, tags = [], []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: object) -> None:
            tags.append(tag)
            if tag == "tr":
                rows.append(attributes)

    Reader().feed(page)
    assert tags.count("polyline") == 3, "a line for each trial with a result"
    assert len(rows) == 1 + 2 + 1 + len(TRIALS)


def test_the_json_is_strict_and_whole() -> None:
    plain = json.loads(json.dumps(to_json(tuning()), allow_nan=False))
    assert plain["format"] == 1
    assert [trial["number"] for trial in plain["trials"]] == [0, 1, 2, 3]
    assert plain["trials"][2]["log_loss"] is None
    assert plain["best"] == 3


def test_axes_run_upwards_and_values_outside_lie_below() -> None:
    chart = draw_parallel_axes(SPACE, TRIALS, best=3)
    assert [axis.name for axis in chart.axes] == ["dropout", "rate", "batch", "log loss"]
    best = chart.lines[-1]
    assert (best.is_best, best.rank) == (True, 0.0)
    bottom, top = float(HEIGHT - BOTTOM), float(TOP)
    assert [float(point.split(",")[1]) for point in best.points.split()] == [bottom, bottom, top, bottom]
    (configured,) = [line for line in chart.lines if line.is_configured]
    heights = [float(point.split(",")[1]) for point in configured.points.split()]
    assert heights[1] == pytest.approx((bottom + top) / 2, abs=0.1), "1e-3 is in the middle of 1e-4 and 1e-2"
    assert heights[2] > bottom, "a batch of 99 is not in the list"


def test_the_best_so_far_never_rises() -> None:
    chart = draw_best_so_far(TRIALS)
    bottom, top = HEIGHT - BOTTOM, TOP
    half = (bottom + top) / 2
    (first, _), (third, _), end = chart.dots[0][:2], chart.dots[2][:2], chart.dots[-1][0]
    assert chart.stairs == f"M{first},{half}H{third}V{float(bottom)}H{end}", "it falls at trial 3, and a lower loss lies lower"
    assert len(chart.dots) == 3
