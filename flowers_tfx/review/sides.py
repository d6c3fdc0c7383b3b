"""The two sides of a comparison: tables of photos, where they come from, and how to read the photos themselves."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import pandas as pd

from flowers_tfx import features
from flowers_tfx.data import pictures, spans, uris
from flowers_tfx.data.span_pictures import span_pictures
from flowers_tfx.data.spans import REJECTS, Span
from flowers_tfx.data.tables import Table, open_span, read_table
from flowers_tfx.data.windows import delivery_counts, unmeasured_in
from flowers_tfx.errors import InputError
from flowers_tfx.storage import StoragePath
from flowers_tfx.validation import Delivery
from flowers_tfx.validation.model_answers import ModelAnswers

# Digests of photos to the digest and the bytes of each one that can be read, in any order.
ReadPhotos = Callable[[set[str]], Iterable[tuple[str, bytes]]]
MAX_REJECT_EXAMPLES = 50


def no_photos(digests: set[str]) -> Iterable[tuple[str, bytes]]:
    """For a side without photos, only a table."""
    return ()


@dataclass(frozen=True)
class Rejects:
    """Lines of a delivery without a usable photo: how many for each reason, and the first ones as {uri, label, line, reason}."""

    reasons: Mapping[str, int] = field(default_factory=dict)
    examples: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    `rows`: one row per photo, with the columns uri, digest, label, image properties and, for the photos embedded by `network`,
    `embedding`. `unmeasured`: image properties that `rows` lack because they were added to the table later, and in which photos.
    `labelled`: whether these photos should have labels; photos of requests, for example, should not. `may_repeat`: whether copies among
    them are only notes. `answers`: of the serving model, if it was asked already.
    `as_baseline` and `as_new`: this side in the JSON of a review in either role; without them, its name.
    """

    name: str
    rows: pd.DataFrame
    read_photos: ReadPhotos = no_photos
    network: str = ""
    delivery: Delivery = field(default_factory=Delivery)
    rejects: Rejects = field(default_factory=Rejects)
    spans: tuple[Span, ...] = ()
    unmeasured: Mapping[str, str] = field(default_factory=dict)
    labelled: bool = True
    may_repeat: bool = False
    answers: ModelAnswers | None = None
    as_baseline: Mapping[str, Any] = field(default_factory=dict)
    as_new: Mapping[str, Any] = field(default_factory=dict)

    def without_embeddings(self) -> Side:
        return replace(self, rows=self.rows.drop(columns=[features.EMBEDDING], errors="ignore"), network="")


def spans_side(chosen: Sequence[Span]) -> Side:
    """The photos of these spans together."""
    name = ", ".join(span.path.name for span in chosen)
    facts = {"digest": joint_digest(chosen), "photos": sum(span.examples for span in chosen)}
    return Side(
        name,
        span_rows(chosen),
        lambda digests: read_span_photos(chosen, digests),
        delivery=Delivery(*delivery_counts(chosen)),
        rejects=span_rejects(chosen),
        spans=tuple(chosen),
        unmeasured=unmeasured_in(chosen),
        as_baseline={"kind": "span", "name": name, **facts},
        as_new={"spans": [span.number for span in chosen], **facts},
    )


def table_side(name: str, table: Table) -> Side:
    """The photos of a table of `flowers dataset measure`: their bytes are read from their URIs."""
    return Side(
        name,
        table.frame,
        lambda digests: read_table_photos(table, digests),
        table.network,
        Delivery(table.rejected),
        Rejects(Counter(str(reject.get("reason", "")) for reject in table.rejects), table.rejects[:MAX_REJECT_EXAMPLES]),
    )


def open_side(path: StoragePath) -> Side:
    """The side in a span folder or a table. Raises InputError when `path` is neither."""
    hint = "Name a folder such as DATA_ROOT/span-1, or a table of `flowers dataset measure`."
    try:
        span = open_span(path)
        if span is None and path.is_dir():
            raise InputError(f"{path} is not a span.", hint)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", hint) from None
    if span is None:
        return table_side(path.name, read_table(path))
    side = spans_side([span])
    return replace(side, as_new={"name": path.name, **side.as_new})


def span_rows(chosen: Sequence[Span]) -> pd.DataFrame:
    """The rows of all photos of these spans, with the columns that each span has."""
    frames = [spans.read_photos(span) for span in chosen]
    return pd.concat(frames, ignore_index=True, join="inner") if frames else pd.DataFrame(columns=spans.photos_schema().names)


def span_rejects(chosen: Sequence[Span]) -> Rejects:
    """Rejected lines of these spans, in their order."""
    reasons: Counter[str] = Counter()
    examples: list[Mapping[str, Any]] = []
    for span in chosen:
        with (span.path / REJECTS).open(encoding="utf-8") as lines:
            for reject in map(json.loads, lines):
                reasons[str(reject.get("reason", ""))] += 1
                if len(examples) < MAX_REJECT_EXAMPLES:
                    examples.append(reject)
    return Rejects(reasons, examples)


def joint_digest(chosen: Sequence[Span]) -> str:
    """The digest of one span, or a digest of the digests of several and of what reviewers changed in them."""
    digests = [digest for span in chosen for digest in (span.digest, *([span.edits.digest] if span.edits else ()))]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def read_span_photos(chosen: Sequence[Span], digests: set[str]) -> Iterator[tuple[str, bytes]]:
    yield from chain.from_iterable(span_pictures(span.path, digests) for span in chosen)


def read_table_photos(table: Table, digests: set[str]) -> Iterator[tuple[str, bytes]]:
    """Without the files that changed since they were measured: other photos than the table has."""
    if features.URI not in table.frame or features.DIGEST not in table.frame:
        return
    for uri, digest in zip(table.frame[features.URI], table.frame[features.DIGEST], strict=True):
        if digest in digests:
            try:
                path = uris.resolve(str(uri), table.base)
                data = uris.read_bytes(path.encode("utf-8", "surrogateescape"), pictures.MAX_FILE_BYTES)
            except (uris.UnusableLine, ValueError):
                continue
            if hashlib.sha256(data).hexdigest() == digest:
                yield digest, data
