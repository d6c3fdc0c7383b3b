"""Real steps in processes of their own, started as KFP's launcher starts them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flowers_tfx import registry
from flowers_tfx.artifact_files import LITERT_FILE, PARITY_FILE
from flowers_tfx.config import load_config
from flowers_tfx.orchestration.ingest_job import ingest_delivery
from runners.kubeflow import ENTRYPOINT, compile_package
from tests.conftest import write_photos
from tests.model_cards import DATA, evaluation
from tests.pipeline.launcher import Launcher, Outcome

IMAGE = f"r.example/flowers@sha256:{'a1' * 32}"
PLACES = ["data_root=minio://b/data", "registry=minio://b/registry", "pipeline_root=minio://b/artifacts", "model.weights=none"]
pytestmark = [pytest.mark.slow, pytest.mark.long]  # each step is a process that imports TFX

LABELS = ["labels=daisy,roses,tulips"]
MODEL = {"instanceSchema": "title: tfx.Model\ntype: object\n"}


@pytest.fixture(scope="module")
def spec() -> Any:
    return compile_package(load_config(None, [*PLACES, *LABELS]), "kfp", IMAGE).spec


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("data")
    photos = sorted(write_photos(home / "photos", 30).rglob("*.jpg"))
    (home / "all.csv").write_text("".join(f"{path},{path.parent.name}\n" for path in photos))
    settings = [f"ingest.csv={home / 'all.csv'}", f"data_root={home / 'spans'}", *LABELS]
    ingest_delivery(load_config(None, settings), None, lambda *_: None)
    return home / "spans"


def step_of_ours(executor: str, parameters: dict[str, Any], tmp_path: Path, keep_work: bool = False) -> Outcome:
    """A step that takes a model and gives an artifact of every kind that the cluster's page shows."""
    launcher = Launcher({}, tmp_path / "store", tmp_path / "work")
    model = launcher.store / "minio" / "b" / "model"
    model.mkdir(parents=True, exist_ok=True)
    (model / "weights").write_text("w")
    kinds = {
        "report": "system.HTML",
        "summary": "system.Markdown",
        "metrics": "system.Metrics",
        "classification": "system.ClassificationMetrics",
    }
    outputs = {name: {"artifacts": [{"uri": f"minio://b/run/{name}", "type": {"schemaTitle": kind}}]} for name, kind in kinds.items()}
    outputs["answer"] = {"artifacts": [{"uri": "minio://b/run/answer", "type": {"schemaTitle": "tfx.String"}}]}
    outputs["executor-logs"] = {"artifacts": [{"uri": "minio://b/run/executor-logs"}]}
    metadata = {"pushed": 1.0, "version": "17"}
    message = {
        "inputs": {
            "parameterValues": parameters,
            "artifacts": {"model": {"artifacts": [{"name": "4", "uri": "minio://b/model", "metadata": metadata}]}},
        },
        "outputs": {
            "parameters": {"answer": {"outputFile": str(tmp_path / "work" / "outputs" / "answer")}},
            "artifacts": outputs,
            "outputFile": str(tmp_path / "work" / "kfp_outputs" / "output_metadata.json"),
        },
    }
    inputs_spec = {
        "artifacts": {"model": {"artifactType": MODEL}},
        "parameters": {"how": {"parameterType": "STRING"}, "times": {"parameterType": "NUMBER_INTEGER"}},
    }
    arguments = ["--executor_class_path", f"tests.pipeline.step_executors.{executor}", "--json_serialized_invocation_args", "{{$}}"]
    arguments += ["--json_serialized_inputs_spec_args", json.dumps(inputs_spec), "--direct_num_workers=1"]
    return launcher.launch({"command": ENTRYPOINT, "args": arguments}, message, keep_work)


def test_a_second_attempt_reports_in_the_clusters_own_types_and_a_crash_at_exit_does_not_count(tmp_path: Path) -> None:
    first = step_of_ours("Failing", {}, tmp_path)
    assert (first.code, "ValueError: a bug" in first.log) == (1, True)
    outcome = step_of_ours("Reporting", {"how": "well", "times": 3.0}, tmp_path, keep_work=True)
    assert outcome.code == 0, outcome.log
    assert outcome.parameters == {"answer": "spoken"}
    uris = {name: artifact["uri"] for name, artifact in outcome.artifacts.items()}
    assert uris["report"] == "minio://b/run/report/report.html"
    assert uris["summary"] == "minio://b/run/summary/report.md"
    assert (tmp_path / "store/minio/b/run/report/report.html").read_text() == "page"
    assert (tmp_path / "store/minio/b/run/answer").read_text() == "spoken"
    assert outcome.artifacts["metrics"]["metadata"]["accuracy"] == 0.5
    matrix = {"annotationSpecs": [{"displayName": "daisy"}], "rows": [{"row": [3.0]}]}
    assert outcome.artifacts["classification"]["metadata"]["confusionMatrix"] == matrix


