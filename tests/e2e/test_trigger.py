"""The staged folder of deploy/trigger under functions-framework, with events over HTTP, a bucket over S3's protocol and a double of the
Pipelines API. With MinIO's own notifications: test_trigger_minio.py."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from packaging.markers import Marker

from tests.conftest import ROOT
from tests.e2e.trigger_process import Trigger, serve_trigger, small_package, stage
from tests.unit.cloud_events import cloud_storage, encode, eventbridge, s3, s3_record
from tests.unit.pipelines_server import Cluster, serve_cluster
from tests.unit.s3_server import Bucket, serve_bucket

pytestmark = [pytest.mark.e2e, pytest.mark.one_stack, pytest.mark.timeout(120)]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with serve_cluster(Cluster()) as served:
        yield served


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with serve_bucket(Bucket()) as served:
        yield served


Start = Callable[..., contextlib.AbstractContextManager[Trigger]]


@pytest.fixture
def start(tmp_path: Path, cluster: Cluster, bucket: Bucket) -> Start:
    """Another instance of the trigger; the first one's settings are everybody's."""

    def run(
        prelude: str = "", target: str = "trigger", smallest_count: int = 1, **settings: Any
    ) -> contextlib.AbstractContextManager[Trigger]:
        staged = tmp_path / "staged"
        if not staged.exists():
            trigger = {"source": "s3://bucket/in", "host": cluster.host, "package": str(staged / "flowers.yaml"), **settings}
            watch = {"quiet_s": 1.0, "smallest_count": smallest_count}
            stage(tmp_path, {"data_root": "s3://bucket/data", "watch": watch, "trigger": trigger}, small_package())
        return serve_trigger(staged, bucket.environment(), target, prelude)

    return run


def csv_of(bucket: Bucket, run: dict[str, Any]) -> list[str]:
    uri = run["runtime_config"]["parameters"]["csv"]
    return bucket.objects[uri.removeprefix("s3://bucket/")][0].decode().splitlines()


def test_500_photos_of_several_instances_are_one_run(start: Start, bucket: Bucket, cluster: Cluster) -> None:
    """In every shape that S3 has, alone and together; each event comes at least once."""
    names = [f"in/{('roses', 'tulips')[n % 2]}/photo {n}.jpg" for n in range(500)]
    records = [(name, bucket.put(name, name.encode())) for name in names]
    shapes: list[Callable[[str, str], Any]] = [
        lambda name, etag: s3(s3_record(name, etag)),
        lambda name, etag: ({"Content-Type": "application/json"}, json.dumps(eventbridge(name, etag)).encode()),
        lambda name, etag: encode({"type": "com.amazonaws.s3.ObjectCreated:Put", "source": "aws:s3"}, s3_record(name, etag)),
        lambda name, etag: encode({"type": "com.amazonaws.s3.ObjectCreated:Put", "source": "x"}, eventbridge(name, etag), structured=True),
    ]
    # A busy machine may stop for longer than the quiet time: then a batch would end before the last event.
    with start(smallest_count=500) as first, start() as second, ThreadPoolExecutor(16) as pool:
        requests = [shapes[n % 4](*records[n]) for n in range(100)]
        requests += [s3(*(s3_record(*record) for record in records[n : n + 25])) for n in range(90, 500, 20)]
        answers = list(pool.map(lambda n: (first, second)[n % 2].post(requests[n]), range(len(requests))))
        assert sum(answer["recorded"] for answer in answers) == 500
        deliveries = [delivery for answer in answers for delivery in answer["deliveries"]]
        deadline = time.monotonic() + 120
        while not deliveries and time.monotonic() < deadline:
            time.sleep(0.2)
            ticks = pool.map(lambda trigger: trigger.cron(), (first, second, first, second))
            deliveries += [delivery for tick in ticks for delivery in tick["deliveries"]]
        assert [delivery["state"] for delivery in deliveries] == ["submitted"]
        assert sum(answer["duplicates"] for answer in pool.map(second.post, requests[:40])) == 40
        assert first.cron()["deliveries"] == []
    (run,) = cluster.runs
    assert (deliveries[0]["run_id"], deliveries[0]["photos"]) == (run["run_id"], 500)
    assert csv_of(bucket, run) == sorted(f"s3://bucket/{name},{name.split('/')[1]}" for name in names)


def test_a_marker_that_comes_three_times_at_once_and_a_schedule(start: Start, bucket: Bucket, cluster: Cluster) -> None:
    bucket.put("in/day/roses/1.jpg", b"photo")
    marker = s3(s3_record("in/day/_READY", bucket.put("in/day/_READY", b"today")))
    with start(start="marker") as first, start() as second, ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda n: (first, second)[n % 2].post(marker), range(6)))
        assert [[delivery["run_id"] for delivery in answer["deliveries"]] for answer in answers] == [["r1"]] * 6
        scheduler = {"X-CloudScheduler-ScheduleTime": "2026-11-28T02:30:00Z", "User-Agent": "Google-Cloud-Scheduler"}
        schedules = list(pool.map(lambda n: (first, second)[n % 2].cron(headers=scheduler, run="nightly"), range(4)))
        assert [[delivery["run_id"] for delivery in answer["deliveries"]] for answer in schedules] == [["r2"]] * 4
        assert first.cron(run="nightly", key="2026-11-29")["deliveries"][0]["run_id"] == "r3"
        ping = encode({"type": "dev.knative.sources.ping", "source": "/apis/v1/namespaces/n/pingsources/p"}, {"run": "nightly"})
        assert {first.post(ping, "/cron")["deliveries"][0]["run_id"] for _ in range(2)} == {"r4"}
    assert csv_of(bucket, cluster.runs[0]) == ["s3://bucket/in/day/roses/1.jpg,roses"]
    assert {run["runtime_config"]["parameters"]["csv"] for run in cluster.runs} == {cluster.runs[0]["runtime_config"]["parameters"]["csv"]}
    assert len(cluster.runs) == 4


# The process dies where a run would be submitted, or just after it was.
DIE_BEFORE = """
import os
from flowers_tfx.orchestration.kubeflow import runs
runs.create_run = lambda *arguments, exit=os._exit: exit(9)
"""
DIE_AFTER = """
import os
from flowers_tfx.orchestration.kubeflow import runs
runs.create_run = lambda *arguments, create=runs.create_run, exit=os._exit: (create(*arguments), exit(9))
"""


@pytest.mark.parametrize("prelude", [DIE_BEFORE, DIE_AFTER], ids=["before", "after"])
def test_a_kill_at_the_submission_is_made_good_by_the_next_call(start: Start, bucket: Bucket, cluster: Cluster, prelude: str) -> None:
    event = s3(s3_record("in/all.csv", bucket.put("in/all.csv", b"a.jpg,roses\n")))
    with start(prelude, claim_s=0.5) as dying, pytest.raises(httpx.TransportError):
        dying.post(event)
    assert len(cluster.runs) == (prelude == DIE_AFTER)
    time.sleep(0.6)
    with start() as trigger:
        (delivery,) = trigger.cron()["deliveries"]
        assert (delivery["state"], delivery["run_id"]) == ("submitted", "r1")
        assert trigger.post(event)["duplicates"] == 1
    assert len(cluster.runs) == 1


def test_strangers_and_what_is_no_event_change_nothing(start: Start, bucket: Bucket, cluster: Cluster) -> None:
    marker = s3(s3_record("in/_READY", bucket.put("in/_READY", b"")))
    with start() as trigger:
        asked = bucket.requests
        assert httpx.get(trigger.url).json() == {"status": "ok"}
        for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer"}, {"Authorization": "Basic eDp5"}):
            assert httpx.post(trigger.url, content=marker[1], headers=header).status_code == 401
            assert httpx.post(f"{trigger.url}/cron", headers=header).status_code == 401
        assert "error" in trigger.post(({}, b"hello"), status=400)
        assert "1048576" in trigger.post(({}, b" " * 2_000_000), status=413)["error"]
        chunks = trigger.client.post("/", content=(b" " * 100_000 for _ in range(200)))
        assert chunks.status_code == 413
        assert trigger.client.put("/", content=b"x").status_code == 405
        assert "key" in trigger.cron(run="nightly", status=400)["hint"]
        assert trigger.post(({}, b'{"runs": "x"}'), "/cron", 400)["error"]
        for name in ("other/_READY", "in/../_READY", "/in/_READY", "in/../in/_READY"):
            assert trigger.post(s3(s3_record(name, "e")))["ignored"] == 1
        assert trigger.post(cloud_storage("in/_READY", 17))["ignored"] == 1, "the source is not in Cloud Storage"
        assert bucket.requests == asked, "nothing was read or written for any of these"
    assert cluster.requests == []


def test_the_function_of_a_cloud_event(start: Start, bucket: Bucket, cluster: Cluster) -> None:
    """`on_object`, as `gcloud functions deploy --trigger-event-filters` calls it, behind IAM; it fails where the event must come again."""
    bucket.put("in/roses/1.jpg", b"photo")
    event = encode({"type": "com.amazonaws.s3.ObjectCreated:Put", "source": "aws:s3"}, s3_record("in/_READY", bucket.put("in/_READY", b"")))
    with start(target="on_object", authentication="platform") as function:
        cluster.answers = [(503, {"message": "no backend"})]
        assert function.client.post("/", headers=event[0], content=event[1]).status_code == 500
        assert function.client.post("/", headers=event[0], content=event[1]).text == "OK"
        assert function.client.post("/", headers=event[0], content=event[1]).text == "OK"
        malformed = encode({"type": "google.cloud.storage.object.v1.finalized", "source": "x"}, {"bucket": 3})
        assert function.client.post("/", headers=malformed[0], content=malformed[1]).text == "OK", (
            "it would be malformed the next time, too"
        )
    assert [csv_of(bucket, run) for run in cluster.runs] == [["s3://bucket/in/roses/1.jpg,roses"]]


def test_nothing_starts_without_a_token_or_a_word_that_the_platform_has_one(start: Start, bucket: Bucket, tmp_path: Path) -> None:
    with start() as trigger:
        pass
    bucket_environment = {**bucket.environment(), "FLOWERS_TRIGGER_TOKEN": ""}
    with serve_trigger(tmp_path / "staged", bucket_environment) as trigger:
        assert trigger.client.post("/cron").status_code == 500
    assert "FLOWERS_TRIGGER_TOKEN is empty" in (tmp_path / "trigger.log").read_text()


def test_the_trigger_loads_neither_tensorflow_nor_tfx(start: Start, bucket: Bucket, tmp_path: Path) -> None:
    """Nor what only the pipeline needs: an instance starts from nothing for an event."""
    event = s3(s3_record("in/all.csv", bucket.put("in/all.csv", b"a.jpg,roses\n")))
    listing = tmp_path / "modules.txt"
    prelude = f"""
