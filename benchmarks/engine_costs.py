"""What an engine costs: the time and memory of a process with all that it starts, and the table of several engines."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

SAMPLE_S = 0.5


@dataclass(frozen=True)
class Cost:
    """`overhead`: seconds beside those of the first engine. `peak_mib`, `cpu_s`: of the whole process tree. `rows` and `shards`: digests of
    what came out."""

    name: str
    photos: int
    seconds: float
    photos_per_s: float
    overhead: float
    cpu_s: float
    cpu_ms_per_photo: float
    peak_mib: float
    rows: str
    shards: str


class Tree:
    """Samples of this process's descendants: the peak of their memory, and their CPU time."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._cpu: dict[tuple[int, float], float] = {}
        self.peak_bytes = 0

    @property
    def cpu_s(self) -> float:
        return sum(self._cpu.values())

    def __enter__(self) -> Tree:
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(SAMPLE_S):
            held = 0
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    times = process.cpu_times()
                    self._cpu[process.pid, process.create_time()] = times.user + times.system
                    held += process.memory_full_info().pss
            self.peak_bytes = max(self.peak_bytes, held)


def table(costs: Sequence[Cost]) -> str:
    names = ("photos/s", "seconds", "overhead", "CPU ms/photo", "peak MiB")
    lines = [
        f"{costs[0].photos} photos, {os.cpu_count()} cores",
        f"{'':24}" + "".join(f"{name:>14}" for name in names) + "  rows      shards",
    ]
    for cost in costs:
        figures = (cost.photos_per_s, cost.seconds, cost.overhead, cost.cpu_ms_per_photo, cost.peak_mib)
        lines.append(
            f"{cost.name:24}" + "".join(f"{figure:14.2f}" for figure in figures) + f"  {cost.rows[:8]}  {cost.shards[:8] or '(two)'}"
        )
    same = len({cost.rows for cost in costs}) == 1 and len({cost.shards for cost in costs if cost.shards}) == 1
    return "\n".join([*lines, "results agree" if same else "RESULTS DIFFER"])
