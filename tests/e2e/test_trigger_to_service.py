"""An event and a schedule, through to a model that is pushed and served, unattended, twice: a real MinIO's own notifications, the staged
trigger, the whole pipeline, and `flowers serve`. In the place of the cluster, the local runner runs what was submitted. In this order."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
import yaml

from tests.conftest import small_photo
from tests.e2e.conftest import Workshop
from tests.e2e.minio import client_environment, minio
from tests.e2e.prism import free_port
from tests.e2e.trigger_process import TOKEN, Trigger, serve_trigger, small_package, stage
from tests.serving_process import ServingProcess, serving_process
from tests.unit.pipelines_server import Cluster, serve_cluster

# The first test may have to build MinIO.
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(2400)]
BUCKET, REGISTRY, PATIENCE_S = "flowers", "s3://flowers/registry", 900
CLASSES = ("daisy", "roses", "tulips")


@dataclass
class Scene:
    """`reports` are those of the runs that were submitted and have ended."""

    trigger: Trigger
    reports: list[dict[str, Any]]

    def tick_until(self, runs: int, **request: str) -> None:
        """A cron of every second, until so many runs have ended."""
        wait_until(lambda: bool(self.trigger.cron(**request)) and len(self.reports) == runs)
        assert self.reports[-1]["status"] == "succeeded", self.reports[-1]["status"]

    def pushed_version(self, run: int) -> str:
        return Path(self.reports[run]["pushed_model"]).name

    def changed_nodes(self, run: int) -> set[str]:
        return {node for node, details in self.reports[run]["nodes"].items() if details["state"] != "cached"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What lasts from one test to the next: the bucket, and the pipeline root."""
    return tmp_path_factory.mktemp("scene")


@contextmanager
def scene(home: Path) -> Iterator[Scene]:
    """Everything is started anew on what lasts."""
    port, is_new = free_port(), not (home / "store").exists()
    webhook = {
        "MINIO_NOTIFY_WEBHOOK_ENABLE_FLOWERS": "on",
        "MINIO_NOTIFY_WEBHOOK_ENDPOINT_FLOWERS": f"http://127.0.0.1:{port}/",
        "MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_FLOWERS": TOKEN,
    }
    workshop = Workshop(home)
    with serve_cluster(Cluster()) as cluster, minio(home, *([BUCKET] if is_new else []), settings=webhook) as server:
        settings = yaml.safe_load(workshop.config.read_text())
        settings |= {"data_root": f"s3://{BUCKET}/data", "registry": REGISTRY, "labels": list(CLASSES), "watch": {"quiet_s": 3.0}}
        settings["ingest"] = {"csv": f"s3://{BUCKET}/none.csv"}
        settings["trigger"] = {"source": f"s3://{BUCKET}/in", "host": cluster.host, "package": str(home / "staged" / "flowers.yaml")}
        workshop.config.write_text(yaml.safe_dump(settings))
        shutil.rmtree(home / "staged", ignore_errors=True)
        staged = stage(home, settings, small_package())
        if is_new:
            notify_of_deliveries()
        environment = client_environment(int(server.endpoint.rpartition(":")[2]))
        with serve_trigger(staged, environment, port=port) as trigger, runs_of(cluster, workshop) as reports:
            yield Scene(trigger, reports)


def notify_of_deliveries() -> None:
    target = {
        "QueueArn": "arn:minio:sqs::FLOWERS:webhook",
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in/"}]}},
    }
    boto3.client("s3").put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": [target]})


@contextmanager
def runs_of(cluster: Cluster, workshop: Workshop) -> Iterator[list[dict[str, Any]]]:
    """The reports of the runs that were submitted, which the local runner runs one after another."""
    reports: list[dict[str, Any]] = []
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.2):
            if len(reports) < len(cluster.runs):
                csv = cluster.runs[len(reports)]["runtime_config"]["parameters"]["csv"]
                try:
                    reports.append(workshop.run(f"ingest.csv={csv}"))
                except AssertionError as error:
                    reports.append({"status": str(error)})

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield reports
    finally:
        ended.set()
        thread.join()


def deliver(first: int) -> None:
    """20 photos a class, as bright as those of any other delivery."""
    for place, name in enumerate(CLASSES):
        for n in range(60 * first, 60 * first + 60, 3):
            boto3.client("s3").put_object(Bucket=BUCKET, Key=f"in/{name}/{n}.jpg", Body=small_photo(1000 * place + n, hue=place))


def wait_until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def served_version(service: ServingProcess) -> str:
    answer = httpx.post(f"{service.url}/predict", content=small_photo(7, hue=0), headers={"Content-Type": "image/jpeg"}, timeout=60)
    return str(answer.json()["model_version"])


def test_an_event_and_a_schedule_through_to_a_served_model(home: Path) -> None:
    with scene(home) as running:
        deliver(0)
        running.tick_until(1)
        running.tick_until(2, run="nightly", key="2026-11-28")
        assert running.changed_nodes(1) <= {"IngestImages", "SelectInputs"}, "nothing was new for the schedule"
        with serving_process(REGISTRY) as service:
            assert served_version(service) == running.pushed_version(0)


def test_the_same_again_while_the_first_model_serves(home: Path) -> None:
    with scene(home) as running, serving_process(REGISTRY, "--set", "serving.poll_s=0.5") as service:
        first = served_version(service)
        deliver(1)
        running.tick_until(1)
        wait_until(lambda: served_version(service) != first)
        assert served_version(service) == running.pushed_version(0)
        running.tick_until(2, run="nightly", key="2026-11-29")
        assert running.changed_nodes(1) <= {"IngestImages", "SelectInputs"}
        assert served_version(service) == running.pushed_version(0)
