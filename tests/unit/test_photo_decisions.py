"""Decisions on single photos of a span, by one reviewer or several: what is recorded, what is refused, what waits."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from flowers_tfx.data.decisions import FILE, read_decisions
from flowers_tfx.data.edited_spans import edited_span, photo_rows
from flowers_tfx.data.photo_edits import PhotoEdits
from flowers_tfx.data.spans import list_spans, read_photos
from flowers_tfx.errors import InputError
from flowers_tfx.review.decisions import (
    DecidedMeanwhile,
    DecisionRequest,
    decide,
    decide_all,
    is_rejected,
    state_of,
    waiting_decisions,
)
from flowers_tfx.storage import BucketPath, StoragePath
from tests.unit.buckets import FakeStore
from tests.unit.decided_spans import CLASSES, digest_of, write_span


@pytest.fixture(params=["disk", "bucket"])
def root(request: pytest.FixtureRequest, tmp_path: Path, store: FakeStore) -> StoragePath:
    return tmp_path / "data" if request.param == "disk" else BucketPath("s3://bucket/data")


def exclude(root: StoragePath, photos: list[str], by: str = "Ada", approvals: int = 1, expected: int | None = None) -> None:
    decide(str(root), "exclude", 1, (), "other camera", by, photos=photos, approvals=approvals, expected=expected)


def edits(root: StoragePath, approvals: int = 1) -> PhotoEdits:
    return edited_span(read_decisions(root), list_spans(root)[0], approvals).edits


def test_excluded_photos_leave_rows_and_counts_and_come_back(root: StoragePath) -> None:
    photos = write_span(root, 1)
    exclude(root, photos[:3])
    span = edited_span(read_decisions(root), list_spans(root)[0])
    assert list(read_photos(span)["digest"]) == photos[3:]
    assert (span.examples, span.manifest["label_counts"]) == (9, {"daisy": 4, "roses": 5})
    assert span.manifest["splits"] == {"train": 2, "eval": 3, "test": 4}
    decide(str(root), "include", 1, (), "it is our camera", "Ada", photos=photos[:2])
    assert edits(root) == PhotoEdits(frozenset(photos[2:3]))


def test_a_corrected_label_is_in_rows_and_counts(root: StoragePath) -> None:
    photos = write_span(root, 1)
    decide(str(root), "relabel", 1, (), "a tulip", "Ada", labels={photos[0]: "tulips"}, classes=CLASSES)
    span = edited_span(read_decisions(root), list_spans(root)[0])
    assert list(read_photos(span)["label"])[:2] == ["tulips", "roses"]
    assert span.manifest["label_counts"] == {"daisy": 5, "roses": 6, "tulips": 1}
    decide(str(root), "relabel", 1, (), "no, a daisy", "Bo", labels={photos[0]: "daisy"}, classes=CLASSES)
    assert not edits(root)


def test_lines_of_older_versions_are_as_they_were(root: StoragePath) -> None:
    write_span(root, 1)
    decide(str(root), "reject", 1, (), "blurred", "Ada")
    [line] = (root / FILE).read_text(encoding="utf-8").splitlines()
    assert list(json.loads(line)) == ["action", "span", "digest", "findings", "reason", "by", "when"]
    assert is_rejected(read_decisions(root), list_spans(root)[0])


@pytest.mark.parametrize(
    ("action", "photos", "labels", "message"),
    [
        ("exclude", [], {}, "names no photo"),
        ("exclude", ["0" * 64], {}, "no photo with the digest 000"),
        ("exclude", [digest_of("1-0"), "1", "2"], {}, "nor 1 others"),
        ("exclude", [digest_of(f"1-{n}") for n in range(12)], {}, "No photo of span 1 would be left"),
        ("include", [digest_of("1-0")], {}, "are not left out"),
        ("relabel", [], {}, "names no photo"),
        ("relabel", [], {digest_of("1-0"): "thistle"}, "'thistle' is not a class of the pipeline"),
        ("relabel", [], {digest_of("1-0"): "daisy"}, "have these labels already"),
        ("relabel", [], {digest_of("2-0"): "daisy"}, "no photo with the digest"),
    ],
)
def test_what_changes_nothing_or_names_no_photo_is_refused(
    tmp_path: Path, action: str, photos: list[str], labels: dict[str, str], message: str
) -> None:
    write_span(tmp_path, 1)
    with pytest.raises(InputError, match=message):
        decide(str(tmp_path), action, 1, (), "why", "Ada", photos=photos, labels=labels, classes=CLASSES)  # type: ignore[arg-type]
    assert not (tmp_path / FILE).exists()


def test_the_last_photos_cannot_be_excluded_bit_by_bit(tmp_path: Path) -> None:
    photos = write_span(tmp_path, 1)
    exclude(tmp_path, photos[:8])
    with pytest.raises(InputError, match="No photo of span 1 would be left") as refused:
        exclude(tmp_path, photos[8:])
    assert "flowers review reject 1" in refused.value.hint


def test_a_second_reviewer_is_told_who_was_faster(root: StoragePath) -> None:
    photos = write_span(root, 1)
    exclude(root, photos[:1], "Ada", expected=0)
    with pytest.raises(DecidedMeanwhile, match=r"Ada decided on span 1 after you had read it: exclude at .* \(other camera\)"):
        exclude(root, photos[1:2], "Bo", expected=0)
    assert edits(root).excluded == {photos[0]}
    exclude(root, photos[1:2], "Bo", expected=1)
    with pytest.raises(InputError, match="are not those that you saw"):
        exclude(root, photos[2:3], "Bo", expected=5)


def test_of_reviewers_at_the_same_moment_one_decides(root: StoragePath) -> None:
    photos = write_span(root, 1)
    results: list[str] = []
    start = threading.Barrier(6)

    def attempt(number: int) -> None:
        start.wait()
        try:
            exclude(root, [photos[number]], f"reviewer {number}", expected=0)
            results.append("decided")
        except DecidedMeanwhile as error:
            results.append(error.decisions[0].by)

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [decision] = read_decisions(root)
    assert sorted(results) == sorted(["decided", *[decision.by] * 5])


def test_several_decisions_are_recorded_whole_or_not_at_all(root: StoragePath) -> None:
    photos = write_span(root, 1)
    requests = [
        DecisionRequest("exclude", 1, "other camera", "Ada", photos=(photos[0],), expected=0),
        DecisionRequest("relabel", 1, "a tulip", "Ada", labels={photos[1]: "tulips"}, expected=0),
    ]
    with pytest.raises(InputError, match="is not a class"):
        decide_all(str(root), requests, classes=CLASSES[:2])
    assert read_decisions(root) == []
    decide_all(str(root), requests, classes=CLASSES)
    assert edits(root) == PhotoEdits(frozenset(photos[:1]), {photos[1]: "tulips"})


def test_with_two_approvals_a_decision_waits_for_another_name(root: StoragePath) -> None:
    photos = write_span(root, 1)
    exclude(root, photos[:2], "Ada", 2)
    assert not edits(root, 2)
    [waiting] = waiting_decisions(str(root), 2)
    assert (waiting.names, waiting.missing, set(waiting.photos)) == (("Ada",), 1, set(photos[:2]))
    with pytest.raises(InputError, match="ada took this decision on span 1 already: it waits for another name"):
        exclude(root, photos[:2], "ada ", 2)
    exclude(root, photos[1:3], "Bo", 2)
    assert edits(root, 2).excluded == {photos[1]}
    assert {photo for one in waiting_decisions(str(root), 2) for photo in one.photos} == {photos[0], photos[2]}
    assert waiting_decisions(str(root), 1) == []


def test_two_names_accept_reject_and_take_back(root: StoragePath) -> None:
    write_span(root, 1)
    span = list_spans(root)[0]

    def act(action: str, by: str, *findings: str) -> None:
        decide(str(root), action, 1, findings, "seen", by, approvals=2)  # type: ignore[arg-type]

    act("accept", "Ada", "x", "y")
    act("accept", "Bo", "x")
    assert state_of(read_decisions(root), span, 2).accepted == {"x"}
    act("reject", "Ada")
    act("accept", "Ada", "y")  # takes the rejection back, and says what she said before
    act("reject", "Bo")
    assert not is_rejected(read_decisions(root), span, 2)
    act("reject", "Cy")
    assert is_rejected(read_decisions(root), span, 2)
    assert is_rejected(read_decisions(root), span, 1)


def test_findings_are_accepted_with_the_photos_that_the_reviewer_saw(root: StoragePath) -> None:
    photos = write_span(root, 1)
    span = list_spans(root)[0]
    decide(str(root), "accept", 1, ("x",), "fine", "Ada")
    exclude(root, photos[:1])
    assert state_of(read_decisions(root), span).accepted == frozenset()
    decide(str(root), "include", 1, (), "back", "Ada", photos=photos[:1])
    assert state_of(read_decisions(root), span).accepted == {"x"}


def test_a_replaced_span_and_other_content_are_not_decided_on(tmp_path: Path) -> None:
    photos = write_span(tmp_path, 1)
    write_span(tmp_path, 2, replaces=1)
    with pytest.raises(InputError, match="Span 1 was replaced"):
        exclude(tmp_path, photos[:1])
    request = DecisionRequest("exclude", 2, "why", "Ada", photos=(photo_rows(list_spans(tmp_path)[1])[0].digest,), digest="f" * 64)
    with pytest.raises(InputError, match="holds other photos than those that were reviewed"):
        decide_all(str(tmp_path), [request])
