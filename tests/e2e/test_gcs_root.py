"""A run whose data root, registry and pipeline root are all in gs://, TensorFlow, Beam and our own code each with its own client, against a
server that imitates Google Cloud Storage: what a run on folders makes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import node_digests, runners
from flowers_tfx import registry, storage
from flowers_tfx.storage import BucketPath
from flowers_tfx.storage.gcs import Gcs
from flowers_tfx.storage.lease import hold_lease
from tests.e2e.conftest import Workshop, states
from tests.e2e.go_programs import go_program
from tests.e2e.googleapis import start_proxy
from tests.e2e.prism import free_port, service
from tests.e2e.test_gcs import MODULE, VERSION
from tests.e2e.test_review import deliver

# The first test may have to build the server.
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(2400)]

BUCKET = BucketPath("gs://flowers-root")
ROOT, REGISTRY = BUCKET / "pipeline", BUCKET / "registry"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gcs]:
    binary, port = go_program(MODULE, VERSION), free_port()
    address = f"http://127.0.0.1:{port}"
    place = ["-host", "127.0.0.1", "-port", str(port), "-public-host", "storage.googleapis.com", "-external-url", address]
    home = tmp_path_factory.mktemp("gcs")
    with (
        service([str(binary), "-backend", "memory", "-scheme", "http", *place], port, home / "server.log"),
        start_proxy(port, home) as environment,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in environment.items():
            patch.setenv(name, value)
        found = Gcs(BUCKET.name)
        found._client.create_bucket(BUCKET.name)
        yield found


EXPLAINED = "explain.photos=1"


def settings(workshop: Workshop, root: BucketPath = ROOT) -> list[str]:
    metadata = workshop.home / "state" / "metadata.sqlite"
    return [
        *(f"data_root={BUCKET / 'data'}", f"registry={REGISTRY}", f"pipeline_root={root}", f"metadata={metadata}"),
        EXPLAINED,
        "beam.options=--no_auth",  # Beam's client looks for credentials even where an emulator needs none
    ]


@pytest.fixture(scope="module")
def first(store: Gcs, workshop: Workshop) -> Any:
    workshop.deliver(40)
    return workshop.run(*settings(workshop))


def test_a_run_in_a_bucket_makes_what_a_run_on_folders_makes(first: Any, workshop: Workshop, tmp_path: Path) -> None:
    here = workshop.run(EXPLAINED)
    assert first["status"] == here["status"] == "succeeded"
    assert states(first) == states(here)
    assert first["blessed"] == here["blessed"]
    storage.fetch(ROOT, tmp_path)
    for node in states(here):
        there, local = (node_digests.digests(runners.kept(root / node)) for root in (tmp_path, workshop.home / "pipeline"))
        assert there == local, node
        assert there or node in ("PublishBaseline", "DataGate"), (
            f"nothing of {node} was compared"
        )  # a version, which is left out; no outputs
    (version,) = registry.versions(str(REGISTRY))
    assert first["pushed_model"] == f"{REGISTRY}/{version}"
    page = registry.explanations_page(registry.version_path(str(REGISTRY), version))
    assert page is not None
    assert page.read_text() == storage.storage_path(first["reports"]["explanations"]).read_text()


def test_reports_and_reviews_lie_in_the_bucket(first: Any, workshop: Workshop) -> None:
    for name in ("evaluation", "review", "explanations"):
        assert first["reports"][name].startswith(f"{ROOT}/")
        assert "<html" in storage.storage_path(first["reports"][name]).read_text()
    words = [word for setting in settings(workshop) for word in ("--set", setting)]
    output = workshop.flowers("review", "--config", str(workshop.config), *words, "--json")
    assert output["run_id"] == first["run_id"]
    assert output["report"].startswith(f"{ROOT}/reviews/")
    assert sorted(path.name for path in (workshop.home / "state").iterdir()) == ["logs", "metadata.sqlite"]


def test_with_nothing_new_everything_is_a_hit(first: Any, workshop: Workshop) -> None:
    again = workshop.run(*settings(workshop))
    assert again["status"] == "succeeded"
    assert set(states(again).values()) == {"cached"}


def test_a_second_run_at_the_same_time_is_refused(first: Any, store: Gcs, workshop: Workshop) -> None:
    with hold_lease(store, (ROOT / ".lock").key, str(ROOT)):
        refused = workshop.run(*settings(workshop), code=2)
    assert "Another run is at work" in refused["error"]


def test_an_output_of_which_a_file_is_gone_is_made_again(store: Gcs, workshop: Workshop) -> None:
    """Beside the other tests, with records of its own: the first nodes are enough."""
    root, records = BUCKET / "part", f"metadata={workshop.home / 'part.sqlite'}"
    workshop.deliver(40)

    def ran() -> set[str]:
        report = workshop.run(*settings(workshop, root), records, options=("--to", "ExampleValidator"))
        return {node for node, state in states(report).items() if state == "complete"}

    assert "StatisticsGen" in ran()
    statistics = root / "StatisticsGen" / "statistics"
    names = [name for name in statistics.file_sizes() if "Split-eval" in name]
    assert names
    assert ran() == set()
    store.delete(f"{statistics.key}/{name}" for name in names)
    assert ran() == {"StatisticsGen", "ExampleValidator"}


def test_a_bucket_that_is_not_there(store: Gcs, workshop: Workshop) -> None:
    refused = workshop.run(*settings(workshop, BucketPath("gs://flowers-none/pipeline")), code=2)
    assert "gs://flowers-none is not there" in refused["error"]


def test_a_blocked_run_leaves_its_page_in_the_bucket(first: Any, workshop: Workshop) -> None:
    deliver(workshop, 600, light=0.4)
    blocked = workshop.run(*settings(workshop), code=3)
    assert blocked["status"] == "blocked"
    assert blocked["reports"]["review"].startswith(f"{ROOT}/reviews/2-")
    assert "Blocked" in storage.storage_path(blocked["reports"]["review"]).read_text()
    assert blocked["reports"]["review"] in blocked["hint"]