import sys
from flowers_tfx.deliveries import cloud_requests
def act_and_tell(*arguments, act=cloud_requests._act, modules=sys.modules):
    answer = act(*arguments)
    open({str(listing)!r}, "w").write("\\n".join(modules))
    return answer
cloud_requests._act = act_and_tell
"""
    with start(prelude) as trigger:
        assert trigger.post(event)["deliveries"][0]["state"] == "submitted"
    loaded = {name.partition(".")[0] for name in listing.read_text().splitlines()}
    assert {"kfp", "boto3", "flask"} <= loaded
    assert not loaded & {"tensorflow", "tfx", "apache_beam", "pandas", "pyarrow", "keras", "ml_metadata"}


def test_the_versions_of_the_function_are_those_of_the_lock() -> None:
    """Those of the main stack; `make lock` writes both."""
    pin = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; (.*?))? \\$", re.MULTILINE)
    locked: dict[str, set[str]] = {}
    for name, version, marker in pin.findall((ROOT / "requirements" / "lock.txt").read_text()):
        if not marker or Marker(marker).evaluate({"python_full_version": "3.12.1", "python_version": "3.12"}):
            locked.setdefault(name, set()).add(version)
    pins = {name: version for name, version, _ in pin.findall((ROOT / "deploy" / "trigger" / "requirements.txt").read_text())}
    wanted = [line for line in (ROOT / "requirements" / "trigger.in").read_text().splitlines() if line and not line.startswith("#")]
    assert set(wanted) <= set(pins)
    assert {name: version for name, version in pins.items() if version not in locked.get(name, {version})} == {}
    assert set(pins) <= set(locked), "all of them are also the program's"
    assert not {"tensorflow", "tfx", "apache-beam", "pandas"} & set(pins)
