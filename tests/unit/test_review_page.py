"""The page of a review: what it says, in which order, and that anybody can read it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from flowers_tfx.data.decisions import Decision
from flowers_tfx.data.span_states import Waiting
from flowers_tfx.review.report import Context, render_html
from flowers_tfx.review.report_markdown import render_markdown
from flowers_tfx.review.report_words import verdict_sentence
from flowers_tfx.texts import ENGLISH
from flowers_tfx.validation import Finding
from flowers_tfx.validation.review import Example
from tests.unit.review_samples import (
    ALONE,
    BASELINE,
    CONSISTENCY,
    CONTEXT,
    EMPTY,
    LUMA,
    NAN,
    NEW,
    QUIET,
    REVIEW,
    SCORES,
    THUMBNAILS,
    TWINS,
    Page,
    page,
)

HARM = {
    "accuracy": 0.8,
    "interval": [0.7, 0.88],
    "baseline_accuracy": 0.9,
    "difference": -0.1,
    "difference_interval": [-0.2, 0.01],
    "per_class": {},
    "photos": 40,
    "estimated": False,
}
WORSE = {**HARM, "difference_interval": [-0.2, -0.01]}
LOSS = Finding("performance:accuracy", "warn", "performance", "accuracy", "Worse.", 1.0, None, 10.0, "points", 0.0)
ROSES = replace(LOSS, id="performance:class:roses", effect=22.0)
DARKER = replace(LUMA, level="warn")
FEW = Finding(
    "schema:few:new",
    "warn",
    "schema",
    "new",
    "Few.",
    None,
    None,
    15.0,
    "photos",
    20.0,
    facts={"text": "few_photos", "sample": "sample.new", "photos": 15},
)
GROUP = {
    "id": "group-0123456789ab",
    "words": "10 photos: size 256 x 256, JPEG quality 75",
    "photos": [f"new-{row:03d}" for row in range(10)],
    "findings": [LUMA.id],
    "accuracy": 0.5,
    "verdict_without": "pass",
    "conditions": [{"feature": "width_px", "low": 256, "high": 256}, {"feature": "jpeg_quality", "high": 79}],
}
SERVED = replace(REVIEW, new={"name": "answers", "version": "7", "answers": 60, "photos": 40})


@pytest.mark.parametrize(
    ("findings", "label", "sentence"),
    [
        ((), "Pass", "The new photos are like the baseline"),
        ((TWINS,), "Pass", "The new photos are like the baseline"),
        ((replace(LUMA, accepted=True),), "Pass: accepted", "A reviewer accepted it: the new photos are different"),
        ((CONSISTENCY,), "Look first", "The new photos are different"),
        ((CONSISTENCY, LUMA), "Blocked", "Training is blocked because the new photos are different"),
        ((replace(TWINS, level="warn"),), "Look first", "The delivery has faults"),
        ((FEW,), "Too few photos", "There are too few photos to tell whether the new ones are different"),
    ],
)
def test_the_verdict_comes_first(findings: tuple[Finding, ...], label: str, sentence: str) -> None:
    review = replace(REVIEW, findings=findings)
    words = [word.strip() for word in page(review).words if word.strip()]
    assert words.index(label) < words.index(sentence) < words.index("Decide")
    assert f"## {label}\n\n**{sentence}**\n" in render_markdown(review, CONTEXT).replace("\\", "")


@pytest.mark.parametrize(
    ("findings", "harm", "sentence"),
    [
        ((), HARM, "The new photos are like the baseline, and the model copes"),
        ((CONSISTENCY,), HARM, "The new photos are different, and the model copes"),
        ((DARKER, LOSS), WORSE, "The new photos are different, and the model is 10 points worse"),
        ((DARKER, LOSS, ROSES), WORSE, "The new photos are different, and the model is 22 points worse on roses"),
        ((DARKER,), WORSE, "The new photos are different, and the model is 10 points worse"),
        ((CONSISTENCY, LOSS), WORSE, "The new photos are like the baseline, but the model is 10 points worse: look at the labels"),
        ((CONSISTENCY, DARKER, LOSS), WORSE, "The new photos are different, and the model is 10 points worse"),
        ((LOSS,), WORSE, "The new photos are like the baseline, but the model is 10 points worse: look at the labels"),
        ((), {**HARM, "estimated": True}, "The new photos are like the baseline, and the model probably copes (estimate)"),
        ((), {**HARM, "difference_interval": None}, "The new photos are like the baseline"),
        ((FEW,), HARM, "There are too few photos to tell whether the new ones are different"),
    ],
)
def test_one_sentence_says_what_changed_and_what_it_costs(findings: tuple[Finding, ...], harm: dict[str, Any], sentence: str) -> None:
    assert verdict_sentence(replace(REVIEW, findings=findings, harm=harm), ENGLISH) == sentence


def test_the_worst_class_is_that_of_a_finding_and_not_one_with_few_photos() -> None:
    per_class = {"tulips": {"accuracy": 0.0, "baseline_accuracy": 0.9, "photos": 1}}
    sentence = verdict_sentence(replace(REVIEW, findings=(CONSISTENCY, LOSS, ROSES), harm={**WORSE, "per_class": per_class}), ENGLISH)
    assert "roses" in sentence and "tulips" not in sentence


def test_a_review_that_could_hardly_find_anything_does_not_say_that_all_is_well() -> None:
    power = {"mean_luma": None, "format": 90.0}
    assert verdict_sentence(replace(QUIET, power=power), ENGLISH).startswith("There are too few photos")
    assert verdict_sentence(replace(QUIET, power={"mean_luma": 9.0, "format": 8.0}), ENGLISH) == "The new photos are like the baseline"


def test_a_comparison_by_hand_blocks_nothing() -> None:
    by_hand = replace(REVIEW, new={**REVIEW.new, "name": "span-4"})
    assert verdict_sentence(by_hand, ENGLISH).startswith("These photos would block a training: the new photos are different")
    assert verdict_sentence(REVIEW, ENGLISH).startswith("Training is blocked because")


def test_accuracy_by_class_has_the_largest_loss_first() -> None:
    per_class = {
        "daisy": {"accuracy": 0.9, "baseline_accuracy": 0.9, "photos": 20},
        "roses": {"accuracy": 0.55, "baseline_accuracy": 0.9, "photos": 20},
    }
    text = page(replace(REVIEW, harm={**WORSE, "per_class": per_class})).text
    assert "By class, in brackets on its test photos: roses 55 % (90 %), daisy 90 % (90 %)." in text


def test_photos_that_the_model_got_wrong_have_its_answer() -> None:
    wrong = replace(ROSES, examples=(Example("gs://bucket/site/roses/a.jpg", "new-000", "roses", "sunflowers"),))
    text = page(replace(REVIEW, findings=(wrong,), harm=WORSE)).text
    assert "New photos that the model took for another class Close the large photo answer: sunflowers roses site gs:" in text


def test_a_group_has_its_words_its_photos_and_the_verdict_without_it() -> None:
    text = page(replace(REVIEW, groups=(GROUP,), harm=WORSE)).text
    for words in (
        "10 photos form a group of their own (25 %): size 256 x 256, JPEG quality 75",
        "Without them: PASS (30 photos like the baseline)",
        "All 10 file names",
        "On the group 50 % right, on the other new photos 90 %.",
        "These 10 photos leave every window; the others are reviewed again.",
        "flowers review exclude 4 --group group-0123456789ab --reason TEXT --by NAME",
    ):
        assert words in text, words
    german = page(replace(REVIEW, groups=(GROUP,)), replace(CONTEXT, language="de")).text
    assert "10 Fotos bilden eine eigene Gruppe (25 %): Breite 256 px, JPEG-Qualität bis 79" in german


def test_with_several_spans_no_command_names_a_group() -> None:
    text = page(replace(REVIEW, groups=(GROUP,)), replace(CONTEXT, spans=(3, 4))).text
    assert "--group" not in text
    assert "flowers review exclude SPAN --photo DIGEST" in text


def test_power_and_the_promise_of_a_sequence_are_stated() -> None:
    power = {"mean_luma": 7.2, "label": 13.1, "noise": 20.0}
    text = page(replace(REVIEW, power=power, sequential={"weeks": 4, "level": 0.001, "review": 3})).text
    assert "Could have missed: brightness under 8 points, class shares under 14 points" in text
    assert "At most one false alarm" in text
    assert "p = 0.001" in text


def test_nothing_is_decided_on_served_photos() -> None:
    document = page(SERVED, replace(CONTEXT, spans=(), commands=()))
    assert "Nothing is decided on served photos" in document.text
    assert "Accept:" not in document.text
    assert "Training is blocked" not in document.text
    assert "Alarm" in document.words
    assert "Nothing is decided on served photos" in render_markdown(SERVED, replace(CONTEXT, spans=(), commands=()))


def test_a_decision_that_waits_for_another_name_is_shown() -> None:
    waiting = Waiting(Decision("exclude", 4, "aa", (), "blurred", "Ana", "today", photos=("b", "c")), ("Ana",), 1, photos=("b", "c"))
    context = replace(CONTEXT, waiting=(waiting,))
    assert "The decision of Ana to leave out 2 photos of span 4 waits for 1 other name." in page(context=context).text
    assert "Die Entscheidung von Ana, 2 Fotos der Lieferung 4 auszulassen, wartet" in page(context=replace(context, language="de")).text


def test_the_decisions_are_the_same_on_every_verdict() -> None:
    for review in (REVIEW, QUIET, replace(REVIEW, findings=(CONSISTENCY,))):
        text = page(review).text
        assert text.index("Accept: ") < text.index("Leave photos out: ") < text.index("Reject: ")


def test_without_a_baseline_the_page_does_not_mention_one() -> None:
    document = page(ALONE, old=NEW)
    assert "There is no baseline to compare with" in document.text
    assert "No property was compared" in document.text
    assert "40 new photos (spans 3, 4), no baseline" in document.text
    assert "daisy \N{EN DASH} 25 % \N{EN DASH}" in document.text
    assert "no finding" not in [word.strip() for word in document.words]
    assert "properties" not in render_markdown(ALONE, CONTEXT)


def test_everything_stands_in_its_order_and_is_linked() -> None:
    document = page()
    sections = [attributes.get("id") for attributes in document.all("section")]
    assert sections == ["first", "findings", "properties", "labels", "more", "words"]
    assert [link["href"] for link in document.all("a")][1:7] == ["#decide", *(f"#{name}" for name in sections[1:])]


def test_the_numbers_are_the_reviews() -> None:
    text = page().text
    for words in (
        "40 new photos (spans 3, 4) against 40 of the data of the serving model, version 7",
        "run run-1",
        "1 error, 1 warning, 1 note",
        "Ana accepted sparse:noise of span 3 (data aa): a new camera",
        "97.5 points (largest difference between the shares of photos below any value, or of photos with a value), threshold 25.0 points",
        "p < 0.001, adjusted for all tests",
        "p = 0.004, adjusted for all tests",
        "counted, no test needed",
        "97.5 25.0 \N{EN DASH} 69.5 \N{RIGHTWARDS ARROW} 140 (scale 0 to 255) 40 \N{MIDDLE DOT} 40",
        "0.876",
        "Rejects: 7 unreadable inputs",
        "GIF is not supported 5 empty file 2",
        "mean_luma has values above 200.",
        "Review d1gest. Baseline data 0123456789ab, new data fedcba987654, code 1.2.3. The same inputs give the same review.",
    ):
        assert words in text, words


def test_properties_have_the_name_that_people_use() -> None:
    assert "brightness brightness (Rec. 601 luma) error" in page().text


def test_a_property_with_few_values_is_not_called_unchanged() -> None:
    frame = NEW.assign(noise=[1.0] * 3 + [NAN] * 37)
    scores = {**SCORES, "noise": {"kolmogorov_smirnov": 0.0}}
    text = page(replace(REVIEW, scores=scores), new=frame, old=BASELINE.assign(noise=2.0)).text
    assert "too few values 0.0 \N{EN DASH} \N{EN DASH} \N{EN DASH} \N{RIGHTWARDS ARROW} \N{EN DASH} 40 \N{MIDDLE DOT} 3" in text


def test_findings_and_properties_come_by_severity() -> None:
    text = page().text
    text = text[text.index("What was checked") :]
    assert text.index(LUMA.message) < text.index(CONSISTENCY.message) < text.index(TWINS.message)
    rows = text[text.index("property result effect, points") :]
    assert rows.index("brightness") < rows.index("file format")


def test_accepted_findings_and_rejected_photos_are_marked() -> None:
    accepted = replace(REVIEW, findings=(replace(LUMA, accepted=True),))
    assert page(accepted).words.count("accepted") == 2  # beside the finding and in the table
    rejected = replace(REVIEW, decisions=({"action": "reject", "span": 4, "reason": "wrong folder", "by": "Ben"},))
    assert "A reviewer rejected these photos: the new photos are different" in page(rejected).text
    assert "Ben rejected span 4 (data ): wrong folder" in page(rejected).text


def test_class_shares_of_both_sides() -> None:
    text = page().text
    assert "tulips 50 % 0 % \N{MINUS SIGN}50.0 points" in text
    assert "daisy 0 % 25 % +25.0 points" in text


def test_the_trend_has_every_review_and_leaves_gaps() -> None:
    html = render_html(REVIEW, BASELINE, NEW, {}, CONTEXT)
    assert 'aria-label="span-1 2, span-2 \N{EN DASH}, this review 97.5"' in html
    assert "span-1 pass , span-2 warning , this review blocked" in Page(html).text
    assert "Earlier reviews: none." in page(context=replace(CONTEXT, history=())).text


def test_the_page_is_well_formed_and_loads_nothing() -> None:
    for review, context in ((REVIEW, CONTEXT), (REVIEW, Context()), (EMPTY, Context())):
        html = render_html(review, BASELINE, NEW, THUMBNAILS, context)
        document = Page(html)
        assert document.open == []
        assert "default-src 'none'" in html
        assert "<script" not in html
        assert not re.search(r"url\(|@import|https?://", html)
        assert all(str(link["href"]).startswith("#") for link in document.all("a"))
        ids = [str(attributes["id"]) for _, attributes in document.tags if "id" in attributes]
        assert {str(link["href"])[1:] for link in document.all("a")} <= set(ids)
        assert len(ids) == len(set(ids))


def test_what_scrolls_can_be_reached_by_keyboard_and_pictures_have_words() -> None:
    document = page()
    scrolling = [attributes for _, attributes in document.tags if attributes.get("class") == "scroll"]
    assert len(scrolling) >= 4
    assert all(attributes["tabindex"] == "0" and attributes["aria-label"] for attributes in scrolling)
    assert all(image["alt"] for image in document.all("img"))
    assert all(drawing["aria-label"] for drawing in document.all("svg"))
    assert len(document.all("table")) == len(scrolling)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_meets_wcag_aa_in_light_dark_and_print() -> None:
    themes = re.findall(r":root \{(.*?)\}", render_html(REVIEW, BASELINE, NEW, {}, CONTEXT), flags=re.DOTALL)
    assert len(themes) == 3
    for theme in themes:
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", theme))
        pairs = [(front, back) for front in ("text", "soft") for back in ("ground", "surface")]
        pairs += [("text", f"{name}-ground") for name in ("good", "warn", "bad")]
        pairs += [(name, f"{name}-ground") for name in ("good", "warn", "bad")] + [("accent", "surface")]
        for front, back in pairs:
            dark, light = sorted((_luminance(colours[front]), _luminance(colours[back])))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (front, back)
