"""100 files in bursts, 20 of them broken, one delivery with drift, watchers that are stopped and killed in between: every picture is in
exactly one span or set aside with its reason, no run happens twice, and the blocked one goes on after the decision. On a disk and in MinIO.
The service that runs all the while answers with what was pushed. The log is printed: run it with -s to read it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from flowers_tfx.data.spans import list_spans, read_photos
from flowers_tfx.storage import storage_path
from tests.conftest import small_photo
from tests.e2e.conftest import Workshop
from tests.e2e.minio import minio
from tests.serving_process import serving_process
from tests.watch_process import Watchers

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(2400)]

CLASSES = ("daisy", "roses", "tulips")
BROKEN = (b"<html>", b"\xff\xd8\xff\xe0 cut off", b"", b"GIF89a")


class Scene:
    """The watched place and what was put there."""

    def __init__(self, workshop: Workshop, inbox: str, log: Path) -> None:
        self.workshop, self.inbox = workshop, inbox
        self.good: list[str] = []
        self.broken: list[str] = []
        self.watchers = Watchers([inbox, "--config", str(workshop.config)], log, lease_s=3.0)
        self._rng = random.Random(17)

    def burst(self, good: int, broken: int, size: tuple[int, int] = (48, 40), pause_s: float = 0.05) -> None:
        files = [(f"{len(self.good) + n:03d}.jpg", True) for n in range(good)] + [
            (f"bad{len(self.broken) + n:02d}.jpg", False) for n in range(broken)
        ]
        self._rng.shuffle(files)
        for name, is_good in files:
            number = int("".join(filter(str.isdigit, name)))
            place = number % len(CLASSES)
            data = (
                small_photo(5000 * place + number, size, hue=place)
                if is_good
                else BROKEN[number % len(BROKEN)] + (b"" if number % 4 == 2 else name.encode())
            )
            self._put(f"{CLASSES[place]}/{name}", data, slowly=number % 5 == 0)
            (self.good if is_good else self.broken).append(name)
            time.sleep(pause_s)
        self.watchers.note(f"{good} good and {broken} broken files have arrived")

    def _put(self, name: str, data: bytes, slowly: bool) -> None:
        path = storage_path(self.inbox) / name
        if not isinstance(path, Path):
            path.write_bytes(data)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as out:
            out.write(data[: len(data) // 2])
            out.flush()
            if slowly:
                time.sleep(0.2)
            out.write(data[len(data) // 2 :])

    def spans(self) -> dict[int, list[str]]:
        spans = list_spans(str(self.data_root))
        return {span.number: sorted(uri.rpartition("/")[2] for uri in read_photos(span)["uri"]) for span in spans}

    def set_aside(self) -> dict[str, str]:
        records = [json.loads((path).read_text()) for path in (storage_path(self.data_root) / "watch" / "set_aside").iterdir()]
        return {file["uri"].rpartition("/")[2]: file["reason"] for record in records for file in record["files"]}

    @property
    def data_root(self) -> str:
        return str(yaml.safe_load(self.workshop.config.read_text())["data_root"])


@pytest.fixture(params=["disk", "minio"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    workshop = Workshop(tmp_path)
    config = yaml.safe_load(workshop.config.read_text())
    config["watch"] = {"quiet_s": 2, "longest_wait_s": 120, "stable_s": 1, "poll_s": 1, "retry_s": 5}
    inbox = str(tmp_path / "inbox")
    with contextlib.ExitStack() as stack:
        if request.param == "minio":
            stack.enter_context(minio(tmp_path, "flowers-watch"))
            config |= {"data_root": "s3://flowers-watch/data", "registry": "s3://flowers-watch/registry"}
            inbox = "s3://flowers-watch/inbox"
        else:
            (tmp_path / "inbox").mkdir()
        workshop.config.write_text(yaml.safe_dump(config))
        there = Scene(workshop, inbox, Path(os.environ.get("FLOWERS_WATCH_LOG", tmp_path / "watch.log")))
        stack.callback(there.watchers.close)
        yield there
        print(there.watchers.log.read_text())


def test_every_picture_once_and_no_run_twice(scene: Scene) -> None:
    watchers, workshop = scene.watchers, scene.workshop
    watchers.start()
    scene.burst(30, 6)
    watchers.end(signal.SIGKILL)  # files have arrived, and more will
    scene.burst(18, 6)
    watchers.start()
    watchers.wait_for("batch")
    watchers.end(signal.SIGKILL)  # in the ingest
    watchers.start()
    first = watchers.wait_for("span")
    assert (first["span"], first["examples"]) == (1, 48)
    time.sleep(6)
    watchers.end(signal.SIGKILL)  # in the run, which goes on
    watchers.start()
    version = watchers.wait_for("pushed")["version"]
    with serving_process(yaml.safe_load(workshop.config.read_text())["registry"]) as service:
        assert service.version == version
        _a_blocked_run_goes_on(scene)
        [_, second] = [event["version"] for event in watchers.of("pushed")]
        assert second > version
        _wait_for_service(service.url, second)
    _assert_the_books_balance(scene)


def _a_blocked_run_goes_on(scene: Scene) -> None:
    watchers, workshop = scene.watchers, scene.workshop
    scene.burst(20, 4, size=(160, 120))
    blocked = watchers.wait_for("blocked")
    assert "property:" in blocked["error"]
    watchers.end(signal.SIGKILL)
    scene.burst(12, 4)
    watchers.start()
    assert watchers.wait_for("span", 3)["span"] == 3, "a blocked run does not stop the intake"
    time.sleep(3)
    assert len(watchers.of("run")) == 2
    who = ("--reason", "another camera, wanted", "--by", "Ada", "--config", str(workshop.config), "--json")
    runs = len(workshop.flowers("runs", "--config", str(workshop.config), "--json"))
    workshop.flowers("review", "reject", "2", *who)
    watchers.note("span 2 was rejected")
    deadline = time.monotonic() + 120
    while len(workshop.flowers("runs", "--config", str(workshop.config), "--json")) == runs and time.monotonic() < deadline:
        time.sleep(0.5)
    assert watchers.end(signal.SIGTERM) == 0  # in the run, which ends with it
    watchers.start("--once")  # as a timer would
    assert watchers.exit_code(300) == 0


def _wait_for_service(url: str, version: str) -> None:
    photo = small_photo(1)
    deadline = time.monotonic() + 60
    while True:
        answer = httpx.post(f"{url}/predict", content=photo, headers={"Content-Type": "image/jpeg"}).json()
        if answer["model_version"] == version:
            return
        assert time.monotonic() < deadline, answer
        time.sleep(0.5)


def _assert_the_books_balance(scene: Scene) -> None:
    watchers, workshop = scene.watchers, scene.workshop
    assert (len(scene.good), len(scene.broken)) == (80, 20)
    in_spans = Counter(name for names in scene.spans().values() for name in names)
    assert in_spans == Counter(scene.good), "every picture is in exactly one span"
    aside = scene.set_aside()
    assert sorted(aside) == sorted(scene.broken)
    assert all(aside.values())
    runs = watchers.of("run")
    assert [run["status"] for run in runs] == ["succeeded", "blocked", "succeeded"]
    deliveries = [delivery for run in runs for delivery in run["deliveries"]]
    assert runs[2]["deliveries"][0] == runs[1]["deliveries"][0], "the run that was blocked goes on"
    assert Counter(deliveries) == Counter({event["delivery"]: 1 for event in watchers.of("span")} | {runs[1]["deliveries"][0]: 2})
    assert len(watchers.of("pushed")) == 2
    # One run more was begun: the one that SIGTERM ended, and the next start completed.
    statuses = [run["status"] for run in workshop.flowers("runs", "--config", str(workshop.config), "--json")]
    assert Counter(statuses) == {"succeeded": 2, "blocked": 1, "unfinished": 1}
    for name, value in {"spans": scene.spans(), "set aside": aside, "runs in ML Metadata": statuses}.items():
        watchers.note(f"{name}: {json.dumps(value)}")
