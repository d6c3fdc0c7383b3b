"""Data root and registry on gs://, against a server that imitates Google Cloud Storage: what its library sends, conditional writes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flowers_tfx import registry, storage
from flowers_tfx.data.decisions import read_decisions
from flowers_tfx.data.spans import list_spans, read_photos
from flowers_tfx.errors import InputError
from flowers_tfx.review import decisions
from flowers_tfx.storage import BucketPath
from flowers_tfx.storage.gcs import Gcs
from flowers_tfx.storage.store import ABSENT, ConditionFailed
from tests.e2e.conftest import Workshop
from tests.e2e.go_programs import go_program
from tests.e2e.prism import free_port, service
from tests.e2e.trigger_process import serve_trigger, small_package, stage
from tests.unit.cloud_events import cloud_storage
from tests.unit.pipelines_server import Cluster, serve_cluster
from tests.unit.test_registry import baseline, saved_model

# The first test may have to build the server.
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(2400)]

MODULE, VERSION = "github.com/fsouza/fake-gcs-server", "v1.56.1"
BUCKET = BucketPath("gs://flowers-test")
DATA, REGISTRY = BUCKET / "data", str(BUCKET / "registry")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gcs]:
    binary, port = go_program(MODULE, VERSION), free_port()
    address = f"http://127.0.0.1:{port}"
    place = ["-host", "127.0.0.1", "-port", str(port), "-public-host", f"127.0.0.1:{port}", "-external-url", address]
    log = tmp_path_factory.mktemp("gcs") / "server.log"
    with (
        service([str(binary), "-backend", "memory", "-scheme", "http", *place], port, log),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("STORAGE_EMULATOR_HOST", address)
        found = Gcs(BUCKET.name)
        found._client.create_bucket(BUCKET.name)
        yield found


def test_the_store_decides_between_writers(store: Gcs) -> None:
    tag = store.write("key", b"one", ABSENT)
    with pytest.raises(ConditionFailed):
        store.write("key", b"two", ABSENT)
    assert store.read("key") == (b"one", tag)
    newer = store.write("key", b"two", tag)
    with pytest.raises(ConditionFailed):
        store.write("key", b"three", tag)
    assert store.read("key") == (b"two", newer)
    store.delete(["key", "another"])
    with pytest.raises(FileNotFoundError):
        store.read("key")
    with pytest.raises(FileNotFoundError):
        (BUCKET / "key").stream().read()


def test_a_span_in_a_bucket_is_the_span_on_a_disk(store: Gcs, workshop: Workshop) -> None:
    workshop.deliver(20)
    place = ("--csv", str(workshop.photos / "all_data.csv"), "--labels", str(workshop.photos / "dict.txt"), "--json")
    output = workshop.flowers("ingest", *place, "--data-root", str(DATA), "--set", "beam.options=--no_auth")
    on_disk = workshop.flowers("ingest", *place, "--data-root", str(workshop.data_root))
    assert (output["span"], output["digest"]) == (1, on_disk["digest"])
    here, there = list_spans(workshop.data_root)[0], list_spans(str(DATA))[0]
    assert there.manifest["files"] == here.manifest["files"]
    assert read_photos(there).equals(read_photos(here))
    assert {path.name for path in DATA.iterdir()} == {"span-1"}
    again = workshop.flowers("ingest", *place, "--data-root", str(DATA), "--set", "beam.options=--no_auth")
    assert (again["span"], again["known"]) == (None, 60)


def test_decisions_lie_in_the_bucket(store: Gcs, workshop: Workshop) -> None:
    decisions.decide(str(DATA), "reject", 1, [], "blurred", "me")
    decisions.decide(str(DATA), "accept", 1, ["finding"], "fine", "me")
    assert [decision.action for decision in read_decisions(str(DATA))] == ["reject", "accept"]


def test_a_version_and_its_baseline(store: Gcs, tmp_path: Path) -> None:
    pushed = registry.publish(saved_model(tmp_path / "model"), REGISTRY, "recipe", (), "id")
    assert registry.versions(REGISTRY) == [pushed.version]
    assert registry.damage(REGISTRY, registry.entry(REGISTRY, pushed.version)) == ""
    digest = registry.publish_baseline(baseline(tmp_path / "baseline", "one"), REGISTRY, pushed.version)
    assert digest == registry.baseline_digest(REGISTRY, pushed.version)
    assert {path.name for path in storage.storage_path(REGISTRY).iterdir()} == {str(pushed.version)}


def test_a_bucket_that_is_not_there(store: Gcs) -> None:
    with pytest.raises(InputError, match="is not there"):
        storage.check_bucket(BucketPath("gs://flowers-none/data"))


def test_events_of_cloud_storage_become_one_run(store: Gcs, tmp_path: Path) -> None:
    """The trigger behind IAM: CloudEvents as Eventarc posts them, the same one several times at once."""
    with serve_cluster(Cluster()) as cluster:
        trigger = {"source": f"{BUCKET}/in", "host": cluster.host, "authentication": "platform"}
        trigger["package"] = str(tmp_path / "staged" / "flowers.yaml")
        staged = stage(tmp_path, {"data_root": f"{BUCKET}/triggered", "watch": {"quiet_s": 2.0}, "trigger": trigger}, small_package())
        names = [f"in/roses/photo {n}.jpg" for n in range(40)]
        events = [cloud_storage(name, int(store.write(name, b"photo")), BUCKET.name, structured=n % 2 == 0) for n, name in enumerate(names)]
        with serve_trigger(staged, {}) as process, ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(process.post, [*events, *events[:10]]))
            assert sum(answer["recorded"] for answer in answers) == 40
            deadline = time.monotonic() + 60
            while not cluster.runs and time.monotonic() < deadline:
                time.sleep(0.5)
                list(pool.map(lambda _: process.cron(), range(3)))
            new = "in/roses/new.jpg"
            store.write(new, b"photo")
            marker = cloud_storage("in/_SUCCESS", int(store.write("in/_SUCCESS", b"")), BUCKET.name)
            deliveries = [delivery for answer in pool.map(process.post, [marker] * 5) for delivery in answer["deliveries"]]
            assert [(delivery["run_id"], delivery["photos"]) for delivery in deliveries] == [("r2", 1)] * 5
    csvs = [BucketPath(run["runtime_config"]["parameters"]["csv"]).read_text().splitlines() for run in cluster.runs]
    assert csvs == [sorted(f"{BUCKET}/{name},roses" for name in names), [f"{BUCKET}/{new},roses"]]
