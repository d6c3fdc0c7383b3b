"""Data root and registry in a bucket of a real MinIO, from ingest to prediction. In this order."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowers_tfx import registry, storage
from flowers_tfx.data.spans import Span, list_spans, read_photos
from flowers_tfx.storage import BucketPath
from tests.conftest import ROOT, write_photos
from tests.e2e.conftest import Workshop, states
from tests.e2e.minio import PASSWORD, minio
from tests.e2e.prism import Service, free_port, prism, prism_binary, worker_pool

# The first test may have to build MinIO.
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(2400)]

BUCKET = BucketPath("s3://flowers-test")
DATA, REGISTRY = BUCKET / "data", BUCKET / "registry"

# The command line, with a lease that a killed holder does not keep for a whole minute.
SHORT_LEASE = """
import sys
from flowers_tfx.storage import lease
lease.LEASE_S = 3.0
from flowers_tfx.cli import main
main(sys.argv[1:])
"""

# A push that kills its own process when a file of this name is about to be written.
PUSH_KILLED = """
import os, pathlib, signal, sys
from flowers_tfx import registry
from flowers_tfx.storage import lease
from flowers_tfx.storage.s3 import S3
lease.LEASE_S = 3.0
name, model, root = sys.argv[1:]
def dying(call, key_at):
    def wrapped(*arguments):
        if arguments[key_at].endswith("/" + name):
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments)
    return wrapped
S3.upload, S3.write = dying(S3.upload, 2), dying(S3.write, 1)
registry.publish(pathlib.Path(model), root, "another recipe", (), "killed")
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with minio(tmp_path_factory.mktemp("minio"), BUCKET.name) as server:
        yield server


@pytest.fixture(scope="module")
def shop(store: Service, workshop: Workshop) -> Workshop:
    text = workshop.config.read_text().replace(str(workshop.data_root), str(DATA)).replace(str(workshop.registry), str(REGISTRY))
    workshop.config.write_text(text)
    return workshop


def run_code(code: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *arguments]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True, **pipes)


def delivery(folder: Path, first: int, per_class: int = 20) -> Path:
    """A CSV of photos of its own."""
    photos = write_photos(folder / "photos", per_class, first=first)
    csv = folder / "all.csv"
    csv.write_text("".join(f"{path},{path.parent.name}\n" for path in sorted(photos.glob("*/*.jpg"))))
    return csv


def test_a_span_in_a_bucket_is_the_span_on_a_disk(shop: Workshop) -> None:
    shop.deliver(60)
    output = shop.flowers("ingest", "--config", str(shop.config), "--json")
    assert (output["span"], output["examples"], output["data_root"]) == (1, 180, str(DATA))
    on_disk = shop.flowers("ingest", "--config", str(shop.config), "--data-root", str(shop.data_root), "--json")
    assert on_disk["digest"] == output["digest"]
    here, there = list_spans(shop.data_root)[0], list_spans(str(DATA))[0]
    assert there.manifest["files"] == here.manifest["files"]
    assert read_photos(there).equals(read_photos(here))
    assert storage.file_sizes(there.path).keys() == storage.file_sizes(here.path).keys()
    assert {path.name for path in DATA.iterdir()} == {"span-1"}, "nothing is left beside the span"


def test_a_delivery_in_a_bucket_is_read_there(shop: Workshop) -> None:
    for path in [*shop.photos.glob("*/*.jpg"), *shop.photos.glob("*.*")]:
        (BUCKET / "delivery" / path.relative_to(shop.photos)).upload(path)
    place = ("--csv", "s3://flowers-test/delivery/all_data.csv", "--labels", "s3://flowers-test/delivery/dict.txt")
    output = shop.flowers("ingest", *place, "--data-root", str(DATA), "--json")
    assert (output["span"], output["known"], output["rejected"]) == (None, 180, 0)


def test_the_pipeline_works_on_buckets(shop: Workshop) -> None:
    report = shop.run("explain.photos=1")
    assert report["status"] == "succeeded"
    assert states(report)["Pusher"] == states(report)["PublishBaseline"] == states(report)["Explainer"] == "complete"
    version = registry.versions(str(REGISTRY))[0]
    assert report["pushed_model"] == f"{REGISTRY}/{version}"
    assert registry.damage(str(REGISTRY), registry.entry(str(REGISTRY), version)) == ""
    assert registry.baseline_is_whole(str(REGISTRY), version)
    assert {path.name for path in REGISTRY.iterdir()} == {str(version)}, "nothing is left beside the version"
    page = registry.explanations_page(registry.version_path(str(REGISTRY), version))
    assert page is not None
    assert page.read_text() == Path(report["reports"]["explanations"]).read_text()
    assert set(states(shop.run("explain.photos=1")).values()) == {"cached"}


