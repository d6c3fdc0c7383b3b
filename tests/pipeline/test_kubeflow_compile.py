"""The compiled package, read with kfp's own protos."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from flowers_tfx.config import load_config
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.kubeflow.lint import lint
from flowers_tfx.orchestration.kubeflow.package import Package, read_package, write_package
from runners.kubeflow import ENTRYPOINT, compile_package

ROOT = Path(__file__).resolve().parents[2]
IMAGE = f"registry.example/flowers@sha256:{'a1' * 32}"
PLACES = ["data_root=minio://b/data", "registry=minio://b/registry", "pipeline_root=minio://b/artifacts", "ingest.csv=minio://b/all.csv"]
PLAIN = [*PLACES, "model.weights=none"]
VERTEX = [setting.replace("minio://", "gs://") for setting in PLAIN]
READERS = {"window": {"ImportExampleGen", "DriftValidator", "DataReview", "Pusher", "PublishBaseline"}}


def compiled(*settings: str, target: Any = "kfp") -> Package:
    return compile_package(load_config(None, settings), target, IMAGE)


def spec_of(package: Package) -> Any:
    return json_format.ParseDict(package.spec, pipeline_spec_pb2.PipelineSpec())


def containers(spec: Any) -> dict[str, Any]:
    deployment = json_format.ParseDict(json_format.MessageToDict(spec.deployment_spec), pipeline_spec_pb2.PipelineDeploymentConfig())
    return {name.removesuffix("_executor"): executor.container for name, executor in deployment.executors.items()}


@pytest.fixture(scope="module")
def package() -> Package:
    return compiled(*PLAIN)


@pytest.fixture(scope="module")
def spec(package: Package) -> Any:
    return spec_of(package)


def test_it_is_a_clean_package_of_schema_2_1(package: Package, spec: Any) -> None:
    assert spec.schema_version == "2.1.0"
    assert spec.default_pipeline_root == "minio://b/artifacts"
    assert len(spec.root.dag.tasks) == 18
    assert set(spec.root.dag.tasks) == set(containers(spec))
    assert [problem.where for problem in lint(package)] == ["retryPolicy"]  # the warning that retries depend on the cluster


def test_every_step_starts_in_our_entrypoint_with_the_image_given(spec: Any) -> None:
    for name, container in containers(spec).items():
        assert list(container.command) == ENTRYPOINT, name
        assert container.image == IMAGE
        assert "{{$}}" in container.args


def test_only_the_nodes_that_look_outside_are_never_cached(spec: Any) -> None:
    uncached = {name for name, task in spec.root.dag.tasks.items() if not task.caching_options.enable_cache}
    assert uncached == {"IngestImages", "SelectInputs"}


def test_what_select_inputs_says_reaches_its_readers_as_strings(spec: Any) -> None:
    """The cache key holds parameter values, and of artifacts the names alone: a new artifact of the same content has a new name."""
    readers: dict[str, set[str]] = {}
    for name, task in spec.root.dag.tasks.items():
        for source in task.inputs.parameters.values():
            if source.WhichOneof("kind") == "task_output_parameter":
                producer = source.task_output_parameter.producer_task
                assert producer == ("DataReview" if name == "DataGate" else "SelectInputs")
                readers.setdefault(source.task_output_parameter.output_parameter_key, set()).add(name)
        assert all(
            source.task_output_artifact.producer_task not in ("SelectInputs", "IngestImages") for source in task.inputs.artifacts.values()
        )
    assert readers == {**READERS, "baseline": {"Baseline", "DriftValidator"}, "decisions": {"DataReview"}, "verdict": {"DataGate"}}
    assert set(spec.components["SelectInputs"].output_definitions.parameters) == {"window", "baseline", "decisions"}


def test_cache_keys_hold_code_and_settings(spec: Any, package: Package) -> None:
    """A change of a setting must change the parameters of the steps it matters to, and of no other."""
    other = spec_of(compiled(*PLAIN, "training.seed=1"))

    def constants(of: Any, name: str) -> Any:
        return {key: str(source.runtime_value) for key, source in of.root.dag.tasks[name].inputs.parameters.items()}

    changed = {name for name in spec.root.dag.tasks if constants(spec, name) != constants(other, name)}
    assert changed == {"SelectInputs", "Trainer", "Pusher"}
    with_code = {name for name in spec.root.dag.tasks if "code" in spec.root.dag.tasks[name].inputs.parameters}
    assert {"ImportExampleGen", "Baseline", "DriftValidator", "DataReview", "ParityValidator", "Evaluator", "Pusher"} <= with_code


def test_run_parameters_keep_what_was_compiled_as_their_default(spec: Any) -> None:
    defaults = {name: value.default_value.string_value for name, value in spec.root.input_definitions.parameters.items()}
    assert defaults == {"data_root": "minio://b/data", "registry": "minio://b/registry", "csv": "minio://b/all.csv", "span_window": "all"}
    taken = {
        (name, key): source.component_input_parameter
        for name, task in spec.root.dag.tasks.items()
        for key, source in task.inputs.parameters.items()
        if source.WhichOneof("kind") == "component_input_parameter"
    }
    assert taken["ImportExampleGen", "input_base"] == "data_root"
    assert {name for (name, _), parameter in taken.items() if parameter == "registry"} == {
        "SelectInputs",
        "Baseline",
        "Pusher",
        "PublishBaseline",
        "Explainer",
    }
    assert not any("minio://" in str(task.inputs) for task in spec.root.dag.tasks.values())


def test_the_delivery_comes_first_and_the_gate_before_transform(spec: Any) -> None:
    tasks = spec.root.dag.tasks
    assert list(tasks["SelectInputs"].dependent_tasks) == ["IngestImages"]
    assert "DataGate" in tasks["Transform"].dependent_tasks
    assert list(tasks["DataGate"].dependent_tasks) == ["DataReview"]
    assert "IngestImages" not in spec_of(compiled(*(s for s in PLAIN if not s.startswith("ingest.")))).root.dag.tasks


def test_the_same_configuration_gives_the_same_bytes(package: Package, tmp_path: Path) -> None:
    assert compiled(*PLAIN).text() == package.text()
    write_package(package, tmp_path / "p.yaml")
    assert read_package(tmp_path / "p.yaml") == package
    job = compiled(*VERTEX, target="vertex")
    assert compiled(*VERTEX, target="vertex").text() == job.text()


def test_nothing_of_this_machine_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWERS_METADATA_PASSWORD", "hunter2-metadata")
    for package in (compiled(*PLAIN, "metadata=mysql://me@host/db"), compiled(*VERTEX, target="vertex")):
        text = package.text()
        named = [str(ROOT), str(Path.home()), os.getcwd(), "hunter2", f"/{getpass.getuser()}/", "site-packages"]
        assert not [word for word in named if len(word) > 2 and word in text]


def test_resources_are_asked_for_per_step_and_the_trainer_alone_gets_gpus() -> None:
    package = compiled(*PLAIN, "kubeflow.cpu=1.5", "kubeflow.gpu_count=2", "kubeflow.steps={Trainer: {cpu: 8, memory_gb: 32}}")
    asked = {name: container.resources for name, container in containers(spec_of(package)).items()}
    assert (asked["Trainer"].cpu_limit, asked["Trainer"].cpu_request, asked["Trainer"].memory_limit) == (8, 8, 32)
    assert (asked["Transform"].cpu_limit, asked["Transform"].memory_request) == (1.5, 8)
    assert {name for name, resources in asked.items() if resources.HasField("accelerator")} == {"Trainer"}
    assert (asked["Trainer"].accelerator.type, asked["Trainer"].accelerator.count) == ("nvidia.com/gpu", 2)


def test_a_search_is_a_step_whose_result_trainer_takes() -> None:
    package = compiled(*PLAIN, "tuning.trials=3", "tuning.search=hyperband", "kubeflow.gpu_count=1")
    spec = spec_of(package)
    tasks = spec.root.dag.tasks
    assert tasks["Trainer"].inputs.artifacts["hyperparameters"].task_output_artifact.producer_task == "Tuner"
    executors = containers(spec)
    assert {name for name, one in executors.items() if one.resources.HasField("accelerator")} == {"Trainer", "Tuner"}


def test_retries_and_environment_are_in_the_spec() -> None:
    spec = spec_of(compiled(*PLAIN, "kubeflow.retries=3", "kubeflow.environment={TZ: UTC}"))
    assert {task.retry_policy.max_retry_count for task in spec.root.dag.tasks.values()} == {3}
    assert [(entry.name, entry.value) for entry in containers(spec)["Trainer"].env] == [("TZ", "UTC")]
    assert not any(task.HasField("retry_policy") for task in spec_of(compiled(*PLAIN, "kubeflow.retries=0")).root.dag.tasks.values())


def test_what_only_kubernetes_knows_is_a_second_document() -> None:
    package = compiled(
        *PLAIN,
        "kubeflow.timeout_s=3600",
        "kubeflow.secrets={AWS_SECRET_ACCESS_KEY: store/key, AWS_ACCESS_KEY_ID: store/id}",
        "kubeflow.steps={Trainer: {node_selector: {pool: gpu}, tolerations: [{key: nvidia.com/gpu, operator: Exists}]}}",
    )
    first, second = yaml.safe_load_all(package.text())
    assert json_format.ParseDict(first, pipeline_spec_pb2.PipelineSpec()) == spec_of(package)
    platform = json_format.ParseDict(second, pipeline_spec_pb2.PlatformSpec())
    executors = json_format.MessageToDict(platform.platforms["kubernetes"].deployment_spec)["executors"]
    assert set(executors) == {f"{name}_executor" for name in spec_of(package).root.dag.tasks}
    trainer = executors["Trainer_executor"]
    assert trainer["nodeSelector"] == {"labels": {"pool": "gpu"}}
    assert trainer["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    assert trainer["activeDeadlineSeconds"] == "3600"
    keys = [{"secretKey": "id", "envVar": "AWS_ACCESS_KEY_ID"}, {"secretKey": "key", "envVar": "AWS_SECRET_ACCESS_KEY"}]
    assert [(entry["secretName"], entry["keyToEnv"]) for entry in trainer["secretAsEnv"]] == [("store", keys)]
    assert "nodeSelector" not in executors["Transform_executor"]
    assert [problem.where for problem in lint(package)] == ["retryPolicy"]  # the warning that retries depend on the cluster


def test_without_such_settings_there_is_one_document(package: Package) -> None:
    assert package.platform == {}
    assert len(list(yaml.safe_load_all(package.text()))) == 1


def test_vertex_gets_a_job_with_its_accelerator() -> None:
    package = compiled(*VERTEX, "kubeflow.gpu_count=1", "kubeflow.gpu_type=NVIDIA_L4", target="vertex")
    job = json_format.ParseDict({**package.job, "pipelineSpec": package.spec}, pipeline_spec_pb2.PipelineJob())
    assert job.runtime_config.gcs_output_directory == "gs://b/artifacts"
    assert containers(spec_of(package))["Trainer"].resources.accelerator.type == "NVIDIA_L4"
    assert lint(package) == []


def test_the_shipped_example_compiles_for_a_cluster() -> None:
    package = compile_package(load_config(ROOT / "configs" / "kubeflow.yaml"), "kfp", IMAGE)
    assert [problem.where for problem in lint(package)] == ["retryPolicy"]  # the warning that retries depend on the cluster
    assert "tolerations" in package.platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["Trainer_executor"]


def test_a_step_that_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match="no step Trainor"):
        compiled(*PLAIN, "kubeflow.steps={Trainor: {cpu: 8}}")


def test_other_labels_go_into_the_package_and_their_file_does_not(tmp_path: Path) -> None:
    (tmp_path / "dict.txt").write_text("daisy\nroses\n")
    text = compiled(*PLAIN, f"ingest.labels={tmp_path / 'dict.txt'}").text()
    assert str(tmp_path) not in text
