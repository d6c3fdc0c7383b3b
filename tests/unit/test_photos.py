"""What happens to photos between the lines of a delivery and the shards."""

from __future__ import annotations

from collections import defaultdict
from hashlib import sha256

import pytest

from flowers_tfx.data.photos import EARLIER, LINES, Occurrence, conflict, group_photos, shard_index, split_of, unit_of

DIGESTS = [sha256(str(number).encode()).digest() for number in range(600)]


@pytest.mark.parametrize(("shards", "units"), [(1, 3), (2, 2), (8, 8)])
def test_the_files_of_a_unit_belong_to_no_other(shards: int, units: int) -> None:
    files: dict[int, set[tuple[str, int]]] = defaultdict(set)
    sizes: dict[int, int] = defaultdict(int)
    for digest in DIGESTS:
        unit = unit_of(digest, "salt", shards)
        files[unit].add((split_of(digest, "salt"), shard_index(digest, shards)))
        sizes[unit] += 1
    assert len(files) == units
    assert sum(map(len, files.values())) == len(set[tuple[str, int]].union(*files.values())) == 3 * shards
    if shards > 1:
        assert max(sizes.values()) < 1.5 * len(DIGESTS) / shards


def test_lines_and_earlier_spans_meet_in_any_order() -> None:
    one, two, three = DIGESTS[:3]
    first = Occurrence("a.jpg", 1, "daisy", b"/a.jpg", 9)
    again = Occurrence("b.jpg", 7, "daisy", b"/b.jpg", 9)
    other = Occurrence("c.jpg", 8, "roses", b"/c.jpg", 5)
    shuffled = [
        (EARLIER, 4, two + three, ["tulips", "daisy"]),
        (LINES, [(one, *first), (two, *other)]),
        (LINES, [(one, *again)]),
    ]
    for order in (shuffled, shuffled[::-1]):
        photos = group_photos(order)
        assert {digest: sorted(found) for digest, found in photos.items()} == {
            one: [first, again],
            two: [other, Occurrence("span 4", 0, "tulips", b"", 0)],
        }
    assert conflict([first, again], []) == ""
    assert conflict([other], [Occurrence("span 4", 0, "tulips", b"", 0)]).startswith("label conflict")
