"""The regions of a map: where they lie, and how much of the evidence they hold."""

from __future__ import annotations

import numpy as np
import pytest

from flowers_tfx.explain.model_function import Floats
from flowers_tfx.explain.regions import MOST_REGIONS, SHARE, find_regions


def empty_map(size: int = 56) -> Floats:
    return np.zeros((size, size), np.float32)


def test_two_spots_are_two_regions_in_their_boxes() -> None:
    evidence = empty_map()
    evidence[4:12, 8:20] = 2
    evidence[40:52, 30:40] = 1
    evidence[20:30, 20:30] = -5  # speaks against the class
    first, second = find_regions(evidence)
    assert first.box == pytest.approx((8 / 56, 4 / 56, 20 / 56, 12 / 56), abs=0.08)
    assert second.box == pytest.approx((30 / 56, 40 / 56, 40 / 56, 52 / 56), abs=0.08)
    assert (first.share, second.share) == pytest.approx((192 / 312, 120 / 312), abs=0.16)  # not all cells are taken
    assert first.share > second.share


def test_a_region_that_is_not_needed_is_left_out() -> None:
    evidence = empty_map()
    evidence[4:24, 4:24] = 10
    evidence[40:42, 40:42] = 10
    (region,) = find_regions(evidence)
    assert region.box == pytest.approx((4 / 56, 4 / 56, 24 / 56, 24 / 56), abs=0.08)


@pytest.mark.parametrize("size", [1, 2, 5, 28, 30, 56, 224])
@pytest.mark.parametrize("seed", range(5))
def test_shares_hold_most_of_the_evidence_whatever_the_map(size: int, seed: int) -> None:
    evidence = np.random.default_rng(seed).normal(size=(size, size)).astype(np.float32)
    evidence[0, 0] = abs(evidence[0, 0]) + 0.1
    regions = find_regions(evidence)
    shares = [region.share for region in regions]
    assert 1 <= len(regions) <= MOST_REGIONS
    assert SHARE <= sum(shares) <= 1 + 1e-9
    assert shares == sorted(shares, reverse=True)
    assert all(0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1 for x0, y0, x1, y1 in (region.box for region in regions))


def test_a_checkerboard_has_few_regions() -> None:
    evidence = empty_map(28)
    evidence[::4, ::4] = 1
    assert len(find_regions(evidence)) <= MOST_REGIONS


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_map_without_evidence_has_no_regions(value: float) -> None:
    assert find_regions(np.full((30, 30), value, np.float32)) == ()


def test_even_evidence_is_one_region() -> None:
    (region,) = find_regions(np.ones((32, 32), np.float32))
    assert region.share >= SHARE
