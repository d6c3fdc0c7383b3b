"""The labels of a delivery that a run suspects."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from flowers_tfx.review.new_suspects import new_suspects
from flowers_tfx.review.pages import Context, review_files
from flowers_tfx.review.stored_reviews import JSON
from flowers_tfx.validation import Review

CLASSES = ("daisy", "roses", "tulips")


def photos(name: str, count: int, seed: int) -> pd.DataFrame:
    """Embeddings of each class lie around one of three directions."""
    rng = np.random.default_rng(seed)
    vectors = [(np.eye(12)[row % 3] + rng.normal(0, 0.15, 12)).astype(np.float32) for row in range(count)]
    columns = {"uri": [f"{name}/{row}.jpg" for row in range(count)], "digest": [f"{name}-{row}" for row in range(count)]}
    return pd.DataFrame({**columns, "label": [CLASSES[row % 3] for row in range(count)], "embedding": vectors})


OLD, NEW = photos("old", 120, 1), photos("new", 60, 2)
WRONG = NEW.assign(label=["roses" if row == 0 else label for row, label in enumerate(NEW["label"])])


def test_a_new_photo_with_the_label_of_another_class_is_suspected() -> None:
    [suspect] = new_suspects(OLD, WRONG)
    assert (suspect.digest, suspect.given, suspect.seen) == ("new-0", "roses", "daisy")


def test_photos_of_the_baseline_are_nobody_s_to_correct_here() -> None:
    """Their spans were decided on long ago."""
    old = OLD.assign(label=["roses" if row == 0 else label for row, label in enumerate(OLD["label"])])
    assert new_suspects(old, NEW) == []


def test_a_first_delivery_is_examined_alone() -> None:
    assert [one.digest for one in new_suspects(OLD.iloc[:0], WRONG)] == ["new-0"]


def test_what_cannot_be_examined_has_no_suspects() -> None:
    assert new_suspects(OLD, WRONG.drop(columns="embedding")) == []
    assert new_suspects(OLD.iloc[:0], WRONG.iloc[:9]) == [], "a few photos of a class say nothing"
    assert new_suspects(OLD.drop(columns="embedding"), WRONG.assign(embedding=None)) == []


def test_the_review_of_a_run_lists_them() -> None:
    review = Review((), {}, {"kind": "none"}, {"spans": [1], "digest": "d", "photos": 30})
    suspects = new_suspects(OLD, WRONG)
    value = json.loads(review_files(review, OLD, WRONG, {}, Context(), (), suspects)[JSON])
    assert value["suspects"] == [suspect.as_json() for suspect in suspects]
    assert value["suspects"][0]["suggested"] == "daisy"
