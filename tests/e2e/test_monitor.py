"""`flowers serve` records, `flowers monitor` reviews, `/metrics` shows it; the service is killed in between."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flowers_tfx.data.properties import properties
from flowers_tfx.data.tables import Table, write_table
from flowers_tfx.monitoring.records import read_records
from flowers_tfx.registry import BASELINE_DIR, versions
from tests.conftest import ROOT, small_photo
from tests.serving_process import ServingProcess, serving_process

pytestmark = [pytest.mark.e2e, pytest.mark.one_stack]
LIKE, LARGER = range(200, 280), range(300, 380)


@pytest.fixture
def registry(small_registry: Path, tmp_path: Path) -> Path:
    """The small model, as if it had been trained on small photos."""
    registry = Path(shutil.copytree(small_registry, tmp_path / "registry"))
    [version] = versions(str(registry))
    sample = registry / str(version) / BASELINE_DIR / "sample" / "photos.parquet"
    sample.parent.mkdir(parents=True)
    photos = [small_photo(seed, hue=seed) for seed in range(200)]
    rows = [
        {"uri": f"{at}.jpg", "digest": hashlib.sha256(photo).hexdigest(), "label": "roses", **properties(photo, 10**6)}
        for at, photo in enumerate(photos)
    ]
    write_table(sample, Table(pd.DataFrame(rows)))
    return registry


def ask(service: ServingProcess, photos: list[bytes], records: Path) -> None:
    """Waits until the properties of the photos are measured, which a process of low priority does."""
    earlier = len(read_records(str(records), embeddings=False))
    for photo in photos:
        request = urllib.request.Request(f"{service.url}/predict", photo, {"Content-Type": "image/jpeg", "X-Client-Tag": "test"})
        with urllib.request.urlopen(request, timeout=120) as response:
            assert response.status == 200
    deadline = time.monotonic() + 300
    while read_records(str(records), embeddings=False)["measured"].sum() < earlier + len(photos):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def monitor(options: list[str], *more: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "flowers_tfx", "monitor", *options, *more, "--json"]
    ended = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=120)
    return ended.returncode, json.loads(ended.stdout)


def test_drift_in_what_is_served_is_found_across_a_kill(registry: Path, tmp_path: Path) -> None:
    records = ["--set", f"serving.record_dir={tmp_path / 'records'}"]
    options = ["--set", f"registry={registry}", *records]
    with serving_process(registry, *records) as service:
        ask(service, [small_photo(seed, hue=seed) for seed in LIKE], tmp_path / "records")
        code, value = monitor(options, "--last", "80")
        assert (code, value["verdict"]) == (0, "pass"), value["findings"]
        assert value["served"]["clients"]["test"]["answers"] == value["new"]["photos"] == 80
        service.process.kill()
        service.process.wait()
        service.code = 0  # not stopped by `serving_process`, which asks for 0
    with serving_process(registry, *records) as service:
        ask(service, [small_photo(seed, (64, 64), hue=seed) for seed in LARGER], tmp_path / "records")
        command = [sys.executable, "-m", "flowers_tfx", "monitor", "--watch", "--last", "80", *options, "--json"]
        watcher = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert watcher.stdout is not None
        event = json.loads(watcher.stdout.readline())
        assert (event["event"], event["verdict"], event["changed"], event["photos"]) == ("reviewed", "blocked", True, 80)
        assert monitor(options)[0] == 2  # one monitor at a time
        watcher.send_signal(signal.SIGTERM)
        assert watcher.wait(30) == 0
        with urllib.request.urlopen(f"{service.url}/metrics", timeout=120) as page:
            assert f'flowers_monitor_verdict{{version="{service.version}"}} 2.0' in page.read().decode()
    # Nothing that was answered more than a second before the kill is lost.
    assert monitor(options, "--last", "1000")[1]["served"]["answers"] == 160