def test_predictions_come_from_the_bucket(shop: Workshop) -> None:
    photo = str(next(shop.photos.glob("*/*.jpg")))
    answers = [
        shop.flowers("predict", photo, "--set", f"registry={REGISTRY}", "--json"),
        shop.flowers("predict", photo, "--model", str(registry.serving_model(str(REGISTRY))), "--json"),
    ]
    assert answers[0] == answers[1]
    assert answers[0][0]["model_version"] == str(registry.versions(str(REGISTRY))[0])


def test_new_photos_are_compared_with_the_baseline_in_the_bucket(shop: Workshop) -> None:
    shop.deliver(60, first=60)  # drawn like the first ones: nothing drifts
    report = shop.run()
    assert report["status"] == "succeeded", report
    review = json.loads((Path(report["reports"]["review"]).parent / "review.json").read_text())
    assert review["compared_with"]["version"] == str(registry.versions(str(REGISTRY))[0])
    assert review["compared_with"]["photos"] == 180
    assert report["metrics"]["baseline_accuracy"] is not None
    assert len(registry.versions(str(REGISTRY))) == 2


def test_decisions_lie_in_the_bucket(shop: Workshop) -> None:
    how = ("--reason", "blurred", "--by", "me", "--config", str(shop.config), "--json")
    shop.flowers("review", "reject", "2", *how)
    shop.flowers("review", "accept", "2", "--finding", "none", *how, code=2)
    output = shop.flowers("spans", "--config", str(shop.config), "--json")
    assert [span["rejected_by_reviewer"] for span in output] == [False, True]
    assert len((DATA / "decisions.jsonl").read_text().splitlines()) == 1


def test_a_killed_push_leaves_nothing_visible(shop: Workshop, tmp_path: Path) -> None:
    before = registry.versions(str(REGISTRY))
    storage.fetch(registry.serving_model(str(REGISTRY)), tmp_path / "model", lambda name: not name.startswith("assets.extra/baseline/"))
    photo = str(next(shop.photos.glob("*/*.jpg")))
    for name in ("variables.index", "saved_model.pb", "registry.json"):
        process = run_code(PUSH_KILLED, name, str(tmp_path / "model"), str(REGISTRY))
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert any(path.name.endswith(".claim") for path in REGISTRY.iterdir()), "the push was not cut in the middle"
        assert registry.versions(str(REGISTRY)) == before
        assert shop.flowers("predict", photo, "--set", f"registry={REGISTRY}", "--json")[0]["model_version"] == str(before[-1])
    process = run_code(PUSH_KILLED, "no such name", str(tmp_path / "model"), str(REGISTRY))
    assert process.communicate() is not None and process.returncode == 0
    after = registry.versions(str(REGISTRY))
    assert len(after) == len(before) + 1
    assert registry.damage(str(REGISTRY), registry.entry(str(REGISTRY), after[-1])) == ""
    assert {path.name for path in REGISTRY.iterdir()} == {str(version) for version in after}, "what the killed pushes left is gone"


def test_a_killed_ingest_leaves_nothing_visible(shop: Workshop, tmp_path: Path) -> None:
    root = BUCKET / "killed"
    ingest = ("ingest", "--csv", str(delivery(tmp_path, 1000, 200)), "--labels", str(shop.photos / "dict.txt"), "--data-root", str(root))
    process = run_code(SHORT_LEASE, *ingest, "--json")
    deadline = time.monotonic() + 120
    while not any(name.endswith(".claim") for name in root.file_sizes()):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert list_spans(str(root)) == []
    process = run_code(SHORT_LEASE, *ingest, "--json")
    output = json.loads(process.communicate()[0])
    assert output["examples"] == 600
    assert [span.number for span in list_spans(str(root))] == [output["span"]]
    left = {path.name for path in root.iterdir() if not path.name.endswith(".claim")}
    assert left == {f"span-{output['span']}"}


def test_two_ingests_at_once_get_numbers_of_their_own(shop: Workshop, tmp_path: Path) -> None:
    root = BUCKET / "two"
    labels = ("--labels", str(shop.photos / "dict.txt"), "--data-root", str(root), "--json")
    csvs = [delivery(tmp_path / str(n), 3000 + 15 * n) for n in range(2)]  # five photos a class are in both
    processes = [run_code(SHORT_LEASE, "ingest", "--csv", str(csv), *labels) for csv in csvs]
    outputs = [json.loads(process.communicate()[0]) for process in processes]
    assert sorted(one["span"] for one in outputs) == [1, 2]
    assert sorted(one["known"] for one in outputs) == [0, 15], "the second sees what the first took in"
    digests = [digest for span in list_spans(str(root)) for digest in read_photos(span)["digest"]]
    assert len(digests) == len(set(digests)) == 105


