"""The compiled package from start to end, each step in a process of its own that sees its own inputs and nothing else, under a stand-in for
KFP's driver, cache and launcher. It needs no kfp.local, so that it runs on both stacks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowers_tfx import registry
from flowers_tfx.config import load_config
from flowers_tfx.storage import BucketPath
from runners.kubeflow import compile_package
from tests.e2e.minio import minio
from tests.pipeline.launcher import Launcher

IMAGE = f"r.example/flowers@sha256:{'a1' * 32}"

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(3600)]


@pytest.fixture(params=["folders", "buckets"])
def places(request: pytest.FixtureRequest, tmp_path: Path, photos_of: Callable[..., Path]) -> Iterator[dict[str, str]]:
    """The run's parameters: a delivery, a data root and a registry, in folders or in buckets of a real MinIO, as on a cluster."""
    photos = sorted(photos_of(tmp_path / "photos", 40).rglob("*.jpg"))
    if request.param == "folders":
        (tmp_path / "all.csv").write_text("".join(f"{path},{path.parent.name}\n" for path in photos))
        yield {name: str(tmp_path / name) for name in ("data_root", "registry")} | {"csv": str(tmp_path / "all.csv")}
        return
    bucket = BucketPath("s3://flowers")
    with minio(tmp_path, bucket.name):
        for photo in photos:
            (bucket / "photos" / photo.parent.name / photo.name).upload(photo)
        (bucket / "all.csv").write_bytes("".join(f"photos/{path.parent.name}/{path.name},{path.parent.name}\n" for path in photos).encode())
        yield {"data_root": "minio://flowers/data", "registry": str(bucket / "registry"), "csv": str(bucket / "all.csv")}


def test_a_run_publishes_and_an_unchanged_world_is_hits(tmp_path: Path, places: dict[str, str]) -> None:
    settings = [
        "data_root=minio://b/data",
        "registry=minio://b/registry",
        "pipeline_root=minio://b/artifacts",
        "ingest.csv=minio://b/all.csv",
    ]
    settings += ["labels=daisy,roses,tulips", "model.weights=none", "model.image_size=32", "training.fine_tune_epochs=1"]
    package = compile_package(load_config(None, [*settings, "evaluation.min_accuracy=0"]), "kfp", IMAGE)
    # One of the two runs under the messages of a backend without ML Metadata.
    launcher = Launcher(package.spec, tmp_path / "store", tmp_path / "work", places, no_mlmd="://" in places["registry"])

    first = launcher.run("1")
    failed = [f"{name}: {outcome.log[-3000:]}" for name, outcome in first.items() if outcome.state == "failed"]
    assert not failed
    assert len(first) == 16
    (version,) = registry.versions(places["registry"])
    assert registry.baseline_is_whole(places["registry"], version)

    metrics = first["Evaluator"].artifacts["metrics"]["metadata"]
    evaluation = launcher.store / "minio/b/artifacts/flowers/1/Evaluator/evaluation/report.json"
    assert metrics["accuracy"] == json.loads(evaluation.read_text())["accuracy"]
    matrix = first["Evaluator"].artifacts["classification"]["metadata"]["confusionMatrix"]
    assert [spec["displayName"] for spec in matrix["annotationSpecs"]] == ["daisy", "roses", "tulips"]
    for name, key, page in (
        ("DataReview", "report", "report.html"),
        ("DataReview", "summary", "report.md"),
        ("Evaluator", "report", "report.html"),
    ):
        uri = first[name].artifacts[key]["uri"]
        assert uri.endswith(f"/{key}/{page}")
        assert (launcher.store / uri.replace("://", "/")).stat().st_size > 0

    second = launcher.run("2")
    assert {name for name, outcome in second.items() if outcome.state != "cached"} == {"IngestImages", "SelectInputs"}
    assert registry.versions(places["registry"]) == [version]
