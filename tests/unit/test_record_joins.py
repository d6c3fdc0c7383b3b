"""Labels of feedback on records, and samples of records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowers_tfx.monitoring.closed_segments import write_closed_segment
from flowers_tfx.monitoring.record_labels import with_feedback
from flowers_tfx.monitoring.record_sample import sample_measured
from flowers_tfx.monitoring.records import read_records
from tests.unit.recorded_answers import recorded


def test_the_last_word_on_an_answer_is_its_label(tmp_path: Path) -> None:
    write_closed_segment(tmp_path, "1700000000000-ab", [recorded(number) for number in range(4)])
    lines = [
        {"id": f"{0:032x}", "label": "roses"},
        {"id": f"{1:032x}", "label": "roses"},
        {"id": f"{1:032x}", "label": "daisy"},
        {"id": f"{2:032x}", "label": None},
    ]
    log = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "feedback.jsonl").write_text(log + '{"id": "half a li', encoding="utf-8")
    frame = with_feedback(read_records(str(tmp_path)), str(tmp_path))
    assert frame["label"].tolist() == ["roses", "daisy", None, None]
    assert frame["corrected"].tolist() == [True, True, True, False]


@pytest.mark.parametrize("feedback_dir", ["", "nothing"])
def test_without_feedback_there_are_no_labels(tmp_path: Path, feedback_dir: str) -> None:
    write_closed_segment(tmp_path, "1700000000000-ab", [recorded(0)])
    frame = with_feedback(read_records(str(tmp_path)), feedback_dir and str(tmp_path / feedback_dir))
    assert (frame["label"].tolist(), frame["corrected"].tolist()) == ([None], [False])


def test_a_sample_undoes_uneven_shares(tmp_path: Path) -> None:
    """4,000 photos answered in quiet hours, all measured; 4,000 in a rush, of which a tenth was measured."""
    quiet = [recorded(number, measured_share=1.0) for number in range(4000)]
    rush = [
        recorded(4000 + number, measured=number % 10 == 0, **({"measured_share": 0.1} if number % 10 == 0 else {}))
        for number in range(4000)
    ]
    write_closed_segment(tmp_path, "1700000000000-ab", [*quiet, *rush])
    frame = read_records(str(tmp_path), embeddings=False)
    sample = sample_measured(frame, 200)
    assert len(sample) == 200 and sample["measured"].all() and sample["time"].is_monotonic_increasing
    assert 70 <= (sample["measured_share"] < 1).sum() <= 130  # 18 without weights
    assert sample_measured(frame.iloc[::-1], 200)["id"].tolist() == sample["id"].tolist()[::-1]
    assert len(sample_measured(frame, 10_000)) == 4400
