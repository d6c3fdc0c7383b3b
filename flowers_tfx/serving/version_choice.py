"""Which version is to serve, and which one answers a request: rules without any state."""

from __future__ import annotations

import hashlib
from collections.abc import Collection


def serving_candidates(
    numbers: Collection[int], *, only: int | None, pinned: int | None, on_trial: Collection[int], serving: int | None
) -> list[int]:
    """The versions to try, best first; the version that serves now is in the list where it is to stay if those before it cannot be used.

    `only`: pinned for this process, nothing takes its place. `pinned`: in the registry; an older version takes its place where none serves
    yet, never a newer one, which somebody may have rolled back. `on_trial`: canary and shadow, which do not serve unless there is no other.
    """
    if only is not None:
        return [only]
    present = set(numbers) | ({serving} if serving is not None else set())
    if pinned is not None:
        older = sorted((number for number in present if number < pinned), reverse=True)
        return [pinned, *(older if serving is None else [])]
    newest_first = sorted(present, reverse=True)
    return [number for number in newest_first if number not in on_trial] or newest_first


def is_in_share(key: str, share: float) -> bool:
    """Whether the request with this id belongs to a share of all, 0 to 1: the same for the same id, in every process."""
    place = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big")
    return place < share * 2**64
