"""The cache matrix on a cluster: what the keys of the compiled package hold. SelectInputs looks for real, other steps are only counted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from flowers_tfx.components import select_inputs
from flowers_tfx.components.executor import read_parameters
from flowers_tfx.components.select_inputs import SelectInputsParameters
from flowers_tfx.config import load_config
from flowers_tfx.errors import InputError
from runners.kubeflow import compile_package
from tests.edited_program import edit_copy
from tests.pipeline.launcher import Launcher, Outcome
from tests.unit.test_selection import span

IMAGE = f"registry.example/flowers@sha256:{'a1' * 32}"
PLACES = ["data_root=minio://b/data", "registry=minio://b/registry", "pipeline_root=minio://b/artifacts"]
SETTINGS = [*PLACES, "model.weights=none", "labels=daisy,roses"]
ALWAYS = {"SelectInputs"}
NOW = datetime(2026, 11, 28, 12, tzinfo=timezone.utc)
# Baseline and the curated schema do not come from the photos.
FROM_PHOTOS = {
    *("ImportExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator", "DriftValidator", "DataReview", "DataGate", "Transform"),
    *("Trainer", "ParityValidator", "Evaluator", "Pusher", "PublishBaseline", "Explainer"),
}


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self, _: Any = None) -> datetime:
        return self.now


class CountingLauncher(Launcher):
    """Runs no step: each new artifact has a new name, which is what keys hold of artifacts."""

    def launch(self, container: Mapping[str, Any], message: Mapping[str, Any], keep_work: bool = False) -> Outcome:
        values: dict[str, Any] = dict.fromkeys(message["outputs"]["parameters"], "pass")
        if "window" in values:
            values = select_inputs.observe_outputs(read_parameters(SelectInputsParameters, message["inputs"]["parameterValues"]))
        artifacts = {}
        for key in message["outputs"]["artifacts"]:
            self.artifact_ids += 1
            artifacts[key] = {"name": str(self.artifact_ids), "uri": f"minio://b/{self.artifact_ids}"}
        return Outcome("complete", 0, "", values, artifacts)


class Cluster:
    """Runs of packages that share one cache."""

    def __init__(self, home: Path) -> None:
        span(home / "data", 1)
        places = {"data_root": str(home / "data"), "registry": str(home / "registry")}
        self.data_root = home / "data"
        self._launcher = CountingLauncher({}, home / "store", home / "work", places)
        self._runs = 0

    def run(self, *settings: str) -> set[str]:
        """Compiles and runs; the steps that ran."""
        spec = compile_package(load_config(None, [*SETTINGS, *settings]), "kfp", IMAGE).spec
        self._launcher = replace(self._launcher, spec=spec)
        self._runs += 1
        outcomes = self._launcher.run(str(self._runs))
        return {name for name, outcome in outcomes.items() if outcome.state == "complete"}


@pytest.fixture()
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(select_inputs, "datetime", type("At", (), {"now": clock}))
    return clock


@pytest.fixture()
def cluster(tmp_path: Path, clock: Clock) -> Cluster:
    return Cluster(tmp_path)


def test_touched_files_are_hits_and_new_photos_a_miss(cluster: Cluster) -> None:
    everything = FROM_PHOTOS | {"SelectInputs", "ImportSchemaGen", "Baseline"}
    assert cluster.run() == everything
    for path in cluster.data_root.rglob("*"):
        os.utime(path)
    assert cluster.run() == ALWAYS
    span(cluster.data_root, 2)
    assert cluster.run() == ALWAYS | FROM_PHOTOS


def test_changed_bytes_under_an_old_name_are_a_miss(cluster: Cluster) -> None:
    cluster.run()
    manifest = cluster.data_root / "span-1" / "manifest.json"
    before = manifest.stat()
    manifest.write_text(manifest.read_text().replace("digest-1", "digest-9"))
    os.utime(manifest, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert manifest.stat().st_size == before.st_size
    assert cluster.run() == ALWAYS | FROM_PHOTOS


def test_a_setting_is_a_miss_from_the_step_that_reads_it(cluster: Cluster) -> None:
    cluster.run()
    assert cluster.run("evaluation.max_drop=0.5") == ALWAYS | {"Evaluator", "Pusher", "PublishBaseline", "Explainer"}


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("flowers_tfx/components/explainer.py", {"Explainer"}),
        ("flowers_tfx/reports/templates/card.html.j2", {"Pusher", "PublishBaseline", "Explainer"}),
    ],
)
def test_code_and_templates_are_a_miss_of_the_step_that_has_them(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, steps: set[str]
) -> None:
    cluster.run()
    edit_copy(monkeypatch, tmp_path / "copy", name)
    assert cluster.run() == ALWAYS | steps


def test_results_expire_at_the_end_of_the_period_and_nothing_of_it_is_compiled_in(cluster: Cluster, clock: Clock) -> None:
    weekly = ("caching.max_staleness=P7D", "caching.nodes={Trainer: P30D, Baseline: P10000D}")
    package = compile_package(load_config(None, [*SETTINGS, *weekly]), "kfp", IMAGE).text()
    cluster.run(*weekly)
    clock.now = datetime(2026, 12, 2, 23, 59, tzinfo=timezone.utc)
    assert cluster.run(*weekly) == ALWAYS
    clock.now = datetime(2026, 12, 3, 0, 0, tzinfo=timezone.utc)  # Thursdays, as 1970-01-01 was one
    assert cluster.run(*weekly) == ALWAYS | FROM_PHOTOS | {"ImportSchemaGen"}
    assert compile_package(load_config(None, [*SETTINGS, *weekly]), "kfp", IMAGE).text() == package
    assert "2026-" not in package


def test_a_node_that_expires_later_than_those_after_it_stays_a_hit(cluster: Cluster, clock: Clock) -> None:
    settings = ("caching.nodes={Explainer: P7D, Trainer: P10000D}",)
    cluster.run(*settings)
    clock.now += timedelta(days=7)
    assert cluster.run(*settings) == ALWAYS | {"Explainer"}


def test_zero_is_never_a_hit(cluster: Cluster) -> None:
    settings = ("caching.nodes={Evaluator: P0D}",)
    cluster.run(*settings)
    assert cluster.run(*settings) == ALWAYS | {"Evaluator", "Pusher", "PublishBaseline", "Explainer"}
    assert cluster.run("caching.max_staleness=P0D") == cluster.run("caching.max_staleness=P0D") >= {"ImportSchemaGen", "Baseline"}


def test_settings_of_unknown_nodes_and_of_nodes_that_always_look_are_refused() -> None:
    with pytest.raises(InputError, match=r"caching\.nodes: the pipeline has no node Trainr") as refused:
        compile_package(load_config(None, [*SETTINGS, "caching.nodes={Trainr: P7D}"]), "kfp", IMAGE)
    assert "Trainer" in refused.value.hint
    with pytest.raises(InputError, match="SelectInputs reads its sources in every run"):
        compile_package(load_config(None, [*SETTINGS, "caching.nodes={SelectInputs: P7D}"]), "kfp", IMAGE)
