"""What a photo can be recognised by in stored files."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from flowers_tfx.data.pictures import BadPicture
from flowers_tfx.review.thumbnails import LARGE, SMALL, Size, thumbnail

PLACEHOLDER = "forgotten"
_NOTHING = base64.b64encode(bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"))
_SHORTEST_PREFIX = 12  # of a digest, as pages show it
_SIZES = (SMALL, LARGE, Size(256, SMALL.max_bytes))  # of thumbnails, the last one of earlier versions of the program


@dataclass(frozen=True)
class Traces:
    """`digest`: sha256 of the file in hexadecimal; `uris`: where it came from; `pictures`: bytes of its thumbnails."""

    digest: str
    uris: tuple[str, ...]
    pictures: tuple[bytes, ...]

    def edit(self, text: bytes) -> bytes:
        """The text of a page, a log or JSON without digest, addresses and thumbnails; the same object if it has none."""
        edited = text
        for picture in self.pictures:
            edited = edited.replace(base64.b64encode(picture), _NOTHING)
        # Most files have no address: a search is faster than a regular expression.
        if self._address is not None and any(uri in edited for uri in self._spelled):
            edited = self._address.sub(PLACEHOLDER.encode(), edited)
        return re.sub(rb"%b[0-9a-f]*" % self.digest[:_SHORTEST_PREFIX].encode(), PLACEHOLDER.encode(), edited)

    @cached_property
    def _spelled(self) -> tuple[bytes, ...]:
        return tuple(sorted(self._spellings(), key=len, reverse=True))

    @cached_property
    def _address(self) -> re.Pattern[bytes] | None:
        """An address that is no part of another one: `1.jpg` is not the end of `roses/1.jpg` or `11.jpg`, nor the start of `1.jpg.bak`."""
        before = [rb"(?<![\w.%%%b-])%b" % (b"" if b"/" in uri else b"/", re.escape(uri)) for uri in self._spelled]
        return re.compile(rb"(?:%b)(?![\w%%/-]|\.\w)" % b"|".join(before)) if before else None

    def _spellings(self) -> set[bytes]:
        """The addresses as text, HTML and JSON spell them."""
        spelled: set[str] = set()
        for uri in self.uris:
            spelled |= {uri, html.escape(uri), json.dumps(uri)[1:-1], json.dumps(uri, ensure_ascii=False)[1:-1]}
        return {uri.encode() for uri in spelled if uri}


def find_traces(digest: str, uris: Iterable[str], photos: Iterable[bytes], thumbnails: Iterable[bytes]) -> Traces:
    """`photos`: the photo's bytes, as far as a span has them."""
    pictures = set(thumbnails)
    for photo in photos:
        for size in _SIZES:
            try:
                pictures.add(thumbnail(photo, size))
            except BadPicture:
                continue
    return Traces(digest, tuple(sorted(set(uris))), tuple(sorted(pictures)))
