"""Which of the answered photos are measured: all of them, or under load a uniform sample."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush

from flowers_tfx.monitoring.embedding_text import Vector

MOST_PHOTOS = 128
MOST_BYTES = 32_000_000


@dataclass(frozen=True, order=True)
class PhotoToMeasure:
    """`priority`: the negative of a random number from 0 to 1. `photo`: the bytes of the file; `number`: its place in the request."""

    priority: float
    request: str = field(compare=False)
    number: int = field(compare=False)
    segment: str = field(compare=False)
    digest: str = field(compare=False)
    photo: bytes = field(compare=False)
    network: str = field(compare=False)
    features: Vector | None = field(compare=False)


@dataclass(frozen=True)
class Batch:
    """A uniform sample of the photos that were offered: `share` of them, 0 to 1."""

    photos: tuple[PhotoToMeasure, ...] = ()
    share: float = 1.0


class PhotoSample:
    """The photos with the smallest random numbers (a bottom-k sample): whether a photo is in depends on nothing else. A large photo can
    push others out, and is itself pushed out by its own number alone."""

    def __init__(self, most_photos: int = MOST_PHOTOS, most_bytes: int = MOST_BYTES) -> None:
        self._most_photos, self._most_bytes = most_photos, most_bytes
        self._heap: list[PhotoToMeasure] = []  # the photo with the largest number first
        self._bytes = 0
        self._limit = -1.0  # the smallest priority that was pushed out, and above: such photos are not let in any more
        self.offered = 0

    def __len__(self) -> int:
        return len(self._heap)

    def offer(self, photo: PhotoToMeasure) -> None:
        self.offered += 1
        if photo.priority <= self._limit:
            return
        heappush(self._heap, photo)
        self._bytes += len(photo.photo)
        while len(self._heap) > self._most_photos or (self._bytes > self._most_bytes and len(self._heap) > 1):
            out = heappop(self._heap)
            self._bytes -= len(out.photo)
            self._limit = out.priority

    def take(self, most: int = MOST_PHOTOS) -> Batch:
        """The sample, or `most` photos of it, and begins a new one."""
        while len(self._heap) > most:
            heappop(self._heap)
        share = len(self._heap) / self.offered if self.offered else 1.0
        batch = Batch(tuple(self._heap), share)
        self.__init__(self._most_photos, self._most_bytes)  # type: ignore[misc]
        return batch