def test_what_select_inputs_says_decides_what_is_cached(spec: Any, data_root: Path, tmp_path: Path) -> None:
    launcher = Launcher(spec, tmp_path / "store", tmp_path / "work", {"data_root": str(data_root), "registry": str(tmp_path / "registry")})
    first = launcher.step("SelectInputs", "1", {})
    assert first.code == 0, first.log
    assert json.loads(first.parameters["window"])[0]["span"] == 1
    assert first.parameters["baseline"] == "none"
    assert (tmp_path / "store/minio/b/artifacts/flowers/1/SelectInputs/window").read_text() == first.parameters["window"]
    baseline = launcher.step("Baseline", "1", {"SelectInputs": first})
    assert baseline.code == 0, baseline.log
    assert (tmp_path / "store/minio/b/artifacts/flowers/1/Baseline/model/none.txt").is_file()
    assert launcher.step("Baseline", "2", {"SelectInputs": first}).state == "cached"
    pushed = Outcome("complete", 0, "", {**first.parameters, "baseline": "another"})
    key = launcher.cache_key({"image": "", "command": [], "args": []}, launcher.message("Baseline", "3", {"SelectInputs": pushed}))
    old = launcher.cache_key({"image": "", "command": [], "args": []}, launcher.message("Baseline", "3", {"SelectInputs": first}))
    assert key != old


def test_periods_travel_from_select_inputs_to_own_nodes_and_to_those_of_tfx(data_root: Path, tmp_path: Path) -> None:
    """The clock is read when the step runs. Executors that know nothing of the property run all the same."""
    spec = compile_package(load_config(None, [*PLACES, *LABELS, "caching.max_staleness=P10000D"]), "kfp", IMAGE).spec
    launcher = Launcher(spec, tmp_path / "store", tmp_path / "work", {"data_root": str(data_root), "registry": str(tmp_path / "registry")})
    outcomes: dict[str, Outcome] = {}
    for name in ("SelectInputs", "ImportSchemaGen", "ImportExampleGen", "StatisticsGen"):
        outcomes[name] = launcher.step(name, "1", outcomes)
        assert outcomes[name].code == 0, outcomes[name].log
    assert outcomes["SelectInputs"].parameters["period_p10000d"] == "2024-10-04T00:00:00Z/P10000D"
    parameters = launcher.message("StatisticsGen", "1", outcomes)["inputs"]["parameterValues"]
    assert parameters["period"] == outcomes["SelectInputs"].parameters["period_p10000d"]


@pytest.mark.parametrize(("blessed", "no_mlmd"), [(1, False), (0, False), (1, True)])
def test_metadata_of_artifacts_reach_the_next_step(spec: Any, blessed: int, no_mlmd: bool, tmp_path: Path) -> None:
    """Pusher reads the verdict from the blessing's metadata, and PublishBaseline the version from the pushed model's."""
    launcher = Launcher(spec, tmp_path / "store", tmp_path / "work", {"registry": str(tmp_path / "registry")})
    model = tmp_path / "store/minio/b/model/Format-Serving"
    model.mkdir(parents=True)
    (model / "saved_model.pb").write_bytes(b"m")
    (model / "assets.extra").mkdir()
    (model / "assets.extra/model.tflite").write_bytes(b"l")
    (tmp_path / "store/minio/b/blessing").mkdir()
    (tmp_path / "store/minio/b/certificate").mkdir()
    (tmp_path / "store/minio/b/certificate/parity.json").write_text("{}")
    (model / "assets.extra/labels.txt").write_text("daisy\nroses\n")
    (tmp_path / "store/minio/b/evaluation").mkdir()
    (tmp_path / "store/minio/b/evaluation/report.json").write_text(json.dumps(evaluation()))
    (tmp_path / "store/minio/b/data").mkdir()
    (tmp_path / "store/minio/b/data/data.json").write_text(json.dumps(DATA))
    window = json.dumps([{"span": 1, "digest": "d"}])

    def identity(artifact_id: str) -> dict[str, str]:
        # Without ML Metadata, two artifacts of one name are in every second message.
        return {"name": "output", "artifactId": artifact_id} if no_mlmd else {"name": artifact_id}

    outcomes = {
        "SelectInputs": Outcome("complete", 0, "", {"window": window}),
        "Trainer": Outcome("complete", 0, "", {}, {"model": {**identity("1"), "uri": "minio://b/model"}}),
        "ParityValidator": Outcome("complete", 0, "", {}, {"certificate": {**identity("3"), "uri": "minio://b/certificate"}}),
        "DataReview": Outcome("complete", 0, "", {}, {"data": {**identity("4"), "uri": "minio://b/data"}}),
        "Evaluator": Outcome(
            "complete",
            0,
            "",
            {},
            {
                "blessing": {**identity("2"), "uri": "minio://b/blessing", "metadata": {"blessed": float(blessed)}},
                "evaluation": {**identity("5"), "uri": "minio://b/evaluation"},
            },
        ),
    }
    outcome = launcher.step("Pusher", "1", outcomes)
    assert outcome.code == 0, outcome.log
    metadata = outcome.artifacts["pushed_model"]["metadata"]
    assert metadata["pushed"] == blessed
    versions = [path.name for path in (tmp_path / "registry").iterdir() if path.name.isdecimal()] if blessed else []
    assert len(versions) == blessed
    assert metadata.get("pushed_version", "") == (versions[0] if blessed else "")
    for version in versions:
        _assert_that_the_digest_covers_what_was_pushed(tmp_path / "registry", int(version))


def _assert_that_the_digest_covers_what_was_pushed(root: Path, version: int) -> None:
    entry = registry.entry(str(root), version)
    assert (registry.damage(str(root), entry), registry.card_damage(str(root), entry)) == ("", "")
    for name, content in ((PARITY_FILE, "{}"), (LITERT_FILE, "l")):
        file = root / str(version) / name
        assert file.read_text() == content
        file.write_text("changed")
        assert "files were changed" in registry.damage(str(root), entry)
        file.write_text(content)
