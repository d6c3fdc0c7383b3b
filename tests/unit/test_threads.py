"""Work on many items in several threads."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator

import pytest

from flowers_tfx import threads
from flowers_tfx.threads import map_in_threads


@pytest.fixture(autouse=True)
def three_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "processors", lambda: 3)


@pytest.mark.parametrize("number", [0, 1, 2, 3, 500])
def test_results_come_in_the_order_of_the_items(number: int) -> None:
    def work(item: int) -> int:
        time.sleep(0.001 * (item % 3))
        return item * item

    assert list(map_in_threads(work, range(number))) == [item * item for item in range(number)]


def test_the_items_are_worked_on_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=60)
    assert list(map_in_threads(lambda _: meeting.wait() >= 0, range(3))) == [True] * 3


def test_one_item_needs_no_thread() -> None:
    assert list(map_in_threads(lambda _: threading.current_thread(), [1])) == [threading.current_thread()]


def test_an_endless_sequence_is_read_only_a_few_items_ahead() -> None:
    read = itertools.count()
    results = map_in_threads(lambda item: item, read)
    assert list(itertools.islice(results, 100)) == list(range(100))
    assert next(read) < 130
    results.close()


def test_an_error_comes_in_its_items_turn() -> None:
    def work(item: int) -> int:
        if item == 5:
            raise ValueError("five")
        return item

    results: Iterator[int] = map_in_threads(work, range(50))
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="five"):
        next(results)
