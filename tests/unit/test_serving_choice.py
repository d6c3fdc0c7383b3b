"""Which version is to serve, and how much memory there is for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flowers_tfx.registry import local_copies
from flowers_tfx.serving.memory import available_memory, needed_memory
from flowers_tfx.serving.version_choice import is_in_share, serving_candidates
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("rules", "candidates"),
    [
        ({}, [4, 3, 2]),
        ({"serving": 3}, [4, 3, 2]),
        ({"serving": 5}, [5, 4, 3, 2]),  # removed from the registry
        ({"pinned": 3}, [3, 2]),
        ({"pinned": 3, "serving": 4}, [3]),
        ({"pinned": 9}, [9, 4, 3, 2]),
        ({"only": 2, "pinned": 3}, [2]),
        ({"on_trial": {4}}, [3, 2]),
        ({"on_trial": {4}, "pinned": 4, "serving": 3}, [4]),
        ({"on_trial": {2, 3, 4}}, [4, 3, 2]),
    ],
)
def test_candidates_come_best_first(rules: dict[str, Any], candidates: list[int]) -> None:
    usual: dict[str, Any] = {"only": None, "pinned": None, "on_trial": set(), "serving": None}
    assert serving_candidates({2, 3, 4}, **{**usual, **rules}) == candidates


def test_shares_are_what_was_asked_for() -> None:
    keys = [f"key {number}" for number in range(20_000)]
    for share in (0.0, 0.01, 0.5, 1.0):
        assert sum(is_in_share(key, share) for key in keys) / len(keys) == pytest.approx(share, abs=0.01)
    few, many = ({key for key in keys if is_in_share(key, share)} for share in (0.1, 0.2))
    assert few < many, "who had the canary keeps it when its share grows"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


MACHINE = {"proc/meminfo": "MemTotal: 8000 kB\nMemAvailable:    4000 kB\n"}
V2 = {
    **MACHINE,
    "proc/self/cgroup": "0::/kubepods/pod\n",
    "sys/fs/cgroup/kubepods/memory.max": "3000000\n",
    "sys/fs/cgroup/kubepods/memory.current": "1000000\n",
    "sys/fs/cgroup/kubepods/pod/memory.max": "max\n",
    "sys/fs/cgroup/kubepods/pod/memory.current": "900000\n",
}
V1 = {
    **MACHINE,
    "proc/self/cgroup": "9:memory:/docker/abc\n8:cpu:/docker/abc\n",  # the path is the host's, and the container sees its own group on top
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "2000000",
    "sys/fs/cgroup/memory/memory.usage_in_bytes": "1500000",
    "sys/fs/cgroup/memory/memory.stat": "cache 1\ntotal_inactive_file 200000\n",
}


@pytest.mark.parametrize(
    ("files", "available"),
    [
        ({}, None),
        (MACHINE, 4_096_000),
        (V2, 2_000_000),
        ({**V2, "sys/fs/cgroup/kubepods/memory.stat": "file 7\ninactive_file 500000\n"}, 2_500_000),
        ({**V2, "sys/fs/cgroup/kubepods/memory.current": "3100000"}, 0),
        ({**V2, "sys/fs/cgroup/kubepods/memory.max": "max"}, 4_096_000),
        (V1, 700_000),
        ({**V1, "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712"}, 4_096_000),
    ],
    ids=["not Linux", "no limit", "v2, of the parent", "v2, cache", "v2, full", "v2, max", "v1", "v1, no limit"],
)
def test_memory_is_that_of_the_machine_or_of_the_container(tmp_path: Path, files: dict[str, str], available: int | None) -> None:
    assert available_memory(write(tmp_path, files)) == available


def test_a_larger_model_and_more_threads_need_more_memory(tmp_path: Path) -> None:
    file = write(tmp_path, {"assets.extra/model.tflite": ""}) / "assets.extra/model.tflite"
    os.truncate(file, 100_000_000)
    assert 200_000_000 < needed_memory(tmp_path, 1) < needed_memory(tmp_path, 4) < 600_000_000
    if sys.platform == "linux":
        assert available_memory() is not None


FETCHING = """
import sys, time
from pathlib import Path
from flowers_tfx import storage
from flowers_tfx.registry import local_copies
from flowers_tfx.storage import BucketPath
def fetch(source, target, wanted):
    target.mkdir()
    (target / "saved_model.pb").write_bytes(b"x" * 1000)
    print(target, flush=True)
    time.sleep(60)
storage.fetch = fetch
local_copies._check_room = lambda model: None
with local_copies.local_model(BucketPath("s3://bucket/registry/7")):
    pass
"""


def test_what_a_killed_fetch_left_is_removed_and_what_is_in_use_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", FETCHING]
    processes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    copies = []
    for process in processes:
        assert process.stdout is not None
        copies.append(Path(process.stdout.readline().strip()))
    processes[0].kill()
    processes[0].wait()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    local_copies.remove_abandoned_copies()
    assert all(copy.is_dir() for copy in copies), "one that was just made may not be locked yet"
    monkeypatch.setattr(local_copies, "_ABANDONED_S", 0.0)
    time.sleep(0.01)
    local_copies.remove_abandoned_copies()
    assert [copy.is_dir() for copy in copies] == [False, True]
    assert not copies[0].parent.exists()
    processes[1].send_signal(signal.SIGINT)
    processes[1].wait()
    assert list(tmp_path.iterdir()) == []
