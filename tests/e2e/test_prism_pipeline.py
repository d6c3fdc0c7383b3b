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

from tests.e2e.conftest import Workshop, states
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
    said = shop.flowers("ingest", "--csv", str(csv), "--config", str(shop.config), "--json")
    assert said["examples"] == 5 * (last - first)


def second_run(shop: Workshop, name: str, *overrides: str) -> Any:
    registry = shop.home / f"registry-{name}"
    shutil.copytree(shop.registry, registry)
    return shop.run(f"registry={registry}", f"pipeline_root={pipeline_root(shop, name)}", *overrides)


def pipeline_root(shop: Workshop, name: str) -> Path:
    return shop.home / f"pipeline-{name}"


def files(shop: Workshop, name: str, node: str, output: str, pattern: str) -> dict[str, bytes]:
    """Of the one artifact that the node made on that engine."""
    (home,) = (pipeline_root(shop, name) / node / output).iterdir()
    found = {str(path.relative_to(home)): path.read_bytes() for path in sorted(home.glob(pattern)) if path.is_file()}
    assert found, f"{node} wrote no {pattern}"
    return found


def records_of(home: Path) -> list[bytes]:
    import tensorflow as tf

    paths = [str(path) for path in sorted(home.glob("*.gz"))]
    return sorted(record.numpy() for record in tf.data.TFRecordDataset(paths, compression_type="GZIP"))


@pytest.mark.parametrize("name", ENGINES)
def test_the_same_states_and_decisions(reports: dict[str, dict[str, Any]], name: str) -> None:
    here, there = reports["direct"], reports[name]
    assert there["status"] == "succeeded"
    assert states(there) == states(here)
    assert set(states(there).values()) == {"complete"}
    assert there["metrics"] == here["metrics"]
    assert there["metrics"]["baseline_accuracy"] is not None
    assert there["blessed"] == here["blessed"]


@pytest.mark.parametrize("name", ENGINES)
def test_the_same_statistics(shop: Workshop, reports: dict[str, dict[str, Any]], name: str) -> None:
    from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList

    here, there = (files(shop, engine, "StatisticsGen", "statistics", "Split-*/FeatureStats.pb") for engine in ("direct", name))
    assert here.keys() == there.keys() and len(here) == 3
    for split in here:
        one, two = (DatasetFeatureStatisticsList.FromString(found[split]) for found in (here, there))
        for (dataset,) in (one.datasets, two.datasets):
            assert dataset.num_examples > 0
            # TFDV lists features in the order in which its workers met them.
            dataset.features.sort(key=lambda feature: list(feature.path.step))
        assert one == two


@pytest.mark.parametrize("name", ENGINES)
def test_the_same_pictures(shop: Workshop, reports: dict[str, dict[str, Any]], name: str) -> None:
    homes = [next((pipeline_root(shop, engine) / "Transform" / "transformed_examples").iterdir()) for engine in ("direct", name)]
    for split in ("train", "eval"):
        here, there = (records_of(home / f"Split-{split}") for home in homes)
        assert len(here) > 0
        assert here == there


@pytest.mark.parametrize("name", ENGINES)
def test_the_same_evaluation(shop: Workshop, reports: dict[str, dict[str, Any]], name: str) -> None:
    here, there = (evaluation(reports[engine]) for engine in ("direct", name))
    assert here["baseline"] is not None
    assert here == there


@pytest.mark.parametrize("name", ENGINES)
def test_the_same_verdict(shop: Workshop, reports: dict[str, dict[str, Any]], name: str) -> None:
    drift = [json.loads(files(shop, engine, "DriftValidator", "review", "reviews.json")["reviews.json"]) for engine in ("direct", name)]
    assert drift[0]["reviews"][0]["review"]["compared_with"]["photos"] == 5 * FIRST
    assert drift[0] == drift[1]
    review = [json.loads((Path(reports[engine]["reports"]["review"]).parent / "review.json").read_text()) for engine in ("direct", name)]
    compared = ("verdict", "findings", "scores", "new", "compared_with")
    assert {key: review[0][key] for key in compared} == {key: review[1][key] for key in compared}


def evaluation(report: dict[str, Any]) -> dict[str, Any]:
    """Everything measured; the run's name and the hour are its own."""
    found = json.loads((Path(report["reports"]["evaluation"]).parent / "report.json").read_text())
    return {key: value for key, value in found.items() if key not in ("run_id", "created")}