@pytest.mark.parametrize("command", ["ingest", "run", "spans"])
def test_bad_input_is_one_sentence(shop: Workshop, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    arguments = (command, "--config", str(shop.config), "--json")
    cases = {
        "is not there": ({}, "data_root=s3://flowers-none/data"),
        "does not accept the credentials": ({"AWS_SECRET_ACCESS_KEY": "wrong-" + PASSWORD}, "name=tiny"),
        "can't be reached at http://127.0.0.1": ({"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{free_port()}"}, "name=tiny"),
        "There are no credentials": ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "name=tiny"),
    }
    for words, (environment, override) in cases.items():
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            output = shop.flowers(*arguments, "--set", override, code=2)
        assert words in output["error"], output
        assert output["error"].count(". ") == 0 and output["hint"]
        assert PASSWORD not in json.dumps(output)


def test_a_registry_that_is_not_there(shop: Workshop) -> None:
    photo = str(next(shop.photos.glob("*/*.jpg")))
    assert "is not there" in shop.flowers("predict", photo, "--set", "registry=s3://flowers-none/registry", "--json", code=2)["error"]
    assert "is not there" in shop.run("registry=s3://flowers-none/registry", code=2)["error"]
    assert "holds no model" in shop.flowers("predict", photo, "--set", "registry=s3://flowers-test/empty", "--json", code=2)["error"]


def test_a_pipeline_root_in_a_bucket_is_refused(shop: Workshop) -> None:
    assert "pipeline root s3://flowers-test/pipeline" in shop.run("pipeline_root=s3://flowers-test/pipeline", code=2)["error"]


def on_pools(shop: Workshop, home: BucketPath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Span]:
    """The span of each of two jobs at the same time on Prism, which gives a job one worker pool. Photos, CSV and data roots lie in the
    bucket; the workers have credentials of their own, and the endpoint from the job's options."""
    with contextlib.ExitStack() as stack:
        engine = stack.enter_context(prism(prism_binary(), tmp_path / "prism.log"))
        with monkeypatch.context() as patch:
            patch.delenv("AWS_ENDPOINT_URL_S3")
            pools = [stack.enter_context(worker_pool(tmp_path / "pool.log")) for _ in range(2)]
        place = ("--csv", str(home / "all_data.csv"), "--labels", str(home / "dict.txt"), "--engine", "portable", "--json")
        keys = ("--set", f"beam.job_endpoint={engine.endpoint}", "--set", "beam.environment=external")
        jobs = [
            subprocess.Popen(
                shop.command(
                    *("ingest", *place, *keys, "--set", f"beam.environment_config={pool.endpoint}"),
                    *("--data-root", str(home / f"pool-{number}")),
                ),
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number, pool in enumerate(pools)
        ]
        for job in jobs:
            output = json.loads(job.communicate(timeout=900)[0])
            assert job.returncode == 0, output
            assert output["rejected"] == 0
    return [list_spans(str(home / f"pool-{number}"))[0] for number in range(2)]


def test_an_engine_that_shares_nothing_but_the_bucket(shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = list_spans(str(DATA))[0]
    for there in on_pools(shop, BUCKET / "delivery", tmp_path, monkeypatch):
        assert (there.digest, there.manifest["delivery"]) == (here.digest, here.manifest["delivery"])


@pytest.mark.photos
def test_real_photos_on_an_engine_that_shares_nothing_but_the_bucket(
    shop: Workshop, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = BUCKET / "real"
    photos = [photo for folder in sorted((shared / "flower_photos").glob("*/")) for photo in sorted(folder.glob("*.jpg"))[:30]]
    lines = [f"{photo.parent.name}/{photo.name},{photo.parent.name}\n" for photo in photos]
    (tmp_path / "all_data.csv").write_text("".join(lines))
    (tmp_path / "dict.txt").write_text("".join(f"{name}\n" for name in sorted({photo.parent.name for photo in photos})))
    for photo in photos:
        (home / photo.parent.name / photo.name).upload(photo)
    for name in ("all_data.csv", "dict.txt"):
        (home / name).upload(tmp_path / name)
    place = ("--csv", str(home / "all_data.csv"), "--labels", str(home / "dict.txt"), "--engine", "direct", "--json")
    output = shop.flowers("ingest", *place, "--data-root", str(home / "direct"))
    assert (output["examples"], output["rejected"]) == (len(photos), 0)
    here = list_spans(str(home / "direct"))[0]
    for there in on_pools(shop, home, tmp_path, monkeypatch):
        assert there.manifest["files"] == here.manifest["files"]
        assert (there.digest, there.manifest["delivery"]) == (here.digest, here.manifest["delivery"])
