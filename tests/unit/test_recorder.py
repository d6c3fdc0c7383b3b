"""Recording what a process answers: lines at once, properties from another process, full disks, a folder of bounded size."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowers_tfx.data.properties import properties
from flowers_tfx.inference.answer import Answer
from flowers_tfx.monitoring import batch_pipe, journal, measuring, recorder
from flowers_tfx.monitoring.answered_photo import AnsweredPhoto
from flowers_tfx.monitoring.folder_limit import remove_oldest
from flowers_tfx.monitoring.kept_photos import read_kept_photos
from flowers_tfx.monitoring.photo_sample import PhotoSample, PhotoToMeasure
from flowers_tfx.monitoring.record_settings import Lost, RecordSettings, Result
from flowers_tfx.monitoring.recorder import Recorder
from flowers_tfx.monitoring.records import read_records
from tests.conftest import ROOT, small_photo
from tests.unit.recorded_answers import LABELS, recorded, write_open_segment

PHOTOS = [small_photo(number, hue=number) for number in range(3)]
MAX_PIXELS = 1_000_000


@dataclass
class Counts:
    answers: int = 0
    losses: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    errors: int = 0

    def recorded(self, photos: int) -> None:
        self.answers += photos

    def lost(self, reason: Lost, photos: int) -> None:
        self.losses[reason] += photos

    def measured(self, result: Result, photos: int) -> None:
        self.results[result] += photos

    def failed(self) -> None:
        self.errors += 1


@dataclass
class World:
    folder: Path
    counts: Counts
    recorder: Recorder

    def answer(self, number: int, **values: object) -> None:
        self.recorder.record([answered(number, **values)])


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    """Starts a recorder; keyword arguments are those of RecordSettings. `stop` waits until all is done, however slow the machine is."""
    monkeypatch.setattr(measuring, "_STOP_S", 300.0)
    worlds: list[World] = []

    def start(*, busy: bool = False, **settings: object) -> World:
        counts = Counts()
        values = {"folder": str(tmp_path), "max_pixels": MAX_PIXELS, "min_free_bytes": 0, **settings}
        world = World(tmp_path, counts, Recorder(RecordSettings(**values), counts, lambda: busy))  # type: ignore[arg-type]
        world.recorder.start()
        worlds.append(world)
        return world

    yield start
    for world in worlds:
        world.recorder.stop()


def answered(number: int, **values: object) -> AnsweredPhoto:
    answer = Answer(np.array([0.25, 0.75], np.float32), False, "far", 1.5, np.arange(4, dtype=np.float32) + number)
    time_us = 1_700_000_000_000_000 + number
    facts = {"request": f"{number:032x}", "number": 0, "time_us": time_us, "version": 7, "network": "a network", "client": "app/1"}
    return AnsweredPhoto(**{**facts, "labels": LABELS, "photo": PHOTOS[number % 3], "answer": answer, **values})  # type: ignore[arg-type]


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_every_photo_is_measured_while_there_is_time(start: Callable[..., World]) -> None:
    world = start()
    for number in range(20):
        world.answer(number)
    wait_until(lambda: world.counts.results["measured"] == 20)
    frame = read_records(str(world.folder))
    assert (len(frame), world.counts.answers, world.counts.losses) == (20, 20, Counter())
    row = frame.iloc[1]
    assert (row["predicted"], row["probability"], row["known"], row["why"], row["score"]) == ("roses", 0.75, False, "far", 1.5)
    assert (row["version"], row["client"], row["network"], row["measured_share"]) == (7, "app/1", "a network", 1.0)
    assert row["digest"] == hashlib.sha256(PHOTOS[1]).hexdigest()
    np.testing.assert_array_equal(row["embedding"], np.arange(4, dtype=np.float32) + 1)
    measured = properties(PHOTOS[1], MAX_PIXELS)
    assert {name: row[name] for name in measured if measured[name] is not None} == {k: v for k, v in measured.items() if v is not None}
    world.recorder.stop()
    assert [path.suffix for path in world.folder.iterdir()] == [".parquet"]
    assert read_records(str(world.folder))["id"].tolist() == frame["id"].tolist()


def test_a_record_is_readable_while_its_file_is_written(start: Callable[..., World]) -> None:
    world = start(file_s=3600.0)
    world.answer(0)
    wait_until(lambda: len(read_records(str(world.folder))) == 1)
    assert all(path.name.startswith("open-") for path in world.folder.iterdir())


def test_files_are_closed_by_size_and_by_age(start: Callable[..., World]) -> None:
    world = start(file_bytes=1, file_s=3600.0)
    for number in range(3):
        world.answer(number)
        wait_until(lambda: len(list(world.folder.glob("records-*"))) == number + 1)  # noqa: B023 - called in the same turn
    old = start(file_s=0.3)
    old.answer(3)
    wait_until(lambda: len(list(world.folder.glob("records-*"))) == 4)
    assert read_records(str(world.folder))["id"].tolist() == [f"{number:032x}" for number in range(4)]
    assert {stat.S_IMODE(path.stat().st_mode) for path in world.folder.iterdir()} == {0o600}


def test_an_overload_leaves_a_share_unmeasured_and_says_which(start: Callable[..., World]) -> None:
    """1,000 photos between two ticks, of which the other process takes 128."""
    world = start()
    world.recorder.record([answered(number) for number in range(1000)])
    world.recorder.stop()
    frame = read_records(str(world.folder))
    assert (len(frame), int(frame["measured"].sum())) == (1000, 128)
    assert set(frame["measured_share"].dropna()) == {0.128}
    assert world.counts.results == {"measured": 128, "left out": 872}
    assert frame["mean_luma"].notna().tolist() == frame["measured"].tolist()


def test_few_photos_are_measured_while_answers_need_the_processors(start: Callable[..., World]) -> None:
    world = start(busy=True)
    world.recorder.record([answered(number) for number in range(100)])
    world.recorder.stop()
    assert world.counts.results == {"measured": 4, "left out": 96}
    assert set(read_records(str(world.folder))["measured_share"].dropna()) == {0.04}


def test_more_than_memory_holds_is_lost_and_counted(start: Callable[..., World]) -> None:
    world = start()
    world.recorder.record([answered(0, photo=bytes(65_000_000))])
    world.recorder.stop()
    assert (world.counts.answers, world.counts.losses) == (0, {"backlog": 1})


def test_a_share_of_the_photos_is_kept(start: Callable[..., World]) -> None:
    world = start(keep_photos=0.5)
    photos = [small_photo(number, hue=number) for number in range(40)]
    world.recorder.record([answered(number, photo=photo) for number, photo in enumerate(photos)])
    world.recorder.stop()
    frame = read_records(str(world.folder))
    kept = set(frame[frame["kept"]]["digest"])
    assert 5 <= len(kept) <= 35
    read = dict(read_kept_photos(str(world.folder), set(frame["digest"])))
    assert set(read) == kept and all(hashlib.sha256(photo).hexdigest() == digest for digest, photo in read.items())
    assert {stat.S_IMODE(path.stat().st_mode) for path in (world.folder / "photos").iterdir()} == {0o600}
    assert stat.S_IMODE((world.folder / "photos").stat().st_mode) == 0o700


def test_a_full_disk_costs_records_and_no_line_is_half_written(start: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    world = start()
    world.answer(0)
    wait_until(lambda: world.counts.answers == 1)
    write, full = os.write, True

    def write_some(descriptor: int, data: bytes) -> int:
        if not full:
            return write(descriptor, data)
        if len(data) < 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[: len(data) - 10])

    monkeypatch.setattr(journal.os, "write", write_some)
    world.answer(1)
    wait_until(lambda: world.counts.losses["disk"] == 1)
    full = False
    world.answer(2)
    wait_until(lambda: world.counts.answers == 2)
    assert read_records(str(world.folder))["id"].tolist() == [f"{number:032x}" for number in (0, 2)]


def test_nothing_is_written_to_an_almost_full_disk(start: Callable[..., World]) -> None:
    world = start(min_free_bytes=1 << 60)
    world.answer(0)
    wait_until(lambda: world.counts.losses["disk"] == 1)
    assert list(world.folder.iterdir()) == []


def test_the_measuring_process_is_started_again(start: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "_RESTART_AFTER_S", 0.0)
    world = start()
    world.answer(0)
    wait_until(lambda: world.counts.results["measured"] == 1)
    process = world.recorder._measuring._process
    assert process is not None
    process.kill()
    process.wait()
    world.answer(1)
    wait_until(lambda: world.counts.results["failed"] == 1)
    world.answer(2)
    world.recorder.stop()
    frame = read_records(str(world.folder))
    assert frame["measured"].tolist() == [True, False, True]
    assert [path.suffix for path in world.folder.iterdir()] == [".parquet"]


def test_a_measuring_process_that_does_not_run_costs_bounded_files_and_memory(
    start: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped, as a machine whose processors others take may leave it: answers are recorded up to a limit, older files make room for them,
    and once it runs again all files are closed."""
    monkeypatch.setattr(recorder, "TICK_S", 0.02)
    world = start(file_s=0.0, file_bytes=4_000, open_bytes=20_000, max_bytes=1_000_000)
    world.answer(0)
    wait_until(lambda: len(list(world.folder.glob("records-*"))) == 1)
    old = world.folder / "records-1600000000001-ab-1600000000002.parquet"
    old.write_bytes(bytes(990_000))
    os.utime(old, (1e9, 1e9))
    process = world.recorder._measuring._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    try:
        descriptors = len(os.listdir("/proc/self/fd"))
        total = 1
        while not world.counts.losses["backlog"]:
            for _ in range(4):
                world.answer(total)
                total += 1
            wait_until(lambda: world.counts.answers + world.counts.losses["backlog"] == total)  # noqa: B023 - called in the same turn
            assert total < 200
        journals = list(world.folder.glob("open-*"))
        assert world.counts.answers > 40, "it is recorded as long as there is room"
        assert sum(path.stat().st_size for path in journals) < 22_000
        # Eight by age, and those that are full.
        assert 8 < len(journals) <= 8 + 20_000 // 4_000 + 1
        assert len(os.listdir("/proc/self/fd")) <= descriptors + len(journals)
        assert not old.exists()
    finally:
        os.kill(process.pid, signal.SIGCONT)
    wait_until(lambda: not list(world.folder.glob("open-*")))
    world.answer(total)
    world.recorder.stop()
    assert {path.suffix for path in world.folder.iterdir()} == {".parquet"}
    frame = read_records(str(world.folder))
    assert len(frame) == world.counts.answers and frame["id"].iloc[-1] == f"{total:032x}"
    assert world.counts.results["measured"] + world.counts.results["left out"] == world.counts.answers
    assert world.counts.results["failed"] == world.counts.errors == 0


