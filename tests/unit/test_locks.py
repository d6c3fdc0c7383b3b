"""One holder at a time, on a disk and in a bucket, and no lock outlives its holder."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flowers_tfx import storage
from flowers_tfx.errors import InputError
from flowers_tfx.storage import BucketPath, StoragePath
from tests.conftest import ROOT
from tests.unit.buckets import FakeStore

HOLD = """
import pathlib, sys, time
from flowers_tfx import storage
with storage.lock(pathlib.Path(sys.argv[1])): print(1, flush=True); time.sleep(60)
"""


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_a_second_process_waits_and_a_dead_one_holds_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    with holder(folder) as first:
        assert read_line(first) == "1\n"
        with holder(folder) as second:
            assert second.stderr is not None
            assert f"(process {first.pid}) is writing to {folder}: waiting for it to end" in second.stderr.readline()
            first.kill()
            assert read_line(second) == "1\n"


def test_a_caller_that_does_not_wait_learns_which_process_holds_the_lock(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        assert read_line(process) == "1\n"
        with (
            pytest.raises(InputError, match=rf"Another run is at work in .* \(process {process.pid}\)"),
            storage.lock(tmp_path, wait=False, holder="run", hint="Wait."),
        ):
            raise AssertionError("two holders")
        process.kill()
        process.wait()
        with storage.lock(tmp_path, wait=False) as lock:
            lock.renew_or_fail()


def test_a_folder_that_cannot_be_locked_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="can't be written to"), storage.lock(tmp_path / "file"):
        raise AssertionError("it was entered")


def test_a_folder_in_a_bucket_is_locked_in_the_same_way(store: FakeStore, short_lease: Callable[[float], None]) -> None:
    short_lease(0.4)
    folder = BucketPath("s3://bucket/folder")
    with storage.lock(folder) as lock:
        lock.renew_or_fail()
        with (
            pytest.raises(InputError, match="Another run is at work in s3://bucket/folder") as refused,
            storage.lock(folder, wait=False, holder="run", hint="Wait."),
        ):
            raise AssertionError("two holders")
        assert refused.value.hint == "Wait."
        store.objects["folder/.lock"] = b"another's", -1
        with pytest.raises(InputError, match="took over"):
            lock.renew_or_fail()


@pytest.mark.parametrize("kind", ["disk", "bucket"])
def test_lines_of_several_writers_are_whole(store: FakeStore, tmp_path: Path, kind: str) -> None:
    file: StoragePath = (tmp_path if kind == "disk" else BucketPath("s3://bucket/folder")) / "lines"
    threads = [threading.Thread(target=storage.append_line, args=(file, f"line {n}")) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(file.read_text().splitlines()) == sorted(f"line {n}" for n in range(12))


def test_a_line_that_was_cut_short_does_not_swallow_the_next(tmp_path: Path) -> None:
    (tmp_path / "lines").write_bytes(b"whole\nhal")
    storage.append_line(tmp_path / "lines", "next")
    assert (tmp_path / "lines").read_text() == "whole\nhal\nnext\n"


def test_nothing_else_in_the_program_locks_or_replaces_files_by_hand() -> None:
    by_hand = re.compile(r"\bfcntl\b|\bos\.replace\(|\.tmp\"")
    sources = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in (ROOT / "flowers_tfx").rglob("*.py")}
    found = sorted(name for name, text in sources.items() if by_hand.search(text))
    assert found == ["flowers_tfx/storage/atomic_writes.py", "flowers_tfx/storage/locks.py"]


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    program = """
import pathlib, resource, sys
from flowers_tfx import storage
from flowers_tfx.errors import InputError
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
try:
    with storage.lock(pathlib.Path(sys.argv[1])): print("locked")
except InputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == f"The folder {tmp_path} can't be written to: File too large.\n", done.stderr
