"""`flowers serve` with `serving.record_dir` as processes: killed without warning, on a disk that is full, with a folder it may not use."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from flowers_tfx.monitoring.records import read_records
from tests.conftest import ROOT, small_photo
from tests.serving_process import ServingProcess, serving_process

pytestmark = [pytest.mark.e2e, pytest.mark.one_stack]

JPEG = {"Content-Type": "image/jpeg"}
_PAUSE_S = 0.05  # between the photos of a client: the processes of low priority are to run too


class Client:
    """Sends photos until the service is gone. `answers`: ids and times, in order."""

    def __init__(self, service: ServingProcess, number: int) -> None:
        self.answers: list[tuple[str, float]] = []
        self._url, self._photo = service.url, small_photo(number, hue=number)
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def _ask(self) -> None:
        try:
            while True:
                # A connection for each, so that all workers answer.
                answer = httpx.post(f"{self._url}/predict", content=self._photo, headers={**JPEG, "X-Client-Tag": "test"})
                self.answers.append((answer.json()["id"], time.monotonic()))
                time.sleep(_PAUSE_S)
        except httpx.TransportError:
            return


class Delays:
    """How late the machine lets a thread run that wakes up now and then and writes to a file, as the recorder does: on a machine whose
    processors or disk are taken, the last second is so much longer."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._late: deque[tuple[float, float]] = deque()  # times and seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._measure)
        self._thread.start()

    def longest(self) -> float:
        """In s, of the last 5 s."""
        now = time.monotonic()
        return max((late for moment, late in list(self._late) if moment > now - 5.0), default=0.0)

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _measure(self) -> None:
        expected = time.monotonic() + _PAUSE_S
        while not self._ended.wait(_PAUSE_S):
            file = self._folder / "delay"
            file.write_bytes(b"x")
            file.unlink()
            now = time.monotonic()
            self._late.append((now, now - expected))
            expected = now + _PAUSE_S


def processes(pid: int) -> list[int]:
    """The process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    return [pid, *(below for child in children for below in processes(int(child)))]


def is_running(pid: int) -> bool:
    """A killed process that nobody has waited for is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for_records(folder: Path, clients: list[Client], delays: Delays, count: int) -> None:
    """Until both workers have recorded, so many answers are older than a second, a file was closed while others are written, and a photo
    was kept, however slow the machine is."""
    deadline = time.monotonic() + 400
    while True:
        files = [path for path in folder.iterdir() if path.is_file()]
        old = [moment for client in clients for _, moment in client.answers if moment < time.monotonic() - 1.0 - delays.longest()]
        is_closed = any(path.suffix == ".parquet" for path in files)
        if len(old) >= count and len({writer_of(path) for path in files}) == 2 and is_closed and read_records(str(folder))["kept"].any():
            return
        assert time.monotonic() < deadline, f"{len(old)} answers in {sorted(path.name for path in files)}"
        time.sleep(0.05)


def wait_until_all_are_closed(folder: Path) -> None:
    """The process of low priority may outlive the service for a while."""
    deadline = time.monotonic() + 300
    while (names := {path.name for path in folder.iterdir() if path.is_file()}) != {name for name in names if name.endswith(".parquet")}:
        assert time.monotonic() < deadline, f"open files: {sorted(names)}"
        time.sleep(0.1)


def writer_of(path: Path) -> str:
    return path.name.split("-")[2].partition(".")[0]


@pytest.fixture
def delays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Delays]:
    delays = Delays(tmp_path_factory.mktemp("delays"))
    yield delays
    delays.stop()


def test_a_kill_loses_at_most_the_last_second(small_registry: Path, tmp_path: Path, delays: Delays) -> None:
    """Two workers, files that are closed every second, and all processes killed at once: then the next service closes what they left."""
    recording = ("--set", f"serving.record_dir={tmp_path}", "--set", "serving.record_file_s=1", "--set", "serving.keep_photos=0.2")
    with serving_process(small_registry, "--workers", "2", *recording) as service:
        clients = [Client(service, number) for number in range(4)]
        wait_for_records(tmp_path, clients, delays, 100)
        pids = processes(service.pid)
        newest_safe = time.monotonic() - 1.0 - delays.longest()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        service.process.wait()
        service.code = 0  # the test stopped it
        for client in clients:
            client.join()
        while any(map(is_running, pids)):
            time.sleep(0.05)
    answers = [answer for client in clients for answer in client.answers]
    safe = {answer for answer, moment in answers if moment < newest_safe}
    before = read_records(str(tmp_path))
    assert len(safe) >= 8, "the clients hardly got answers: nothing is proven"
    assert safe <= set(before["id"]), "an answer is lost that is older than a second"
    writers = {writer_of(path) for path in tmp_path.iterdir() if path.is_file()}
    assert len(writers) == 2, "each worker has files of its own"
    assert any(path.suffix == ".parquet" for path in tmp_path.iterdir()), "files were closed while others were written"
    assert 0 < before["kept"].sum() <= before["measured"].sum()
    with serving_process(small_registry, *recording):
        pass
    wait_until_all_are_closed(tmp_path)
    assert read_records(str(tmp_path))["id"].tolist() == before["id"].tolist()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_a_full_disk_costs_records_and_no_answer(small_registry: Path, tmp_path: Path) -> None:
    """No file of the service may grow beyond some bytes for a while: the system then refuses writes as a full disk does."""
    with (
        serving_process(small_registry, "--set", f"serving.record_dir={tmp_path}") as service,
        httpx.Client(base_url=service.url) as client,
    ):

        def ask(number: int) -> str:
            answer = client.post("/predict", content=small_photo(number), headers=JPEG)
            assert answer.status_code == 200
            return str(answer.json()["id"])

        def count(name: str) -> float:
            lines = client.get("/metrics").text.splitlines()
            return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

        def wait_for(name: str, number: int) -> None:
            deadline = time.monotonic() + 300
            while count(name) < number:
                assert time.monotonic() < deadline
                time.sleep(0.05)

        first = ask(1)
        wait_for("flowers_recorded_answers_total", 1)
        _, hard = resource.prlimit(service.pid, resource.RLIMIT_FSIZE)
        [journal] = tmp_path.glob("*.answers.jsonl")
        resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (journal.stat().st_size + 20, hard))
        ask(2)
        wait_for('flowers_lost_records_total{reason="disk"}', 1)
        resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (hard, hard))
        last = ask(3)
        wait_for("flowers_recorded_answers_total", 2)
        assert read_records(str(tmp_path))["id"].tolist() == [first, last]
        assert "Answers are not recorded" in service.log


def test_a_folder_that_cannot_be_written_to_is_bad_input(small_registry: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = ("--set", f"registry={small_registry}", "--set", f"serving.record_dir={tmp_path / 'file'}")
    command = [sys.executable, "-m", "flowers_tfx", "serve", "--port", "0", *settings]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 2
    assert "Answers cannot be recorded in" in done.stderr and "Traceback" not in done.stderr
