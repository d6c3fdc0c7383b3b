"""The pipelines of a desk: their spans, reviews and decisions, read from disks and buckets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flowers_tfx.config import PipelineConfig
from flowers_tfx.data.decisions import Decision, read_decisions
from flowers_tfx.data.spans import Span, list_spans
from flowers_tfx.desk.errors import DeskError
from flowers_tfx.desk.review_shape import is_readable
from flowers_tfx.desk.time_limits import TimeLimit
from flowers_tfx.review.stored_reviews import StoredReview, review_roots, stored_reviews

_FRESH_S = 2.0  # seconds that a listing of spans and reviews is used
_ANSWER_S = 10.0  # a page waits so long for a bucket
_REREAD_S = 300.0  # a stored review and a span change when `flowers forget` removes a photo from them


@dataclass(frozen=True)
class Snapshot:
    """`spans` by number, `reviews` newest first, `decisions` in their order. `unreadable`: names of stored reviews that are damaged."""

    spans: tuple[Span, ...]
    reviews: tuple[StoredReview, ...]
    decisions: tuple[Decision, ...]
    unreadable: tuple[str, ...] = ()

    def review(self, name: str) -> StoredReview:
        """Raises DeskError if there is none of this name."""
        stored = next((stored for stored in self.reviews if stored.folder.name == name), None)
        if stored is None:
            raise DeskError(
                404, "There is no such review.", "It may have been removed; the page of the pipeline lists those that are there."
            )
        return stored

    def newest_of(self, span: Span) -> StoredReview | None:
        """The newest review in which the span was new."""
        return next((stored for stored in self.reviews if any(map(stored.has_digest, span.digests))), None)


class Pipeline:
    """A pipeline under the `key` of its addresses. `snapshot` may be called by several threads; one of them reads."""

    def __init__(self, key: str, config: PipelineConfig, now: Callable[[], float] = time.monotonic) -> None:
        self.key, self.config, self._now = key, config, now
        self._guard = threading.Lock()
        self._listed_at, self._reread_at = -_FRESH_S, -_REREAD_S
        self._spans: tuple[Span, ...] = ()
        self._reviews: tuple[StoredReview, ...] = ()
        self._unreadable: tuple[str, ...] = ()
        self._limit = TimeLimit(f"The data root {config.data_root}", _ANSWER_S)

    @property
    def roots(self) -> tuple[str, ...]:
        return review_roots(self.config.pipeline_root, self.config.data_root)

    def snapshot(self) -> Snapshot:
        """Decisions are read each time. Raises InputError where the data root or its decisions cannot be read, and OSError, too, where it
        does not answer in time."""
        return self._limit.call(self._read)

    def _read(self) -> Snapshot:
        with self._guard:
            now = self._now()
            if now - self._listed_at >= _FRESH_S:
                if now - self._reread_at >= _REREAD_S:
                    self._reviews, self._spans, self._reread_at = (), (), now
                self._list()
                self._listed_at = self._now()
            spans, reviews, unreadable = self._spans, self._reviews, self._unreadable
        return Snapshot(spans, reviews, tuple(read_decisions(self.config.data_root)), unreadable)

    def _list(self) -> None:
        known = {str(stored.folder): stored for stored in self._reviews}
        unreadable: list[str] = []
        stored = stored_reviews(*self.roots, known=known, unreadable=unreadable)
        damaged = [one for one in stored if str(one.folder) not in known and not is_readable(one)]
        self._reviews = tuple(one for one in stored if one not in damaged)
        self._unreadable = tuple(sorted({*unreadable, *(one.folder.name for one in damaged)}))
        self._spans = tuple(list_spans(self.config.data_root, {str(span.path): span for span in self._spans}))


def open_pipelines(configs: Sequence[PipelineConfig]) -> dict[str, Pipeline]:
    """By key: the name of the pipeline; a number follows where several have the same name."""
    pipelines: dict[str, Pipeline] = {}
    for config in configs:
        key, number = config.name, 1
        while key in pipelines:
            number += 1
            key = f"{config.name}-{number}"
        pipelines[key] = Pipeline(key, config)
    return pipelines
