"""The same photo again: by its bytes, or by a perceptual hash that differs in a few bits; and the same photo under two labels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from flowers_tfx.validation.tables.photo_table import Photos

# Of 64 bits. With four bands of 16 bits, two hashes that differ in at most three bits share a band.
NEAR_BITS = 3
_BAND_MASK = np.uint64(0xFFFF)
_LARGEST_BUCKET = 200  # photos of one colour share bands with everything: such buckets are skipped

Pair = tuple[int, int]


def find_exact_copies(photos: Photos, others: Photos) -> tuple[list[Pair], list[Pair]]:
    """Pairs of equal bytes inside `photos`, and (row in photos, row in others) across; the first of its kind stands for all."""
    first: dict[str, int] = {}
    inside: list[Pair] = []
    for row, digest in enumerate(photos.digests):
        if digest:
            if digest in first:
                inside.append((row, first[digest]))
            else:
                first[digest] = row
    known: dict[str, int] = {}
    for row, digest in enumerate(others.digests):
        if digest:
            known.setdefault(digest, row)
    return inside, [(row, known[digest]) for row, digest in enumerate(photos.digests) if digest in known]


def find_near_copies(photos: Photos, others: Photos) -> tuple[list[Pair], list[Pair]]:
    """Pairs as in `find_exact_copies`, of hashes within NEAR_BITS, equal bytes left out; each photo with its nearest."""
    hashes = np.concatenate([_hashes(photos), _hashes(others)])
    usable = np.concatenate([_usable(photos), _usable(others)])
    digests = np.concatenate([photos.digests, others.digests])
    offset = len(photos)
    best: dict[int, tuple[int, int]] = {}
    for one, other, bits in _close(hashes, usable, offset):
        if digests[one] and digests[one] == digests[other]:
            continue
        # The later photo in the table repeats the earlier one.
        row, partner = (max(one, other), min(one, other)) if max(one, other) < offset else (min(one, other), max(one, other))
        best[row] = min(best.get(row, (64, 0)), (bits, partner))
    inside = [(row, partner) for row, (_, partner) in sorted(best.items()) if partner < offset]
    return inside, [(row, partner - offset) for row, (_, partner) in sorted(best.items()) if partner >= offset]


def find_label_conflicts(photos: Photos, others: Photos, inside: list[Pair], across: list[Pair]) -> tuple[list[Pair], list[Pair]]:
    """The pairs with two different labels."""
    return (
        [(one, other) for one, other in inside if _differ(photos.labels[one], photos.labels[other])],
        [(one, other) for one, other in across if _differ(photos.labels[one], others.labels[other])],
    )


def _differ(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other


def _usable(photos: Photos) -> npt.NDArray[np.bool_]:
    return np.array([_is_hash(value) for value in photos.phashes], bool)


def _is_hash(value: object) -> bool:
    # A flat picture's hash has hardly a bit set, or only the first: it is near every other flat picture.
    if not isinstance(value, str) or len(value) != 16:
        return False
    try:
        return 8 <= int(value, 16).bit_count() <= 56
    except ValueError:
        return False


def _hashes(photos: Photos) -> npt.NDArray[np.uint64]:
    return np.array([int(value, 16) if usable else 0 for value, usable in zip(photos.phashes, _usable(photos), strict=True)], np.uint64)


def _close(hashes: npt.NDArray[np.uint64], usable: npt.NDArray[np.bool_], new: int) -> Iterator[tuple[int, int, int]]:
    """Pairs within NEAR_BITS, and their bits, that hold at least one of the first `new` photos; a pair can come more than once.

    In the order of a band, photos that share it are neighbours: one pass compares each with its n-th next.
    """
    for band in range(4):
        keys = (hashes >> np.uint64(16 * band)) & _BAND_MASK
        order = np.argsort(np.where(usable, keys, np.uint64(1 << 16)), kind="stable")[: int(usable.sum())]
        ordered, values = keys[order], hashes[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(ordered) else np.zeros(0, int)
        sizes = np.diff(np.append(starts, len(ordered)))
        small = np.repeat(sizes <= _LARGEST_BUCKET, sizes)
        for step in range(1, min(int(sizes.max(initial=0)), _LARGEST_BUCKET)):
            same = np.flatnonzero((ordered[step:] == ordered[:-step]) & small[step:])
            if not len(same):
                break
            bits = _bits(values[same] ^ values[same + step])
            for at in np.flatnonzero(bits <= NEAR_BITS):
                one, other = int(order[same[at]]), int(order[same[at] + step])
                if min(one, other) < new:
                    yield one, other, int(bits[at])


_BITS = np.array([value.bit_count() for value in range(1 << 16)], np.uint8)


def _bits(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    counts: npt.NDArray[np.int64] = _BITS[values.view(np.uint16).reshape(-1, 4)].sum(axis=1).astype(np.int64)
    return counts
