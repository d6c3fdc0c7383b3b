"""What a table may look like without changing what the review says of it, and what it must not hide."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from flowers_tfx.validation import Finding, Policy, compare
from tests.unit.tables import LABELS, table

QUICK = Policy(permutations=1500)


def report_text(old: pd.DataFrame, new: pd.DataFrame) -> str:
    return json.dumps(compare(old, new, QUICK).as_json(), allow_nan=False)


def test_the_order_of_the_rows_does_not_count() -> None:
    """Nor where one photo stands under two URIs and two labels: the digest of a review says nothing about order."""
    old, new = table(200, 1), table(60, 2)
    again = new[:6].assign(label=[LABELS[(LABELS.index(label) + at) % 3] for at, label in enumerate(new.label[:6])])
    new = pd.concat([new, again, new[3:9].assign(uri="again.jpg"), old[:4]], ignore_index=True)
    new.loc[:3, "noise"] = np.nan
    assert report_text(old, new) == report_text(old.sample(frac=1, random_state=1), new.sample(frac=1, random_state=2))


def arrow(frame: pd.DataFrame) -> pd.DataFrame:
    lists = frame.assign(embedding=[vector.tolist() for vector in frame.embedding])
    return pa.Table.from_pandas(lists).to_pandas(types_mapper=pd.ArrowDtype)


@pytest.mark.parametrize(
    "as_other_type",
    [
        lambda frame: frame.astype(object),
        lambda frame: frame.assign(**{name: frame[name].astype("category") for name in ("label", "format", "uri", "digest", "phash")}),
        lambda frame: frame.assign(grayscale=frame.grayscale.astype(bool).astype(object)),
        arrow,
    ],
    ids=["objects", "categories", "truth values", "arrow"],
)
def test_the_types_of_the_columns_do_not_count(as_other_type: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    old, new = table(120, 1), table(60, 2)
    assert report_text(old, as_other_type(new)) == report_text(old, new)


def test_classes_that_are_numbers_are_the_same_as_floats() -> None:
    numbered = [frame.assign(label=[LABELS.index(label) for label in frame.label]) for frame in (table(120, 1), table(60, 2))]
    assert report_text(numbered[0], numbered[1].astype({"label": float})) == report_text(*numbered)


def findings(old: pd.DataFrame, new: pd.DataFrame) -> dict[str, Finding]:
    return {finding.id: finding for finding in compare(old, new, QUICK).findings}


@pytest.mark.parametrize("nothing", [None, pd.NA, np.nan])
def test_missing_embeddings_are_not_reported_as_broken(nothing: object) -> None:
    old, new = table(120, 1), table(60, 2)
    gone = findings(old, new.assign(embedding=pd.Series([nothing] * 60, dtype=object)))["schema:embedding"]
    assert (gone.level, gone.message) == ("warn", "The content of the photos was not compared: the new sample has no embeddings.")
    two = findings(old, new.assign(embedding=[nothing if at < 2 else vector for at, vector in enumerate(new.embedding)]))
    assert two["schema:embedding"].level == "warn"


@pytest.mark.parametrize(
    ("embedding", "words"),
    [("[1, 2]", "not lists of numbers"), (1.0, "not lists of numbers"), (np.ones((2, 2)), "not lists of numbers"), ([], "without numbers")],
)
def test_embeddings_that_are_none(embedding: object, words: str) -> None:
    new = table(60, 2)
    broken = findings(table(120, 1), new.assign(embedding=[embedding] * 60))["schema:embedding"]
    assert broken.level == "error"
    assert words in broken.message


def test_embeddings_that_are_all_the_same_say_nothing() -> None:
    old, new = (frame.assign(embedding=[np.ones(4, np.float32)] * len(frame)) for frame in (table(120, 1), table(60, 2)))
    assert findings(old, new) == {}


def test_values_that_are_lists_do_not_crash() -> None:
    new = table(60, 2)
    lists = findings(table(120, 1), new.assign(label=[np.array(["a", "b"])] * 60, uri=[np.array([1, 2])] * 60))
    assert lists["label:shares"].level == "error"


@pytest.mark.parametrize("change", [lambda new: new.drop(columns="label"), lambda new: new.assign(label=None)])
def test_without_labels_there_are_no_findings_about_classes(change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    found = findings(table(120, 1), change(table(60, 2)))
    assert [(finding.kind, finding.level) for finding in found.values()] == [("schema", "error")]


def test_a_photo_without_a_label_is_not_a_conflict_and_has_no_name() -> None:
    old, new = table(120, 1), table(60, 2)
    new = pd.concat([new, new[:2].assign(label=None, uri=None)])
    found = findings(old, new)
    assert "conflict:exact" not in found
    assert {example.uri for example in found["duplicate:exact:inside"].examples} == {"", *new.uri[:2]}


def test_photos_that_look_alike_are_found_without_digests() -> None:
    old, new = table(120, 1), table(60, 2)
    new.loc[:9, "phash"] = list(old.phash[:10])
    found = findings(old.drop(columns="digest"), new.drop(columns="digest"))
    assert found["duplicate:near:before"].statistic == 10


def test_values_that_went_missing_are_not_hidden_by_those_that_are_there() -> None:
    new = table(100, 2)
    new.loc[:29, "jpeg_quality"] = pd.NA
    found = findings(table(200, 1), new)["property:jpeg_quality"]
    assert (found.level, found.effect) == ("error", 30)
    assert found.message == "JPEG quality is missing: 0 % -> 30 % of the photos."


def test_equal_medians_are_not_reported_as_moved() -> None:
    old, new = table(200, 1), table(100, 2)
    qualities = [(85, 90, 90, 90, 95)[at % 5] for at in range(200)]
    found = findings(old.assign(jpeg_quality=[(90, 90, 90, 95, 95)[at % 5] for at in range(200)]), new.assign(jpeg_quality=qualities[:100]))
    message = found["property:jpeg_quality"].message
    assert message == (
        "JPEG quality: same median, 90 (scale 1 to 100), wider spread; middle 80 %: 85 to 95, was 90 to 95. Photos with 85: 0 % -> 20 %."
    )


def test_a_finding_reads_as_its_json() -> None:
    keys = {"id", "level", "kind", "feature", "statistic", "p_value", "effect", "unit", "threshold", "message", "examples"}
    review = compare(table(100, 1), table(60, 2).assign(noise=np.nan), QUICK)
    for finding, as_json in zip(review.findings, review.as_json()["findings"], strict=True):
        assert dict(finding) == as_json
        assert set(as_json) == keys
        assert finding["level"] == finding.level
    facts = type(review).from_json(json.loads(json.dumps(review.as_json()))).findings[0].facts
    assert facts and facts == review.findings[0].facts
    accepted = review.with_decisions([review.findings[0].id], ())
    assert accepted.as_json()["findings"][0]["accepted"] is True
    assert type(review).from_json(json.loads(json.dumps(accepted.as_json()))).findings[0].accepted
