"""The pipeline's heavy nodes on Prism, with workers in this process and in worker pools, on real photos: node by node what Direct makes.

A first run on Direct pushes a model; a second span then comes in, and the same run is done on it once an engine, each with a copy of the
registry and a pipeline root of its own. Data root and pipeline root are folders that everybody shares.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks import node_digests, runners
from tests.e2e.conftest import Workshop, round_floats, states
from tests.e2e.prism import Service, prism, prism_binary, worker_pool

# The first test may have to build Prism, and runs the pipeline three times.
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.long, pytest.mark.photos, pytest.mark.timeout(2400)]

FIRST, SECOND = 24, 12  # photos per class of the two spans
WEIGHTS = "mobilenet_v2_0.35_224_imagenet_no_top.weights.h5"
ENGINES = ("loopback", "pools")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("services") / "log"


@pytest.fixture(scope="module")
def engine(log: Path) -> Iterator[Service]:
    with prism(prism_binary(), log) as found:
        yield found


@pytest.fixture(scope="module")
def shop(shared: Path, engine: Service, workshop: Workshop) -> Workshop:
    """Two spans, the first of which the serving model was trained on."""
    settings = yaml.safe_load(workshop.config.read_text())
    del settings["ingest"]
    settings["model"] = {"backbone": "MobileNetV2", "alpha": 0.35, "image_size": 96, "weights": str(shared / "weights" / WEIGHTS)}
    settings["training"] = {"head_epochs": 5, "batch_size": 16}
    workshop.config.write_text(yaml.safe_dump(settings))
    take_in(workshop, shared, 0, FIRST)
    assert workshop.run()["status"] == "succeeded"
    take_in(workshop, shared, FIRST, FIRST + SECOND)
    return workshop


@pytest.fixture(scope="module")
def reports(shop: Workshop, engine: Service, log: Path) -> dict[str, dict[str, Any]]:
    """The second run's report, by engine."""
    keys = ("beam.engine=portable", f"beam.job_endpoint={engine.endpoint}")
    found = {"direct": second_run(shop, "direct"), "loopback": second_run(shop, "loopback", *keys, "beam.environment=loopback")}
    with worker_pool(log) as pool:
        found["pools"] = second_run(shop, "pools", *keys, "beam.environment=external", f"beam.environment_config={pool.endpoint}")
    return found


def take_in(shop: Workshop, shared: Path, first: int, last: int) -> None:
    photos = [sorted(folder.glob("*.jpg"))[first:last] for folder in sorted((shared / "flower_photos").iterdir()) if folder.is_dir()]
    csv = shop.home / "delivery.csv"
    csv.write_text("".join(f"{path},{path.parent.name}\n" for some in photos for path in some))
    output = shop.flowers("ingest", "--csv", str(csv), "--config", str(shop.config), "--json")
    assert output["examples"] == 5 * (last - first)


def second_run(shop: Workshop, name: str, *overrides: str) -> Any:
    registry = shop.home / f"registry-{name}"
    shutil.copytree(shop.registry, registry)
    return shop.run(f"registry={registry}", f"pipeline_root={pipeline_root(shop, name)}", *overrides)


def pipeline_root(shop: Workshop, name: str) -> Path:
    return shop.home / f"pipeline-{name}"


def outputs(shop: Workshop, name: str, node: str) -> dict[str, Path]:
    return runners.kept(pipeline_root(shop, name) / node)


@pytest.mark.parametrize("name", ENGINES)
def test_the_same_states_and_decisions(reports: dict[str, dict[str, Any]], name: str) -> None:
    here, there = reports["direct"], reports[name]
    assert there["status"] == "succeeded"
    assert states(there) == states(here)
    assert set(states(there).values()) == {"complete"}
    assert round_floats(there["metrics"]) == round_floats(here["metrics"])
    assert there["metrics"]["baseline_accuracy"] is not None
    assert there["blessed"] == here["blessed"]


@pytest.mark.parametrize("name", ENGINES)
def test_every_node_made_the_same(shop: Workshop, reports: dict[str, dict[str, Any]], name: str) -> None:
    """Examples, statistics, transformed pictures, weights, metrics, verdicts: everything but places and times."""
    here, there = (
        {node: node_digests.digests(outputs(shop, engine, node)) for node in states(reports["direct"])} for engine in ("direct", name)
    )
    assert {len(here[node]) > 0 for node in ("ImportExampleGen", "StatisticsGen", "Transform", "Evaluator", "DriftValidator")} == {True}
    assert here == there


@pytest.mark.parametrize("name", ENGINES)
def test_the_statistics_are_of_all_photos(shop: Workshop, reports: dict[str, dict[str, Any]], name: str) -> None:
    from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList

    found = [path.read_bytes() for path in sorted(outputs(shop, name, "StatisticsGen")["statistics"].glob("Split-*/FeatureStats.pb"))]
    parts = [part for data in found for part in DatasetFeatureStatisticsList.FromString(data).datasets]
    assert len(parts) == len(found) == 3
    assert sum(part.num_examples for part in parts) == 5 * (FIRST + SECOND)


@pytest.mark.parametrize("name", ENGINES)
def test_the_same_evaluation(shop: Workshop, reports: dict[str, dict[str, Any]], name: str) -> None:
    here, there = (evaluation(reports[engine]) for engine in ("direct", name))
    assert here["baseline"] is not None
    assert round_floats(here) == round_floats(there)


@pytest.mark.parametrize("name", ENGINES)
def test_the_same_verdict(shop: Workshop, reports: dict[str, dict[str, Any]], name: str) -> None:
    drift = [json.loads((outputs(shop, engine, "DriftValidator")["review"] / "reviews.json").read_text()) for engine in ("direct", name)]
    assert drift[0]["reviews"][0]["review"]["compared_with"]["photos"] == 5 * FIRST
    assert drift[0] == drift[1]
    review = [json.loads((Path(reports[engine]["reports"]["review"]).parent / "review.json").read_text()) for engine in ("direct", name)]
    compared = ("verdict", "findings", "scores", "new", "compared_with")
    assert {key: review[0][key] for key in compared} == {key: review[1][key] for key in compared}


def evaluation(report: dict[str, Any]) -> dict[str, Any]:
    """Everything measured; the run's name and the hour are its own."""
    found = json.loads((Path(report["reports"]["evaluation"]).parent / "report.json").read_text())
    return {key: value for key, value in found.items() if key not in ("run_id", "created")}
