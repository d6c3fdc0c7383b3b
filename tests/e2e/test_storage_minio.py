"""`flowers gc` and `flowers forget` on a real MinIO, killed again and again: what leaves is gone, what stays still trains and serves."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from collections.abc import Iterator

import boto3
import pyarrow.parquet as pq
import pytest
import yaml

from flowers_tfx import registry
from flowers_tfx.data.spans import list_spans, read_photos
from tests.conftest import ROOT
from tests.e2e.conftest import Workshop
from tests.e2e.minio import minio
from tests.watch_process import PROGRAM

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1500)]

BUCKET = "flowers-care"
LEASE_S = 1.0  # a lock in a bucket outlives a killed holder this long


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """Two spans, two versions, both in the bucket."""
    made = Workshop(tmp_path_factory.mktemp("care"))
    config = yaml.safe_load(made.config.read_text())
    config |= {"data_root": f"s3://{BUCKET}/data", "registry": f"s3://{BUCKET}/registry"}
    config["retention"] = {"versions": 1, "spans_days": 0, "runs": 1}
    made.config.write_text(yaml.safe_dump(config))
    with minio(made.home, BUCKET):
        for first in (0, 600):
            made.deliver(15, first=first)
            assert made.run()["status"] == "succeeded"
        yield made


def kill_until_done(*arguments: str) -> int:
    """Runs the command and kills it a little later each time; the number of kills before it ended well."""
    command = [sys.executable, "-c", PROGRAM, str(LEASE_S), *arguments]
    seconds = 2.0
    for kills in range(60):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            _, stderr = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            seconds += 0.7
            continue
        assert process.returncode == 0, stderr.decode()
        return kills
    raise AssertionError(f"flowers {arguments[0]} does not end within {seconds:.0f} s")


def objects() -> dict[str, bytes]:
    """Everything in the bucket, by name."""
    client = boto3.client("s3")
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    names = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
    return {name: client.get_object(Bucket=BUCKET, Key=name)["Body"].read() for name in names}


def readable(name: str, data: bytes) -> bytes:
    """What a search of people who decompress would see."""
    if name.endswith(".gz"):
        return gzip.decompress(data)
    if name.endswith(".parquet"):
        return json.dumps(pq.read_table(io.BytesIO(data)).to_pylist(), default=repr).encode()
    return data


def test_what_leaves_is_gone_and_what_serves_stays(workshop: Workshop) -> None:
    config = ("--config", str(workshop.config))
    uri = str(yaml.safe_load(workshop.config.read_text())["registry"])
    first, second = sorted(registry.versions(uri))
    workshop.flowers("review", "reject", "1", "--reason", "blurred", "--by", "me", *config, "--json")
    report = workshop.run()
    assert report["status"] == "succeeded"
    third = sorted(registry.versions(uri))[-1]
    shown = workshop.flowers("gc", *config, "--json")
    leaving = {item["path"] for item in shown["would_remove"]}
    assert f"{uri}/{first}" in leaving and not {f"{uri}/{second}", f"{uri}/{third}"} & leaving
    kills = kill_until_done("gc", "--yes", *config, "--json")
    assert kills > 0
    assert sorted(registry.versions(uri)) == [second, third]
    assert not [name for name in objects() if name.startswith(f"registry/{first}/")]
    assert workshop.flowers("gc", *config, "--json")["would_remove"] == []
    assert workshop.run()["status"] == "succeeded"


def test_a_forgotten_photo_is_only_in_its_certificate(workshop: Workshop) -> None:
    config = ("--config", str(workshop.config), "--json")
    span = list_spans(f"s3://{BUCKET}/data")[-1]
    photo = read_photos(span).iloc[0]
    digest, name = str(photo["digest"]), str(photo["uri"]).rpartition("/")[2]
    assert any(digest.encode() in readable(key, data) for key, data in objects().items() if key.startswith(f"data/span-{span.number}/"))
    kills = kill_until_done("forget", "--photo", digest, "--yes", *config)
    assert kills > 0
    found = {key for key, data in objects().items() if digest.encode() in readable(key, data)}
    assert found == {f"data/forgotten/{digest}.json"}, name
    local = [
        path for path in workshop.home.rglob("*") if path.is_file() and "store" not in path.parts and digest.encode() in path.read_bytes()
    ]
    assert local == []
    certificate = json.loads(objects()[f"data/forgotten/{digest}.json"])
    assert certificate["state"] == "done" and certificate["spans"]
    report = workshop.run()
    assert report["status"] == "succeeded"
    assert report["nodes"]["Trainer"]["state"] == "complete"
