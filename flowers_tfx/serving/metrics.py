"""What the service counts and measures, for Prometheus. With several workers each writes files that /metrics adds up."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sized
from typing import Any, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from flowers_tfx.monitoring.record_settings import Lost, Result
from flowers_tfx.serving.version_states import Change, Role

disable_created_metrics()  # a time beside each counter, which nobody asks for
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SHORT = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)  # s
_LONG = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # s
_EXPLANATION = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0, 30.0, 60.0)  # s
Unfinished = Literal["refused", "client left", "late", "failed"]


class Metrics:
    """One per process. docs/interfaces.md lists the names."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._roles: dict[Role, str] = {}
        self._collectors: list[Collector] = []
        self._several = "PROMETHEUS_MULTIPROC_DIR" in os.environ
        if not self._several:
            ProcessCollector(registry=registry)
            PlatformCollector(registry=registry)
        self.requests = Counter("flowers_requests", "Requests, by route and status.", ("route", "code"), registry=registry)
        self.request_seconds = _seconds("flowers_request_seconds", "From the head of a request to its answer.", _LONG, registry, ("route",))
        self.queue_seconds = _seconds("flowers_queue_seconds", "What a photo waits before a thread takes it.", _SHORT, registry)
        self.decode_seconds = _seconds("flowers_decode_seconds", "From the file to the network's picture.", _SHORT, registry)
        self.network_seconds = _seconds("flowers_network_seconds", "From the picture to the answer.", _SHORT, registry)
        self.batch = Histogram("flowers_batch_photos", "Photos that a thread took at once.", buckets=range(1, 17), registry=registry)
        self.queue_photos = Gauge("flowers_queue_photos", "Photos that wait.", registry=registry, multiprocess_mode="livesum")
        self.open_requests = Gauge("flowers_open_requests", "Requests being answered.", registry=registry, multiprocess_mode="livesum")
        self.answers = Counter("flowers_answers", "Answered photos.", ("version", "label", "known", "why"), registry=registry)
        self.refused_photos = Counter("flowers_refused_photos", "Photos that cannot be read.", ("code",), registry=registry)
        self.model_errors = Counter(
            "flowers_model_errors", "Photos whose answer failed or was not finite.", ("version",), registry=registry
        )
        self.explanations = ExplanationMetrics(registry)
        self.records = RecordMetrics(registry)
        self.version = Gauge(
            "flowers_version", "1 for a loaded version.", ("version", "role"), registry=registry, multiprocess_mode="livemax"
        )
        self.version_changes = Counter(
            "flowers_version_changes", "Versions loaded, kept out, taken out.", ("version", "change"), registry=registry
        )
        self.shadow = Counter(
            "flowers_shadow_photos", "Photos that the shadow version was asked about too.", ("version", "result"), registry=registry
        )
        self.shadow_difference = Histogram(
            "flowers_shadow_difference",
            "Largest difference of a probability between shadow and answer.",
            buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0),
            registry=registry,
        )

    def add_collector(self, collector: Collector) -> None:
        """Of values that are the same in every worker, such as those of a file."""
        self._collectors.append(collector)
        self._registry.register(collector)

    def version_changed(self, version: str, change: Change) -> None:
        self.version_changes.labels(version, change).inc()

    def version_roles(self, roles: Mapping[Role, str]) -> None:
        """The version in each role that has one; a version can have two."""
        for role, version in self._roles.items() - roles.items():
            self.version.labels(version, role).set(0)
        for role, version in roles.items():
            self.version.labels(version, role).set(1)
        self._roles = dict(roles)

    def shadow_compared(self, version: str, same_label: bool, difference: float) -> None:
        """`difference`: the largest of a probability."""
        self.shadow.labels(version, "same label" if same_label else "other label").inc()
        self.shadow_difference.observe(difference)

    def shadow_skipped(self, version: str, photos: int) -> None:
        """Photos that the shadow was not asked about, under load."""
        self.shadow.labels(version, "skipped").inc(photos)

    def watch_queue(self, queue: Sized) -> None:
        """`flowers_queue_photos` is read from the queue when it is asked for; with several workers each writes it down instead."""
        if not self._several:
            self.queue_photos.set_function(lambda: len(queue))

    def queue_changed(self, photos: int) -> None:
        if self._several:
            self.queue_photos.set(photos)

    def text(self) -> bytes:
        """The page /metrics."""
        if not self._several:
            return bytes(generate_latest(self._registry))
        every = CollectorRegistry()
        MultiProcessCollector(every)
        for collector in self._collectors:
            every.register(collector)
        return bytes(generate_latest(every))


class ExplanationMetrics:
    """Explanations beside the predictions; `open`: photos that wait for one, or get one."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._explained = Counter("flowers_explanations", "Explained photos.", ("version", "known", "trustworthy"), registry=registry)
        self._unfinished = Counter(
            "flowers_unfinished_explanations", "Requests for explanations that got none.", ("reason",), registry=registry
        )
        self._seconds = _seconds("flowers_explanation_seconds", "To explain a photo, without its wait.", _EXPLANATION, registry)
        self.open = Gauge(
            "flowers_open_explanations", "Photos that wait for an explanation, or get one.", registry=registry, multiprocess_mode="livesum"
        )

    def finished(self, version: str, *, known: bool, trustworthy: bool, seconds: float) -> None:
        self._explained.labels(version, str(known).lower(), str(trustworthy).lower()).inc()
        self._seconds.observe(seconds)

    def unfinished(self, reason: Unfinished) -> None:
        """A request that got no explanation."""
        self._unfinished.labels(reason).inc()


class RecordMetrics:
    """What is recorded of answers, with `serving.record_dir`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._recorded = Counter("flowers_recorded_answers", "Answered photos whose record was written.", registry=registry)
        self._lost = Counter("flowers_lost_records", "Answered photos whose record could not be written.", ("reason",), registry=registry)
        self._measured = Counter(
            "flowers_measured_photos", "Recorded photos by whether their properties were measured.", ("result",), registry=registry
        )
        self._errors = Counter("flowers_recording_errors", "Errors in the recording of answers that the log describes.", registry=registry)

    def recorded(self, photos: int) -> None:
        self._recorded.inc(photos)

    def lost(self, reason: Lost, photos: int) -> None:
        self._lost.labels(reason).inc(photos)

    def measured(self, result: Result, photos: int) -> None:
        self._measured.labels(result).inc(photos)

    def failed(self) -> None:
        self._errors.inc()


def _seconds(name: str, text: str, buckets: tuple[float, ...], registry: CollectorRegistry, labels: tuple[str, ...] = ()) -> Any:
    return Histogram(name, text, labels, buckets=buckets, registry=registry)
