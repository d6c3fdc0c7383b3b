"""The sentences of the page of a model about its classes, subgroups and changes."""

from __future__ import annotations

import numpy as np
import pytest

from flowers_tfx.explain.class_attribution import class_attribution
from flowers_tfx.explain.confusions import confusions
from flowers_tfx.explain.model_changes import model_changes
from flowers_tfx.explain.subgroups import find_subgroups
from flowers_tfx.reports.class_sentences import (
    attribution_sentences,
    change_summary,
    confusion_sentences,
    subgroup_sentences,
    subgroup_summary,
)
from tests.unit.answered_photos import LABELS, answers, explanation, photo_set


def plain(sentences: list[str]) -> str:
    return " ".join(sentences).replace("\N{NO-BREAK SPACE}", " ")


def test_where_the_evidence_lies_with_a_corner_that_has_more_than_its_part_and_what_is_left_out() -> None:
    corner = np.zeros((56, 56), np.float32)
    corner[46:, 46:] = 1
    explanations = {0: explanation(corner), 1: explanation(corner), 2: explanation(corner, 1), 3: explanation(corner, 0, "No better.")}
    assert plain(attribution_sentences(class_attribution(photo_set([0] * 4), explanations, 0), "daisy")) == (
        "Of the evidence for daisy, 0 % lies in the middle third of the picture, 25 % in the third around it and 75 % in the outer third. "
        "The bottom right corner, 6 % of the picture, holds 100 % of it. Mean of 2 photos; left out: 1 was answered wrong and 1 has an "
        "explanation that cannot be trusted."
    )


def test_a_class_without_a_map_says_why() -> None:
    none = class_attribution(photo_set([0]), {}, 0)
    assert attribution_sentences(none, "daisy") == ["No photo of daisy was explained."]
    wrong = class_attribution(photo_set([0, 0]), {place: explanation(np.ones((8, 8)), 1) for place in (0, 1)}, 0)
    assert attribution_sentences(wrong, "daisy") == ["There is no mean map: of 2 photos that could show it, 2 were answered wrong."]


@pytest.mark.parametrize(
    ("truth", "answered", "sentences"),
    [
        ([0, 0], [0, 0], "All 2 photos of daisy are answered right."),
        ([0], [0], "The only photo of daisy is answered right."),
        ([1], [1], "There is no photo of daisy."),
        ([0] * 20 + [2], [1] * 3 + [0] * 18, "3 of 20 photos of daisy are answered wrong (15 %, 95 % interval 5 to 36 %): 3 as roses. "
         "1 photo of other classes is answered daisy."),
        ([0, 0, 0], [1, 2, 1], "3 of 3 photos of daisy are answered wrong (100 %, 95 % interval 44 to 100 %): 2 as roses and 1 as tulips."),
    ],
)  # fmt: skip
def test_how_often_a_class_is_answered_wrong(truth: list[int], answered: list[int], sentences: str) -> None:
    assert plain(confusion_sentences(confusions(photo_set(truth), answers(answered))["daisy"], "daisy")) == sentences


def dark_errors(count: int) -> dict[str, object]:
    """Every second photo is dark, and nearly all answers to dark photos are wrong."""
    properties = [{"mean_luma": 50.0 + 0.01 * place if place % 2 else 150.0 + 0.01 * place} for place in range(count)]
    wrong = [place % 2 and place % 20 != 1 for place in range(count)]
    truth = [place // 2 % 3 for place in range(count)]
    vectors = answers([(label + bool(bad)) % 3 for label, bad in zip(truth, wrong, strict=True)])
    return find_subgroups(photo_set(truth, properties=properties), vectors)


def test_a_subgroup_comes_with_both_error_rates_and_what_its_classes_explain() -> None:
    result = dark_errors(200)
    summary = plain(subgroup_summary(result))
    assert summary.startswith("90 of 200 photos are answered wrong. ")
    assert " on 1 property, the class and 1 cluster of similar content were tried on " in summary
    assert ": 1 subgroup fails more often there too. A subgroup of 25 % of the photos is found in 4 of 5 cases if " in summary
    (found,) = result["subgroups"]  # type: ignore[misc]
    sentences = plain(subgroup_sentences(found))
    assert "of the " in sentences
    assert f"{found['inside']['wrong']} of {found['inside']['photos']} photos are wrong (" in sentences
    assert sentences.endswith("From the classes of these photos alone, 0 % would be expected.")


def test_a_subgroup_that_is_a_class_says_so() -> None:
    truth = [place % 3 for place in range(240)]
    wrong = [label == 1 and place % 5 > 0 for place, label in enumerate(truth)]
    result = find_subgroups(photo_set(truth), answers([(label + bad) % 3 for label, bad in zip(truth, wrong, strict=True)]))
    assert "These are the photos of the class roses" in plain(subgroup_sentences(result["subgroups"][0]))


def test_none_found_is_no_comfort_with_few_photos() -> None:
    few = find_subgroups(photo_set([0, 1] * 12), answers([0, 1] * 10 + [1, 0] * 2))
    assert plain(subgroup_summary(few)).endswith("would be missed even if all its answers were wrong.")
    none = find_subgroups(photo_set([0, 1] * 20), answers([0, 1] * 20))
    assert "No subgroups were searched: 0 wrong answers of 40 cannot be compared" in plain(subgroup_summary(none))


def test_changes_are_told_with_their_balance_and_classes_that_only_one_model_knows() -> None:
    truth = [0] * 20 + [1] * 20
    worse = model_changes(photo_set(truth), answers([2] * 10 + [0] * 10 + [1] * 20), LABELS, answers(truth))
    assert plain(change_summary(worse)) == (
        "Of 40 photos, the new model answers 30 right (75.0 %), the serving model 40 right (100.0 %). "
        "0 photos were wrong and are right now, 10 the other way round: 10 fewer right, more than chance explains. "
        "Daisy lost 10 right answers of 20: more than chance explains."
    )
    same = model_changes(photo_set([0, 0]), answers([0, 1]), LABELS, answers([0, 2]))
    assert plain(change_summary(same)).endswith(
        "No photo changed between right and wrong. Both are wrong about 1 photo, with different answers to 1 of them."
    )
    other = model_changes(photo_set([0, 1]), answers([0, 1]), ("asters", "roses"), answers([0, 1], classes=2))
    assert plain(change_summary(other)).endswith(
        "The serving model does not know daisy; the new one answers 1 of 1 photo of it right. The serving model does not know tulips. "
        "The new model no longer knows asters."
    )
