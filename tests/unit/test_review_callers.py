"""Whoever has a table of photos and a way to read their bytes gets the whole review: here photos of requests that a model served."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from PIL import Image

from flowers_tfx.data.tables import Table, write_table
from flowers_tfx.errors import InputError
from flowers_tfx.review.comparison import compare_sides
from flowers_tfx.review.embeddings import embed_side, embed_spans
from flowers_tfx.review.pages import comparison_page, review_files
from flowers_tfx.review.report import Context
from flowers_tfx.review.sides import Side, open_side
from flowers_tfx.review.stored_reviews import HTML, JSON, MARKDOWN, newest_review, store_review
from flowers_tfx.validation import Policy
from tests.conftest import small_photo
from tests.unit.tables import table

POLICY = Policy(permutations=1500, sample=80)


class Requests:
    """Photos of served requests, which lie wherever the server put them."""

    def __init__(self, photos: int, seed: int, light: float = 0.0) -> None:
        self.rows = table(photos, seed, name="request").drop(columns=["embedding"])
        self.rows["mean_luma"] = (self.rows["mean_luma"] + light).clip(0, 255)
        self.photos = {digest: small_photo(number) for number, digest in enumerate(self.rows["digest"])}
        self.asked: list[str] = []

    def read(self, digests: set[str]) -> Iterable[tuple[str, bytes]]:
        self.asked += sorted(digests)
        return ((digest, self.photos[digest]) for digest in sorted(digests & set(self.photos)))

    def side(self, name: str) -> Side:
        return Side(name, self.rows, self.read)


class MeanColour:
    """An embedder that needs no network."""

    name = "mean-colour"

    def __call__(self, photos: Sequence[bytes]) -> npt.NDArray[np.float32]:
        return np.stack([np.asarray(Image.open(io.BytesIO(photo)), np.float32).mean(axis=(0, 1)) for photo in photos])


def test_served_requests_get_review_embeddings_thumbnails_page_and_storage(tmp_path: Path) -> None:
    week, monday = Requests(120, 1), Requests(120, 2, light=80.0)
    baseline, new = (
        embed_side(requests.side(name), MeanColour(), POLICY.sample) for requests, name in ((week, "last week"), (monday, "Monday"))
    )
    assert [side.rows["embedding"].notna().sum() for side in (baseline, new)] == [80, 80]

    comparison = compare_sides(baseline, new, POLICY)
    review = comparison.review
    assert review.verdict == "blocked"
    assert "property:mean_luma" in [finding.id for finding in review.blocking]
    assert {"content", "separation_points"} & set(review.scores["embedding"])
    assert (review.compared_with["name"], review.new["name"]) == ("last week", "Monday")

    thumbnails = comparison.thumbnails()
    example = next(finding for finding in review.findings if finding.id == "property:mean_luma").examples[0]
    assert example.digest in thumbnails
    assert all(Image.open(io.BytesIO(data)).format == "JPEG" for data in thumbnails.values())

    context = Context(title="Monday", created="2026-07-01T00:00:00+00:00", run_id="monitoring-1")
    files = review_files(review, baseline.rows, new.rows, thumbnails, context)
    assert files[HTML].count("<img ") >= 8
    assert "last week" in files[HTML]
    assert "Blocked" in files[MARKDOWN]
    home = store_review(str(tmp_path), "monitoring-1", files)
    stored = newest_review(str(tmp_path))
    assert stored is not None
    assert stored.folder == home
    assert json.loads((home / JSON).read_text())["findings"] == review.as_json()["findings"]
    assert stored.spans == ()


def test_photos_that_the_caller_cannot_read_are_named_on_the_page() -> None:
    baseline, new = Requests(60, 1), Requests(60, 2, light=80.0)
    new.photos.clear()
    comparison = compare_sides(baseline.side("before"), new.side("after"), POLICY)
    assert set(comparison.thumbnails()) <= set(baseline.photos)
    example = next(finding for finding in comparison.review.findings if finding.id == "property:mean_luma").examples[0]
    assert example.uri in comparison_page(comparison, "en")


def test_only_the_photos_of_the_page_are_asked_for_and_known_thumbnails_are_not_made_again() -> None:
    baseline, new = Requests(60, 1), Requests(60, 2, light=80.0)
    comparison = compare_sides(baseline.side("before"), new.side("after"), POLICY)
    made = comparison.thumbnails()
    assert 0 < len(made) < 100
    new.asked.clear()
    assert comparison.thumbnails(known=made) == made
    assert new.asked == []


def test_without_a_baseline_the_new_photos_are_inspected_alone() -> None:
    comparison = compare_sides(None, Requests(30, 1).side("Monday"), POLICY)
    assert comparison.review.compared_with["kind"] == "none"
    assert comparison.baseline.rows.empty
    assert "No property was compared" in comparison_page(comparison, "en")


def test_requests_without_labels_are_reviewed_without_them() -> None:
    week, monday, dark = (Requests(60, seed, light) for seed, light in ((1, 0.0), (2, 0.0), (3, 80.0)))
    for requests in (monday, dark):
        requests.rows = requests.rows.drop(columns="label")
    unlabelled = [replace(requests.side("Monday"), labelled=False) for requests in (monday, dark)]
    quiet, drifted = (compare_sides(week.side("last week"), side, POLICY) for side in unlabelled)
    assert quiet.review.verdict != "blocked"
    assert [finding.id for finding in quiet.review.findings if finding.feature == "label"] == ["schema:unlabelled:new"]
    assert "property:mean_luma" in [finding.id for finding in drifted.review.blocking]
    assert "the new photos are not labelled" in comparison_page(drifted, "en")
    assert compare_sides(None, unlabelled[0], POLICY).review.verdict == "pass"
    assert compare_sides(week.side("last week"), monday.side("Monday"), POLICY).review.verdict == "blocked"


def test_embeddings_of_different_networks_are_not_compared() -> None:
    old, new = (Side(name, table(60, seed), network=name) for name, seed in (("a", 1), ("b", 2)))
    comparison = compare_sides(old, new, POLICY)
    assert "embedding" not in comparison.baseline.rows
    assert "separation_points" not in comparison.review.scores.get("embedding", {})
    with pytest.raises(InputError, match="come from different networks"):
        embed_spans((old, new), None, 80, lambda done, total: None, 0)
    with pytest.raises(InputError, match="not those that made"):
        embed_spans((old, old), MeanColour(), 80, lambda done, total: None, 0)


def test_a_table_brings_its_photos_and_rejected_lines(tmp_path: Path) -> None:
    for name in ("0.jpg", "changed.jpg"):
        (tmp_path / name).write_bytes(small_photo(0))
    digests = [hashlib.sha256(small_photo(seed)).hexdigest() for seed in range(3)]
    rows = pd.DataFrame({"uri": ["0.jpg", "absent.jpg", "changed.jpg"], "digest": digests, "label": ["daisy", "roses", "tulips"]})
    rejects = ({"reason": "no such file", "uri": "x.jpg"}, {"reason": "no such file", "uri": "y.jpg"})
    write_table(tmp_path / "a.parquet", Table(rows, rejected=2, base=str(tmp_path), rejects=rejects))
    side = open_side(tmp_path / "a.parquet")
    # A file that is another photo than the one that was measured is not shown, and no model is asked about it.
    assert dict(side.read_photos({*digests, "d3"})) == {digests[0]: small_photo(0)}
    assert (side.delivery.rejected, side.rejects.reasons, len(side.rejects.examples)) == (2, {"no such file": 2}, 2)
