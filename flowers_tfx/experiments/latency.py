"""How long models take for a photo on this machine: side by side in one call, so that whatever else runs slows all of them down alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np

from flowers_tfx.data.network_picture import prepare_picture
from flowers_tfx.data.pictures import Picture, open_picture
from flowers_tfx.data.records import bytes_feature
from flowers_tfx.experiments.answers import test_photos, test_spans
from flowers_tfx.experiments.contestants import LoadedContestant
from flowers_tfx.features import IMAGE
from flowers_tfx.progress import Meter

_PHOTOS, _ROUNDS = 30, 7


@dataclass(frozen=True)
class Latency:
    """Milliseconds a photo on one thread, from its bytes to the answer: median, 5th and 95th percentile of `measured` times; `network_ms`:
    the median of the network alone; `cpu_ms`: the median of the processor's time, which other programs do not lengthen."""

    median_ms: float
    low_ms: float
    high_ms: float
    network_ms: float
    cpu_ms: float
    measured: int

    def as_json(self) -> dict[str, Any]:
        return {name: round(value, 3) for name, value in asdict(self).items()}


def measure_latency(data_root: str, contestants: Sequence[LoadedContestant], approvals: int = 1) -> dict[str, Latency]:
    """By name, LiteRT on photos of `test`; empty where the data root holds none. In every round each model answers each photo, and another
    one comes first."""
    spans = test_spans(data_root, contestants, approvals)
    photos = [bytes_feature(one, IMAGE) for span in spans for one in islice(test_photos(span), _PHOTOS)]
    steps = {one.contestant.name: _steps(one) for one in contestants}
    times = time_in_turns(steps, photos[:_PHOTOS]) if photos else {}
    return {name: _summarize(np.array(rows)) for name, rows in times.items()}


Steps = tuple[Callable[[bytes], Any], Callable[[Any], Any]]  # from bytes to the network's picture, and from that to the answer
Times = list[tuple[float, float, float]]  # seconds in all, of the network, of the processor


def time_in_turns(models: Mapping[str, Steps], photos: Sequence[bytes], rounds: int = _ROUNDS) -> dict[str, Times]:
    names, meter = list(models), Meter("rounds of the latency")
    times: dict[str, Times] = {name: [] for name in names}
    for name in names:
        _time(models[name], photos[0])  # the first call allocates memory
    for done in range(rounds):
        for photo in photos:
            for name in names[done % len(names) :] + names[: done % len(names)]:
                times[name].append(_time(models[name], photo))
        meter(done + 1, rounds)
    return times


def _steps(one: LoadedContestant) -> Steps:
    def prepare(photo: bytes) -> Any:
        picture: Picture = open_picture(photo, None)
        return prepare_picture(picture, one.model.image_size)

    return prepare, one.model


def _time(steps: Steps, photo: bytes) -> tuple[float, float, float]:
    prepare, run = steps
    started, cpu = time.perf_counter(), time.thread_time()
    picture = prepare(photo)
    prepared = time.perf_counter()
    run(picture)
    ended = time.perf_counter()
    return ended - started, ended - prepared, time.thread_time() - cpu


def _summarize(times: Any) -> Latency:
    low, median, high = (1000 * float(value) for value in np.quantile(times[:, 0], (0.05, 0.5, 0.95)))
    return Latency(median, low, high, 1000 * float(np.median(times[:, 1])), 1000 * float(np.median(times[:, 2])), len(times))
