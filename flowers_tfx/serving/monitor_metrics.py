"""What the last review of `flowers monitor` found, on the page /metrics: read from the monitor's state when the page is asked for."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from flowers_tfx.errors import InputError
from flowers_tfx.monitoring.monitor_state import FOLDER, ReviewedVersion, read_state

_VERDICTS = {"pass": 0, "warn": 1, "blocked": 2}


class MonitorMetrics(Collector):
    """`record_dir`: the folder that the service records to. Nothing is shown before the first review, nor of reviews of single clients."""

    def __init__(self, record_dir: str) -> None:
        self._folder = Path(record_dir) / FOLDER

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return ()  # the names are known; the state is not read when the collector is registered

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            state = read_state(self._folder)
        except InputError:
            return  # the page shows everything else
        reviewed = {name: one for name, one in state.versions.items() if name.isdecimal()}
        if reviewed:
            yield from _gauges(reviewed)


def _gauges(reviewed: dict[str, ReviewedVersion]) -> Iterator[GaugeMetricFamily]:
    now = time.time()
    verdict = _gauge("verdict", "Verdict of the last review of what a version was asked: 0 pass, 1 warn, 2 blocked.")
    age = _gauge("review_age_seconds", "Time since this review.")
    photos = _gauge("photos", "Different photos that this review compared.")
    unknown = _gauge("unknown_share", "Share of the photos that were taken for none of the classes, 0 to 1.")
    accuracy = _gauge("accuracy", "Accuracy, measured by feedback or estimated, 0 to 1.", "version", "how")
    drift = _gauge(
        "drift", "Largest difference from the training photos in the share of photos below any value, 0 to 1.", "version", "feature"
    )
    for version, one in reviewed.items():
        verdict.add_metric([version], _VERDICTS[one.verdict])
        age.add_metric([version], now - datetime.fromisoformat(one.time).timestamp())
        photos.add_metric([version], one.photos)
        if one.unknown is not None:
            unknown.add_metric([version], one.unknown)
        if one.accuracy is not None:
            accuracy.add_metric([version, "estimated" if one.estimated else "measured"], one.accuracy)
        for feature, distance in one.drift.items():
            drift.add_metric([version, feature], distance)
    yield from (verdict, age, photos, unknown, accuracy, drift)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"flowers_monitor_{name}", text, labels=labels or ("version",))
