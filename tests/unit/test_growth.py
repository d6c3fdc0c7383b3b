"""Which values of a property grew most, and the photos that show it."""

from __future__ import annotations

import numpy as np
import pytest

from flowers_tfx.validation.findings.growth import largest_growth

RANDOM = np.random.default_rng(0)


def test_photos_of_one_size_mixed_in_are_named_by_it() -> None:
    """40 of 400 photos are 256 px wide; neither the widest nor the narrowest ones are the change."""
    old = RANDOM.choice([240.0, 320.0, 333.0, 500.0], 800, p=[0.1, 0.4, 0.1, 0.4])
    new = np.concatenate([np.full(40, 256.0), RANDOM.choice([240.0, 320.0, 333.0, 500.0], 360, p=[0.1, 0.4, 0.1, 0.4])])
    growth = largest_growth(old, new)
    assert (growth.low, growth.high, growth.old, growth.new) == (256, 256, 0, 10)
    assert set(growth.rows[:40].tolist()) == set(range(40))


def test_one_size_among_many_is_found_too() -> None:
    old, mixed = RANDOM.normal(300, 60, 800), RANDOM.normal(300, 60, 360)
    growth = largest_growth(old, np.concatenate([np.full(40, 256.0), mixed]))
    assert (growth.low, growth.high, growth.old) == (256, 256, 0)
    assert set(growth.rows[:8].tolist()) <= set(range(40))


def test_a_shift_of_all_photos_is_a_range_without_an_end() -> None:
    old, new = RANDOM.normal(110, 20, 1000), RANDOM.normal(140, 20, 500)
    growth = largest_growth(old, new)
    assert growth.is_highest and not growth.is_lowest
    assert 120 < growth.low < 145
    assert growth.new - growth.old > 30
    assert growth.old == pytest.approx(100 * (old >= growth.low).mean())
    assert new[growth.rows[:8]].min() >= growth.low


@pytest.mark.parametrize(("old", "new"), [([1.0], [1.0]), ([1.0, 1.0], [2.0]), ([2.0], [1.0, 3.0])])
def test_a_few_values_are_enough(old: list[float], new: list[float]) -> None:
    growth = largest_growth(np.array(old), np.array(new))
    assert growth.low <= growth.high
    assert growth.new >= growth.old