def test_an_error_that_nobody_expected_does_not_end_the_recording(
    start: Callable[..., World], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(measuring, "_RESTART_AFTER_S", 0.0)
    world = start()
    world.answer(0, labels=())
    wait_until(lambda: world.counts.errors == 1)
    assert world.counts.losses == {"error": 1} and "IndexError" in caplog.text
    broken = [RuntimeError("broken")]

    def write_batch(*arguments: Any) -> None:
        if broken:
            raise broken.pop()
        batch_pipe.write_batch(*arguments)

    monkeypatch.setattr(measuring, "write_batch", write_batch)
    world.answer(1)
    wait_until(lambda: world.counts.results["failed"] == 1)
    assert world.counts.errors == 2 and "RuntimeError: broken" in caplog.text
    world.answer(2)
    world.recorder.stop()
    assert read_records(str(world.folder))["measured"].tolist() == [False, True]


def test_segments_of_killed_processes_are_closed_at_the_next_start(start: Callable[..., World], tmp_path: Path) -> None:
    rows = [recorded(number, measured=number % 2 == 0) for number in range(6)]
    write_open_segment(tmp_path, "1700000000000-ab", rows)
    before = read_records(str(tmp_path))
    start().recorder.stop()
    assert [path.name for path in tmp_path.iterdir()] == ["records-1700000000000-ab-1700000005000.parquet"]
    assert read_records(str(tmp_path)).equals(before)


def test_the_oldest_files_leave_first(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    names = ["records-1700000000001-ab-1700000000002.parquet", "photos/a.jpg", "records-1700000000003-ab-1700000000004.parquet"]
    for age, name in enumerate(reversed(names)):
        (tmp_path / name).write_bytes(bytes(100))
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    (tmp_path / "open-1700000000005-ab.answers.jsonl").write_bytes(bytes(100))
    for most, left in ((400, 3), (350, 2), (100, 0), (0, 0)):
        remove_oldest(tmp_path, most)
        assert [name for name in names if (tmp_path / name).exists()] == names[3 - left :]
    assert (tmp_path / "open-1700000000005-ab.answers.jsonl").exists()


def test_a_sample_does_not_prefer_small_photos() -> None:
    """Ten large photos fill the memory: nine small ones in ten photos are still nine in ten of the sample."""
    rng = np.random.default_rng(0)
    large = []
    for _ in range(200):
        sample = PhotoSample(most_photos=20, most_bytes=500)
        for number in range(100):
            size = 100 if number % 10 == 0 else 1
            sample.offer(PhotoToMeasure(-float(rng.random()), "", number, "", "", bytes(size), "", None))
        batch = sample.take()
        assert batch.share == len(batch.photos) / 100
        large.append(sum(len(photo.photo) == 100 for photo in batch.photos) / len(batch.photos))
    assert abs(np.mean(large) - 0.1) < 0.02


def test_measuring_needs_only_what_the_serving_image_has() -> None:
    """Neither pandas nor Arrow nor SciPy."""
    code = (
        "import sys, flowers_tfx.monitoring.measuring_process, flowers_tfx.serving.recording;"
        "print(sorted({'pandas', 'pyarrow', 'scipy', 'sklearn', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
