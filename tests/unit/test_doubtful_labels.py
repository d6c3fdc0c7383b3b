"""Labels of shown photos that somebody should check."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from flowers_tfx.review.album import Album
from flowers_tfx.review.doubtful_labels import STRANGE, doubtful_labels
from flowers_tfx.review.galleries import Gallery
from flowers_tfx.texts import ENGLISH
from flowers_tfx.validation.review import Example

CLASSES = ("daisy", "roses", "tulips")


def photos(name: str, count: int, seed: int) -> pd.DataFrame:
    """Embeddings of each class lie around one of three directions."""
    rng = np.random.default_rng(seed)
    embeddings = [np.eye(12)[row % 3] + rng.normal(0, 0.15, 12) for row in range(count)]
    return pd.DataFrame(
        {
            "uri": [f"{name}/{row}.jpg" for row in range(count)],
            "digest": [f"{name}-{row}" for row in range(count)],
            "label": [CLASSES[row % 3] for row in range(count)],
            "embedding": [embedding.astype(np.float32).tolist() for embedding in embeddings],
        }
    )


OLD, NEW = photos("old", 300, 1), photos("new", 60, 2)


def test_labels_that_fit_are_not_doubtful() -> None:
    assert len(doubtful_labels(OLD, NEW)) <= 2


def test_a_photo_that_looks_like_another_class_is_named_with_that_class() -> None:
    new = NEW.assign(label=["roses" if row == 0 else label for row, label in enumerate(NEW["label"])])
    assert doubtful_labels(OLD, new)["new-0"] == "daisy"


def test_a_photo_like_no_other_is_strange_whatever_its_label_is() -> None:
    doll = (-np.ones(12, np.float32)).tolist()
    new = NEW.assign(embedding=[doll if row == 5 else vector for row, vector in enumerate(NEW["embedding"])])
    assert doubtful_labels(OLD, new)["new-5"] == STRANGE


def test_without_embeddings_or_labels_nothing_is_doubtful() -> None:
    for missing in ("embedding", "label"):
        assert doubtful_labels(OLD, NEW.drop(columns=missing)) == {}
    assert doubtful_labels(OLD.iloc[:12], NEW) == {}, "a few photos of a class say nothing"


def test_of_a_large_baseline_a_sample_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowers_tfx.review.doubtful_labels.SAMPLE", 90)
    new = NEW.assign(label=["roses" if row == 0 else label for row, label in enumerate(NEW["label"])])
    doubtful = doubtful_labels(OLD, new)
    assert doubtful["new-0"] == "daisy"
    assert doubtful_labels(OLD.iloc[::-1], new) == doubtful


def test_the_page_says_what_is_doubtful_about_a_photo() -> None:
    shown = (Example("new/0.jpg", "new-0", "roses"), Example("new/5.jpg", "new-5", "daisy"), Example("new/7.jpg", "new-7", "roses"))
    filled = Album({}, {"new-0": "daisy", "new-5": STRANGE}, ENGLISH).fill(Gallery("random", shown))
    assert [photo.doubt for photo in filled.new] == [
        "looks like daisy",
        "unlike every baseline photo",
        "",
    ]
