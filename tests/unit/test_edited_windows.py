"""Photos that reviewers left out and labels that they corrected: what a window says of them, and what a run makes of that."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from flowers_tfx.data.decisions import FILE, expand, read_decisions
from flowers_tfx.data.edited_spans import edited_span
from flowers_tfx.data.example_files import read_span_examples
from flowers_tfx.data.photo_edits import PhotoEdits
from flowers_tfx.data.records import RecordWriter, bytes_feature, example_bytes
from flowers_tfx.data.spans import Span, list_spans, read_photos
from flowers_tfx.data.windows import span_identities, window_spans
from flowers_tfx.errors import InputError
from flowers_tfx.review import window_comparisons
from flowers_tfx.review.data_record import data_record
from flowers_tfx.review.decisions import decide
from flowers_tfx.review.gate import decide_gate
from flowers_tfx.review.sides import Side
from flowers_tfx.review.window_comparisons import compare_window
from flowers_tfx.selection import Selection, fingerprint, select
from flowers_tfx.validation import Finding, Policy, Review
from tests.unit.decided_spans import CLASSES, write_span
from tests.unit.tables import table


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_span(tmp_path / "data", 1, 36)
    write_span(tmp_path / "data", 2, 36)
    return tmp_path / "data"


def digests(root: Path, number: int) -> list[str]:
    return list(read_photos(list_spans(root)[number - 1])["digest"])


def exclude(root: Path, number: int, photos: Sequence[str], by: str = "Ada", approvals: int = 1) -> None:
    decide(str(root), "exclude", number, (), "other camera", by, photos=photos, approvals=approvals)


def include(root: Path, number: int, photos: Sequence[str]) -> None:
    decide(str(root), "include", number, (), "ours", "Ada", photos=photos)


def selected(root: Path, window: int | str = "all", approvals: int = 1) -> Selection:
    return select(str(root), str(root.parent / "registry"), window, CLASSES, "s", None, approvals)


def test_a_window_names_what_was_changed_and_readers_apply_it(root: Path) -> None:
    before, photos = selected(root).window, digests(root, 2)
    exclude(root, 2, photos[:4])
    decide(str(root), "relabel", 2, (), "a tulip", "Ada", labels={photos[4]: "tulips"}, classes=CLASSES)
    window = selected(root).window
    assert json.loads(window)[0] == json.loads(before)[0]
    assert not any(photo in window for photo in photos), "a parameter of a node must stay short"
    one, two = window_spans(str(root), window)
    assert not one.edits and two.edits == PhotoEdits(frozenset(photos[:4]), {photos[4]: "tulips"})
    assert (two.examples, two.manifest["label_counts"]["tulips"]) == (32, 1)
    assert [span.edits for span in window_spans(str(root), before)] == [PhotoEdits()] * 2
    decide(str(root), "accept", 2, ("x",), "fine", "Ada")
    assert selected(root).window == window, "other decisions change nothing before the review"


def test_a_window_is_as_before_when_all_is_taken_back(root: Path) -> None:
    before, photos = selected(root), digests(root, 1)
    exclude(root, 1, photos[:2])
    once = selected(root).window
    include(root, 1, photos[:2])
    assert selected(root).window == before.window
    exclude(root, 1, photos[1:2])
    exclude(root, 1, photos[:1])
    assert fingerprint(selected(root).window, "s") == fingerprint(once, "s") != fingerprint(before.window, "s")
    assert selected(root).window == once, "the same photos are the same window, however they were decided on"


def test_decisions_that_change_during_a_run_stop_it(root: Path) -> None:
    exclude(root, 1, digests(root, 1)[:2])
    selection = selected(root)
    text = (root / FILE).read_text().replace(digests(root, 1)[0], digests(root, 1)[5])
    (root / FILE).write_text(text)
    with pytest.raises(InputError, match=r"Decisions on span-1 of .* were changed during the run"):
        window_spans(str(root), selection.window)
    (root / FILE).unlink()
    with pytest.raises(InputError, match="lost decisions on span 1"):
        expand(str(root), list_spans(root), json.loads(selection.decisions))


def test_what_cannot_be_trained_on_is_one_sentence(root: Path) -> None:
    exclude(root, 2, digests(root, 2)[::2])
    with pytest.raises(InputError, match=r"span-2 are all of one class \(roses\)") as refused:
        selected(root, 1)
    assert "flowers review include" in refused.value.hint
    include(root, 2, digests(root, 2)[::2])
    rows = read_photos(list_spans(root)[1])
    exclude(root, 2, list(rows[rows["split"] == "test"]["digest"]))
    with pytest.raises(InputError, match="No photo of span-2 falls into the split test") as refused:
        selected(root, 1)
    assert "flowers review include" in refused.value.hint


def test_one_name_changes_no_window_where_two_must_agree(root: Path) -> None:
    before, photos = selected(root, approvals=2), digests(root, 2)
    exclude(root, 2, photos[:3], "Ada", 2)
    waiting = selected(root, approvals=2)
    assert waiting.window == before.window and waiting.decisions != before.decisions
    blocked = Review((Finding("property:luma", "error", "property", "luma", "dark"),), {}, {}, {"spans": [2]})
    window = json.loads(waiting.window)
    decisions = expand(str(root), list_spans(root), json.loads(waiting.decisions))
    gate = decide_gate(blocked, (), window[1:], window, decisions, 2)
    assert gate.message.endswith("The decision of Ada to leave out 3 photos of span 2 waits for 1 other name.")
    exclude(root, 2, photos[:3], "Bo", 2)
    assert window_spans(str(root), selected(root, approvals=2).window)[1].examples == 33


def test_an_accepted_finding_blocks_again_when_photos_left(root: Path) -> None:
    decide(str(root), "accept", 2, ("property:luma",), "evening", "Ada")
    blocked = Review((Finding("property:luma", "error", "property", "luma", "dark"),), {}, {}, {"spans": [2]})

    def verdict() -> str:
        window = json.loads(selected(root).window)
        decisions = expand(str(root), list_spans(root), json.loads(selected(root).decisions))
        return decide_gate(blocked, (), window[1:], window, decisions).review.verdict

    assert verdict() == "pass"
    exclude(root, 2, digests(root, 2)[:1])
    assert verdict() == "blocked"


def test_the_record_of_a_model_counts_what_it_was_trained_on(root: Path) -> None:
    photos = digests(root, 2)
    exclude(root, 2, photos[:4])
    selection = selected(root)
    review = {"new_spans": [], "verdict": "pass", "findings": []}
    record = data_record(window_spans(str(root), selection.window), review, json.loads(selection.decisions), str(root))
    assert [(span["examples"], span["excluded"], span["relabelled"]) for span in record["spans"]] == [(36, 0, 0), (32, 4, 0)]
    [decision] = record["spans"][1]["decisions"]
    assert decision["photo_count"] == 4 and not any(photo in json.dumps(record) for photo in photos), "cards name no photo"


def side_of(spans: Sequence[Span]) -> Side:
    rows = pd.concat([read_photos(span).assign(span=span.number) for span in spans], ignore_index=True)
    made_up = table(len(rows), 1).drop(columns=["digest", "uri", "embedding", "label"])
    rows = pd.concat([made_up, rows[["digest", "uri", "label"]]], axis=1)
    return Side("", rows, as_new={"spans": [span.number for span in spans], "digest": "", "photos": len(rows)})


def test_photos_that_come_back_are_new_to_a_model_that_was_trained_without_them(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_comparisons, "spans_side", side_of)
    photos = digests(root, 1)
    exclude(root, 1, photos[:14])
    trained = span_identities(selected(root, "all").window)
    include(root, 1, photos[:12])
    window = window_spans(str(root), selected(root).window)
    serving = {"version": 7, "data": "", "spans": trained}
    main, _ = compare_window(window, serving, root / "none", Policy(permutations=1500), None, decisions=read_decisions(root))
    assert set(main.new.rows["digest"]) == set(photos[:12])
    exclude(root, 1, photos[:12])
    window = window_spans(str(root), selected(root).window)
    main, _ = compare_window(window, serving, root / "none", Policy(permutations=1500), None, decisions=read_decisions(root))
    assert main.review.new["photos"] == 0, "nothing is new when photos leave"


def test_examples_are_read_as_reviewers_left_them(root: Path) -> None:
    span = list_spans(root)[0]
    rows = read_photos(span)
    for split in ("train", "test"):
        with (span.path / f"{split}-00000-of-00001.tfrecord.gz").open("wb") as file:
            writer = RecordWriter(file)
            for row in rows[rows["split"] == split].itertuples():
                writer.write(example_bytes({"digest": row.digest, "label": row.label, "mean_luma": 0.5, "width": 10, "image": b"JPEG"}))
            writer.close()
    test = list(rows[rows["split"] == "test"]["digest"])
    plain = list(read_span_examples(span, "test"))
    exclude(root, 1, test[:2])
    decide(str(root), "relabel", 1, (), "a tulip", "Ada", labels={test[2]: "tulips"}, classes=CLASSES)
    edited = list(read_span_examples(edited_span(read_decisions(root), span), "test"))
    assert [bytes_feature(record, "digest").decode() for record in edited] == test[2:]
    assert [bytes_feature(record, "label") for record in edited[:2]] == [b"tulips", bytes_feature(plain[3], "label")]
    assert bytes_feature(edited[0], "image") == b"JPEG" and edited[1:] == plain[3:]
    assert edited[0] == example_bytes({"digest": test[2], "label": "tulips", "mean_luma": 0.5, "width": 10, "image": b"JPEG"})


def test_a_span_without_photos_left_is_not_in_a_window(root: Path) -> None:
    """Two reviewers can each leave some."""
    photos = digests(root, 2)
    exclude(root, 2, photos[:20])
    line = json.loads((root / FILE).read_text().splitlines()[0])
    with (root / FILE).open("a") as file:
        file.write(json.dumps({**line, "photos": photos[20:]}) + "\n")
    assert [entry["span"] for entry in json.loads(selected(root).window)] == [1]
    span = replace(edited_span(read_decisions(root), list_spans(root)[1]))
    assert (span.examples, len(read_photos(span))) == (0, 0)
