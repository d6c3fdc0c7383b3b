"""What a change of the photos costs the model: measured where there are labels, estimated where there are none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from flowers_tfx.inference.answer import Answer, Unreadable
from flowers_tfx.inference.engines import Photo
from flowers_tfx.review.comparison import compare_sides
from flowers_tfx.review.serving_model import ServingModel, model_without, open_serving_model
from flowers_tfx.review.sides import Side
from flowers_tfx.texts import LANGUAGES, texts_of
from flowers_tfx.validation import Policy, Review
from flowers_tfx.validation.confidence_calibration import ConfidenceCalibration
from flowers_tfx.validation.findings.performance_findings import performance_findings
from flowers_tfx.validation.harm import AnsweredPhotos, measure_harm
from flowers_tfx.validation.model_answers import ModelAnswers
from flowers_tfx.validation.model_figures import CalibrationBin, ModelFigures, read_model_figures
from flowers_tfx.validation.shares import difference_interval, exact_share
from tests.model_cards import evaluation, model_folder
from tests.unit.tables import table

CLASSES = ("daisy", "roses")
POLICY = Policy(permutations=1500)


def card() -> dict[str, Any]:
    """90 of 100 test photos are right, of both classes alike."""
    return {
        "metrics": {"classes": [{"name": name} for name in CLASSES], "confusion": [[45, 5], [5, 45]]},
        "calibration": {"error": 0.02, "overconfidence": 0.01, "reliability": [{"predicted": 0.9, "observed": 0.9, "count": 100}]},
        "refusal": {"share": 0.05},
    }


FIGURES = read_model_figures(card())


def photos(right: Mapping[str, int], wrong: Mapping[str, int], probability: float = 0.9) -> tuple[pd.DataFrame, ModelAnswers]:
    """Photos of each class, so many answered right and wrong."""
    labels = [name for name in CLASSES for _ in range(right.get(name, 0) + wrong.get(name, 0))]
    correct = [at < right.get(name, 0) for name in CLASSES for at in range(right.get(name, 0) + wrong.get(name, 0))]
    other = dict(zip(CLASSES, reversed(CLASSES), strict=True))
    digests = [f"d{number}" for number in range(len(labels))]
    given = [name if good else other[name] for name, good in zip(labels, correct, strict=True)]
    frame = pd.DataFrame({"uri": [f"{digest}.jpg" for digest in digests], "digest": digests, "label": labels})
    rows = pd.DataFrame({"digest": digests, "predicted": given, "probability": probability, "known": True, "score": 0.5})
    return frame, ModelAnswers(rows, CLASSES, "7")


def asked(frame: pd.DataFrame, given: ModelAnswers, figures: ModelFigures = FIGURES) -> AnsweredPhotos:
    return AnsweredPhotos(frame, given, figures, POLICY.alpha)


def harm_and_findings(frame: pd.DataFrame, given: ModelAnswers, policy: Policy = POLICY) -> tuple[dict[str, Any], dict[str, str]]:
    answered = asked(frame, given)
    harm = measure_harm(answered)
    assert harm is not None
    return harm, {finding.id: finding.level for finding in performance_findings(harm, answered, policy)}


def answers(*rows: tuple[str, str], probability: float = 0.9) -> ModelAnswers:
    table = pd.DataFrame([{"digest": d, "predicted": p, "probability": probability, "known": True, "score": 0.5} for d, p in rows])
    return ModelAnswers(table, ("daisy", "roses"))


def test_an_answer_is_right_or_wrong_where_there_is_a_label() -> None:
    photos = pd.DataFrame(
        {"digest": ["a", "b", "c", "d", "e", "a"], "label": ["daisy", "daisy", None, "orchids", "roses", "roses"]}, index=range(10, 16)
    )
    given = answers(("a", "daisy"), ("b", "roses"), ("c", "daisy"), ("d", "roses"))
    # The last photo is the first one under another label; "e" was not answered.
    np.testing.assert_array_equal(given.correct(photos), [1, 0, np.nan, 0, np.nan, 0])
    assert given.accuracy(photos) == 0.25
    assert given.accuracy(photos.iloc[[2, 4]]) is None
    assert given.accuracy(photos.drop(columns="label")) is None
    assert given.for_photos(photos).index.tolist() == photos.index.tolist()
    assert given.for_photos(photos)["predicted"].tolist()[:4] == ["daisy", "roses", "daisy", "roses"]


def test_answers_that_cannot_be_joined_to_photos_are_refused() -> None:
    with pytest.raises(ValueError, match="repeat a digest"):
        answers(("a", "daisy"), ("a", "roses"))
    with pytest.raises(ValueError, match="lack probability"):
        ModelAnswers(answers(("a", "daisy")).rows.drop(columns="probability"), ("daisy",))


def test_photos_with_labels_are_measured_overall_and_by_class() -> None:
    harm, findings = harm_and_findings(*photos({"daisy": 180, "roses": 178}, {"daisy": 20, "roses": 22}))
    assert (harm["accuracy"], harm["baseline_accuracy"], harm["photos"], harm["baseline_photos"]) == (0.895, 0.9, 400, 100)
    assert harm["interval"] == pytest.approx([0.861, 0.921], abs=0.001)  # Wilson's
    assert harm["difference"] == pytest.approx(-0.005)
    assert harm["difference_interval"][0] < -0.005 < harm["difference_interval"][1]
    assert (harm["per_class"]["daisy"]["accuracy"], harm["per_class"]["roses"]["baseline_accuracy"]) == (0.9, 0.9)
    assert (harm["estimated"], harm["per_class_by"], findings) == (False, "label", {})
    assert harm["calibration"] == {"error": 0.005, "overconfidence": 0.005, "baseline_error": 0.02, "baseline_overconfidence": 0.01}
    assert (harm["unknown"]["share"], harm["unknown"]["baseline_share"]) == (0.0, 0.05)


def test_photos_of_a_class_that_the_model_does_not_know_are_answered_wrong() -> None:
    frame, given = photos({"daisy": 90, "roses": 90}, {"daisy": 10, "roses": 10})
    harm, findings = harm_and_findings(frame.assign(label=["orchids"] * 100 + frame["label"].tolist()[100:]), given)
    right = sum(label == answer for label, answer in zip(frame["label"][100:], given.for_photos(frame)["predicted"][100:], strict=True))
    assert (harm["accuracy"], harm["photos"], harm["estimated"]) == (right / 200, 200, False)
    assert list(harm["per_class"])[-1] == "orchids"
    orchids = harm["per_class"]["orchids"]
    assert (orchids["accuracy"], orchids["photos"], orchids["baseline_accuracy"], orchids["difference_interval"]) == (0, 100, None, None)
    assert findings["performance:accuracy"] == "error" and "performance:class:orchids" not in findings
    assert not asked(frame.assign(label=["orchids"] * 199 + ["daisy"]), given).knows_no_label
    assert asked(frame.assign(label="orchids"), given).knows_no_label
    assert not asked(frame.drop(columns="label"), given).knows_no_label


def test_a_certain_drop_warns_and_one_below_the_largest_drop_stops() -> None:
    worse = photos({"daisy": 150, "roses": 150}, {"daisy": 50, "roses": 50})
    assert harm_and_findings(*worse)[1]["performance:accuracy"] == "warn"
    assert harm_and_findings(*worse, POLICY.model_copy(update={"max_drop": 0.02}))[1]["performance:accuracy"] == "error"
    assert harm_and_findings(*photos({"daisy": 110, "roses": 110}, {"daisy": 90, "roses": 90}))[1] == {
        "performance:accuracy": "error",
        "performance:class:daisy": "error",
        "performance:class:roses": "error",
    }
    one_class = photos({"daisy": 190, "roses": 100}, {"daisy": 10, "roses": 100})
    answered = asked(*one_class)
    (finding,) = [
        one for one in performance_findings(measure_harm(answered) or {}, answered, POLICY) if one.id == "performance:class:roses"
    ]
    assert (finding.level, finding.unit, finding.effect) == ("error", "points", pytest.approx(40.0))
    assert finding.message.startswith(
        "roses: the model answers 50 % of 200 new photos right, 90 % of its own 50 test photos: 40 points less"
    )
    assert {(one.label, one.value) for one in finding.examples} == {("roses", "daisy")}
    for language in LANGUAGES:
        assert "roses" in texts_of(language).message(finding.facts)


def test_photos_as_good_as_the_test_photos_warn_no_more_often_than_promised() -> None:
    """Exact sums over all outcomes, at every accuracy: half of the error rate is for all photos, half for classes."""
    for confidence in (1 - POLICY.alpha, 1 - POLICY.alpha / 5):
        for tested, new in ((20, 40), (100, 10), (100, 400), (500, 100)):
            shares = [[exact_share(count, total, confidence) for count in range(total + 1)] for total in (tested, new)]
            worse = np.array([[difference_interval(share, reference)[1] < 0 for share in shares[1]] for reference in shares[0]])
            for accuracy in (0.5, 0.8, 0.95, 0.99):
                chances = [stats.binom.pmf(np.arange(total + 1), total, accuracy) for total in (tested, new)]
                assert float(chances[0] @ worse @ chances[1]) <= (1 - confidence) / 2


def without_labels(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(label=None)


def test_photos_without_labels_are_estimated_and_only_warn() -> None:
    frame, given = photos({"daisy": 200, "roses": 200}, {})
    harm, findings = harm_and_findings(without_labels(frame), given)
    assert harm["estimated"]
    assert harm["accuracy"] == pytest.approx(0.9, abs=0.01)
    assert harm["interval"][0] < 0.87 < 0.93 < harm["interval"][1]
    assert (harm["calibration"], harm["per_class_by"], set(harm["per_class"]), findings) == (None, "answer", set(CLASSES), {})
    unsure = ModelAnswers(given.rows.assign(probability=0.51), CLASSES, "7")
    harm, findings = harm_and_findings(without_labels(frame), unsure)
    assert harm["accuracy"] == pytest.approx(0.52, abs=0.05)
    assert findings == {"performance:accuracy": "warn"}
    # Labels of a few photos, such as those that somebody complained about, do not stand for the others.
    few = frame.assign(label=[label if row < 100 else None for row, label in enumerate(frame["label"])])
    assert harm_and_findings(few, given)[0]["estimated"]
    most = frame.assign(label=[label if row < 300 else None for row, label in enumerate(frame["label"])])
    assert (harm_and_findings(most, given)[0]["estimated"], harm_and_findings(most, given)[0]["photos"]) == (False, 300)


def test_the_estimate_corrects_a_model_that_is_too_sure_and_its_interval_holds_the_real_accuracy() -> None:
    random = np.random.default_rng(0)
    errors, plain, inside = [], [], []
    for _ in range(60):
        logits = random.normal(2.5, 1.5, 500)
        probabilities, right = special.expit(np.abs(logits)), special.expit(np.abs(logits) * 0.8 - 0.5)
        correct = random.random(500) < right
        tested = np.arange(500) < 200
        bins = [
            CalibrationBin(float(probabilities[chosen].mean()), int(chosen.sum()), int(correct[chosen].sum()))
            for at in range(10)
            if (chosen := tested & ((probabilities * 10).astype(int) == at)).any()
        ]
        estimate = ConfidenceCalibration(bins).accuracy(probabilities[~tested], 0.95)
        real = float(correct[~tested].mean())
        errors.append(abs(estimate.value - real))
        plain.append(abs(float(probabilities[~tested].mean()) - real))
        inside.append(estimate.low <= real <= estimate.high)
    assert np.mean(errors) < 0.6 * np.mean(plain)
    assert np.mean(inside) >= 0.95


def test_extreme_answers_are_figures_too() -> None:
    certain = photos({"daisy": 3}, {}, probability=1.0)
    harm, _ = harm_and_findings(without_labels(certain[0]), certain[1])
    assert 0.9 < harm["accuracy"] <= 1
    assert harm["interval"][1] <= 1
    harm, _ = harm_and_findings(*photos({}, {"daisy": 3}))
    assert (harm["accuracy"], list(harm["per_class"])) == (0.0, ["daisy"])
    frame, given = photos({"daisy": 1}, {})
    assert measure_harm(asked(frame.assign(digest="other"), given)) is None
    # A model from before models could tell what they do not know.
    plain = ModelAnswers(given.rows.drop(columns="score"), CLASSES)
    assert harm_and_findings(frame, plain)[0]["unknown"] is None


def test_a_version_without_figures_says_why() -> None:
    assert read_model_figures({**card(), "calibration": None, "refusal": None}).bins == ()
    damaged = (None, {}, {"metrics": None}, {"metrics": {"classes": [{"name": "daisy"}], "confusion": [[1, 0]]}})
    for content in (*damaged, {"metrics": {"classes": [], "confusion": []}}):
        with pytest.raises(ValueError, match="card"):
            read_model_figures(content)
    real = evaluation()
    classes = [{"name": one["name"]} for one in real["classes"]]
    figures = read_model_figures({"metrics": {"classes": classes, "confusion": real["confusion"]}})
    assert (figures.correct, figures.photos, figures.of_label("roses"), figures.of_answer("daisy")) == (20, 25, (5, 10), (15, 20))


class FixedEngine:
    """Answers each photo with the class that its bytes name."""

    labels = CLASSES

    def answer(self, asked: Iterable[Photo]) -> Iterator[Answer | Unreadable]:
        for photo in asked:
            name = photo.decode() if isinstance(photo, bytes) else photo.name
            if name not in CLASSES:
                yield Unreadable("not a picture")
                continue
            yield Answer(np.array([0.9, 0.1] if name == "daisy" else [0.1, 0.9], np.float32), True, None, 0.4)


def sides(wrong: int = 0) -> tuple[Side, Side]:
    """300 new photos, of which the model answers the first `wrong` wrong, and a baseline."""
    frame = table(300, 1, name="new").assign(label=[CLASSES[row % 2] for row in range(300)])
    other = dict(zip(CLASSES, reversed(CLASSES), strict=True))
    texts = {
        digest: (other[label] if row < wrong else label).encode()
        for row, (digest, label) in enumerate(zip(frame["digest"], frame["label"], strict=True))
    }
    old = Side("old", table(300, 2, name="old").assign(label=[CLASSES[row % 2] for row in range(300)]))
    return old, Side("new", frame, lambda digests: [(digest, texts[digest]) for digest in digests if digest in texts])


def test_a_comparison_asks_the_model_about_the_new_photos() -> None:
    old, new = sides(wrong=120)
    review = compare_sides(old, new, POLICY, model=ServingModel("7", FIGURES, FixedEngine())).review
    assert review.harm is not None
    assert (review.harm["accuracy"], review.harm["version"], review.harm["of"]) == (0.6, "7", 300)
    assert (review.verdict, review.findings[0].id) == ("blocked", "performance:accuracy")
    again = Review.from_json(json.loads(json.dumps(review.as_json())))
    assert (again.harm, [one.id for one in again.findings]) == (review.harm, [one.id for one in review.findings])
    # Of very many photos a sample is asked; answers that a side brings are not asked again.
    few = compare_sides(old, new, POLICY.model_copy(update={"sample": 50}), model=ServingModel("7", FIGURES, FixedEngine())).review
    assert (few.harm or {})["photos"] == 50
    brought = replace(new, answers=ModelAnswers(few_answers(new), CLASSES, "8"))
    assert (compare_sides(None, brought, POLICY, model=ServingModel("8", FIGURES)).review.harm or {})["photos"] == 20
    assert compare_sides(old, new, POLICY).review.harm is None


def few_answers(side: Side) -> pd.DataFrame:
    chosen = side.rows.head(20)
    return pd.DataFrame({"digest": chosen["digest"], "predicted": chosen["label"], "probability": 0.9, "known": True})


def test_what_cannot_be_measured_is_a_note_with_the_reason(tmp_path: Path) -> None:
    _, new = sides()
    folder = model_folder(tmp_path / "7")
    without_card = open_serving_model(folder, "7")
    (folder / "assets.extra" / "card.json").write_text(json.dumps(card()))
    without_litert = open_serving_model(folder, "7")
    unreadable = replace(new, read_photos=lambda digests: [(digest, b"no picture") for digest in digests])
    for model, side, words in (
        (without_card, new, "it was pushed without a card"),
        (without_litert, new, "has no LiteRT model"),
        (model_without("7", "the serving model knows other classes"), new, "knows other classes"),
        (ServingModel("7", FIGURES, FixedEngine()), unreadable, "no new photo can be read"),
        (ServingModel("7", FIGURES, FixedEngine()), replace(new, rows=new.rows.drop(columns="digest")), "have no digests"),
        (ServingModel("7", FIGURES, FixedEngine()), replace(new, rows=new.rows.assign(label="orchids")), "knows none of the classes"),
    ):
        review = compare_sides(None, side, POLICY, model=model).review
        assert review.harm is None
        (note,) = [finding for finding in review.findings if finding.id == "performance:unmeasured"]
        assert (note.level, words in note.message) == ("note", True), note.message
