"""Small pictures of the photos that a review names, read from its spans."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator

from flowers_tfx.data.pictures import BadPicture
from flowers_tfx.data.span_pictures import span_pictures
from flowers_tfx.data.spans import Span
from flowers_tfx.errors import InputError
from flowers_tfx.review.thumbnails import SMALL, thumbnail
from flowers_tfx.storage import BucketPath, file_sizes

_MOST_KEPT = 4000  # pictures, of 4 KB at most each
# A span in a bucket is copied to this machine shard by shard to find its photos.
_MOST_BUCKET_BYTES = 2 << 30
_MOST_PAGES = 32


class Photos:
    """Made for all photos of a page at once, since they lie together; kept as long as there is room. Photos that cannot be shown are kept
    as such, so that a span is read once."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._added: OrderedDict[str, frozenset[str]] = OrderedDict()

    def add_to_page(self, address: str, digests: Iterable[str]) -> None:
        """Photos that a page shows although its review does not name them; those of the last few pages are remembered."""
        with self._guard:
            self._added[address] = frozenset(digests)
            self._added.move_to_end(address)
            while len(self._added) > _MOST_PAGES:
                self._added.popitem(last=False)

    def added_to_page(self, address: str) -> frozenset[str]:
        return self._added.get(address, frozenset())

    def get(self, digest: str, page: Collection[str], spans: Iterable[Span]) -> bytes:
        """A JPEG of the photo, empty if there is none. `page`: the digests of all photos that the page shows."""
        with self._guard:
            if digest not in self._kept:
                self._read({one for one in page if one not in self._kept}, spans)
            picture = self._kept.get(digest, b"")
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return picture

    def _read(self, missing: set[str], spans: Iterable[Span]) -> None:
        wanted = set(missing)
        for span in spans:
            for digest, data in _photos_of(span, wanted):
                self._kept[digest] = _small(data)
                wanted.discard(digest)
        self._kept.update(dict.fromkeys(wanted, b""))


def _photos_of(span: Span, digests: Collection[str]) -> Iterator[tuple[str, bytes]]:
    if not digests or (isinstance(span.path, BucketPath) and sum(file_sizes(span.path).values()) > _MOST_BUCKET_BYTES):
        return
    try:
        yield from span_pictures(span.path, digests)
    except (InputError, OSError):
        return  # the report has pictures of its own; a decision can be taken without these


def _small(data: bytes) -> bytes:
    try:
        return thumbnail(data, SMALL)
    except BadPicture:
        return b""
