"""Files in a bucket of a real MinIO, whose own notifications come, become runs: unattended, with a kill in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from tests.e2e.minio import client_environment, minio
from tests.e2e.prism import free_port
from tests.e2e.trigger_process import TOKEN, Trigger, serve_trigger, small_package, stage
from tests.unit.pipelines_server import Cluster, serve_cluster

# The test may have to build MinIO.
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(2400)]
BUCKET, PATIENCE_S = "flowers", 90


@contextmanager
def cron(port: int) -> Iterator[None]:
    """Calls the trigger every second, whether it is there or not."""
    ended = threading.Event()

    def call() -> None:
        while not ended.wait(1):
            with suppress(httpx.TransportError):
                httpx.post(f"http://127.0.0.1:{port}/cron", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def wait_until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def upload(names: list[str]) -> None:
    client = boto3.client("s3")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: client.put_object(Bucket=BUCKET, Key=name, Body=name.encode()), names))


def photos(first: int, count: int) -> list[str]:
    return [f"in/{('roses', 'tulips')[n % 2]}/photo {n} +.jpg" for n in range(first, first + count)]


def deliveries(cluster: Cluster) -> list[list[str]]:
    """Names of the photos of each run."""
    client, uris = boto3.client("s3"), [run["runtime_config"]["parameters"]["csv"] for run in cluster.runs]
    texts = [client.get_object(Bucket=BUCKET, Key=uri.removeprefix(f"s3://{BUCKET}/"))["Body"].read().decode() for uri in uris]
    return [[line.rpartition(",")[0].removeprefix(f"s3://{BUCKET}/") for line in text.splitlines()] for text in texts]


def test_photos_schedules_and_a_kill_on_minio(tmp_path: Path) -> None:
    port, queue = free_port(), tmp_path / "queue"
    queue.mkdir()
    webhook = {
        "MINIO_NOTIFY_WEBHOOK_ENABLE_FLOWERS": "on",
        "MINIO_NOTIFY_WEBHOOK_ENDPOINT_FLOWERS": f"http://127.0.0.1:{port}/",
        "MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_FLOWERS": TOKEN,
        "MINIO_NOTIFY_WEBHOOK_QUEUE_DIR_FLOWERS": str(queue),
    }
    with serve_cluster(Cluster()) as cluster, minio(tmp_path, BUCKET, settings=webhook) as server:
        config: dict[str, Any] = {
            "data_root": f"s3://{BUCKET}/data",
            "watch": {"quiet_s": 8.0},
            "trigger": {
                "source": f"s3://{BUCKET}/in",
                "host": cluster.host,
                "package": str(tmp_path / "staged" / "flowers.yaml"),
                "claim_s": 5.0,
            },
        }
        staged = stage(tmp_path, config, small_package())
        environment = client_environment(int(server.endpoint.rpartition(":")[2]))

        def start() -> Any:
            return serve_trigger(staged, environment, port=port)

        # Of the whole bucket, so that there are events of what the trigger writes, too.
        target = {"QueueArn": "arn:minio:sqs::FLOWERS:webhook", "Events": ["s3:ObjectCreated:*"]}
        boto3.client("s3").put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": [target]})
        with cron(port), ThreadPoolExecutor(1) as pool:
            with start():
                upload(photos(0, 500))
                wait_until(lambda: len(cluster.runs) == 1)
                upload(photos(500, 40))
                wait_until(lambda: len(cluster.runs) == 2)
                assert [len(names) for names in deliveries(cluster)] == [500, 40]
                upload([*photos(540, 10), "in/_READY"])
                wait_until(lambda: len(cluster.runs) == 3)
                assert sorted(deliveries(cluster)[2]) == sorted(photos(540, 10))
                # The end of the block kills it amidst these; MinIO keeps the events that it cannot deliver.
                uploading = pool.submit(upload, photos(550, 60))
                time.sleep(0.3)
            uploading.result()
            with start():
                wait_until(lambda: sum(map(len, deliveries(cluster))) == 610)
                upload(photos(550, 60))  # the same bytes under the same names: the same ETags
                time.sleep(5)
                trigger = Trigger(f"http://127.0.0.1:{port}", server)
                photo_runs = deliveries(cluster)
                for key in ("2026-11-28", "2026-11-28", "2026-11-29"):
                    trigger.cron(run="nightly", key=key)
        assert sorted(name for names in photo_runs for name in names) == sorted(photos(0, 610)), "each photo in one run, once"
        assert len(photo_runs) <= 5, "what the kill parted into two batches"
        kinds = [run["display_name"].split("-")[1] for run in cluster.runs]
        assert (kinds[:3], kinds[len(photo_runs) :]) == (["quiet", "quiet", "marker"], ["schedule", "schedule"])
