"""What `flowers kubeflow lint` refuses: one damage a case, on a small package that is right."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowers_tfx.cli import main
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.kubeflow.lint import MAX_ARGUMENT_BYTES, lint
from flowers_tfx.orchestration.kubeflow.package import Package, read_package

IMAGE = f"r.example/flowers@sha256:{'0' * 64}"


def small_spec() -> dict[str, Any]:
    """Two steps: the second takes a string and an artifact of the first, and a run parameter."""
    container = {"container": {"image": IMAGE, "command": ["python"], "args": ["{{$}}"]}}
    return {
        "schemaVersion": "2.1.0",
        "pipelineInfo": {"name": "p"},
        "root": {
            "inputDefinitions": {"parameters": {"data_root": {"parameterType": "STRING", "defaultValue": "s3://b/d"}}},
            "dag": {
                "tasks": {
                    "First": {"taskInfo": {"name": "First"}, "componentRef": {"name": "First"}},
                    "Second": {
                        "taskInfo": {"name": "Second"},
                        "componentRef": {"name": "Second"},
                        "dependentTasks": ["First"],
                        "inputs": {
                            "parameters": {
                                "window": {"taskOutputParameter": {"producerTask": "First", "outputParameterKey": "window"}},
                                "data_root": {"componentInputParameter": "data_root"},
                                "code": {"runtimeValue": {"constant": "c"}},
                            },
                            "artifacts": {"data": {"taskOutputArtifact": {"producerTask": "First", "outputArtifactKey": "data"}}},
                        },
                    },
                }
            },
        },
        "components": {
            "First": {
                "executorLabel": "first",
                "outputDefinitions": {
                    "parameters": {"window": {"parameterType": "STRING"}},
                    "artifacts": {"data": {"artifactType": {"schemaTitle": "system.Artifact"}}},
                },
            },
            "Second": {
                "executorLabel": "second",
                "inputDefinitions": {
                    "parameters": {name: {"parameterType": "STRING"} for name in ("window", "data_root", "code")},
                    "artifacts": {"data": {"artifactType": {"schemaTitle": "system.Artifact"}}},
                },
            },
        },
        "deploymentSpec": {"executors": {"first": container, "second": copy.deepcopy(container)}},
    }


def second(spec: dict[str, Any]) -> Any:
    return spec["root"]["dag"]["tasks"]["Second"]


def executors(spec: dict[str, Any]) -> Any:
    return spec["deploymentSpec"]["executors"]


def test_a_good_package_is_clean() -> None:
    assert lint(Package(small_spec())) == []


DAMAGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "resolver": (lambda s: executors(s).update(first={"resolver": {}}), "Resolver"),
    "custom job": (lambda s: executors(s).update(first={"customJob": {}}), "neither a container nor an importer"),
    "infra validator": (
        lambda s: executors(s)["first"]["container"].update(args=["tfx.components.infra_validator.executor.Executor"]),
        "InfraValidator",
    ),
    "schema": (lambda s: s.update(schemaVersion="2.0.0"), "2.1.0"),
    "no name": (lambda s: s.pop("pipelineInfo"), "no name"),
    "no image": (lambda s: executors(s)["first"]["container"].pop("image"), "no image"),
    "long argument": (lambda s: executors(s)["first"]["container"].update(args=["x" * MAX_ARGUMENT_BYTES]), "bytes"),
    "no value": (lambda s: second(s)["inputs"]["parameters"].pop("code"), "code has no value"),
    "empty value": (lambda s: second(s)["inputs"]["parameters"].update(code={"runtimeValue": {}}), "code has no value"),
    "unknown run parameter": (
        lambda s: second(s)["inputs"]["parameters"].update(code={"componentInputParameter": "x"}),
        "run parameter x",
    ),
    "no default": (lambda s: s["root"]["inputDefinitions"]["parameters"]["data_root"].pop("defaultValue"), "no default"),
    "producer of a parameter": (
        lambda s: second(s)["inputs"]["parameters"]["window"]["taskOutputParameter"].update(producerTask="First_task"),
        "First_task, which is not a task",
    ),
    "output parameter": (
        lambda s: second(s)["inputs"]["parameters"]["window"]["taskOutputParameter"].update(outputParameterKey="w"),
        "no output w",
    ),
    "producer of an artifact": (
        lambda s: second(s)["inputs"]["artifacts"]["data"]["taskOutputArtifact"].update(producerTask="Nobody"),
        "Nobody, which is not a task",
    ),
    "input from nowhere": (lambda s: second(s)["inputs"].pop("artifacts"), "has no source"),
    "dependency": (lambda s: second(s).update(dependentTasks=["Nobody"]), "waits for Nobody"),
    "component": (lambda s: s["components"].pop("Second"), "component is not in the package"),
    "executor": (lambda s: executors(s).pop("second"), "executor is not in the package"),
    "no tasks": (lambda s: s["root"]["dag"].update(tasks={}), "no tasks"),
    "wrong type": (lambda s: second(s).update(dependentTasks={"a": 1}), "protos"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_a_backend_would_refuse_is_an_error(name: str) -> None:
    damage, expected = DAMAGES[name]
    spec = small_spec()
    damage(spec)
    found = [problem.message for problem in lint(Package(spec)) if problem.level == "error"]
    assert any(expected in message for message in found), found


@pytest.mark.parametrize(
    "damage",
    [
        lambda s: s.update(deploymentSpec="x"),
        lambda s: s["deploymentSpec"].update(executors=[1]),
        lambda s: executors(s).update(first="container"),
        lambda s: executors(s)["first"]["container"].update(args="x"),
        lambda s: s.update(components=["x"]),
        lambda s: s.update(root={"dag": {"tasks": ["x"]}}),
        lambda s: s.update(pipelineInfo="p"),
    ],
)
def test_what_is_not_a_pipeline_is_an_error_and_not_a_crash(damage: Any) -> None:
    spec = small_spec()
    damage(spec)
    assert lint(Package(spec))[0].level == "error"


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda c: c.update(image="r.example/flowers:latest"), "tag"),
        (lambda c: c.update(env=[{"name": "DB_PASSWORD", "value": "hunter2"}]), "DB_PASSWORD"),
        (lambda c: c.update(env=[{"name": "STORE", "value": "https://me:hunter2@store.example"}]), "STORE"),
        (lambda c: c.update(args=["--s3_secret_access_key=hunter2"]), "--s3_secret_access_key"),
    ],
)
def test_what_is_unwise_is_a_warning_and_no_secret_is_repeated(damage: Any, expected: str) -> None:
    spec = small_spec()
    damage(executors(spec)["first"]["container"])
    (problem,) = lint(Package(spec))
    assert problem.level == "warning"
    assert expected in problem.message
    assert "hunter2" not in problem.message


def test_harmless_names_are_not_secrets() -> None:
    spec = small_spec()
    environment = {"GOOGLE_APPLICATION_CREDENTIALS": "/var/key.json", "AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "TZ": "UTC", "TOKEN": ""}
    executors(spec)["first"]["container"]["env"] = [{"name": name, "value": value} for name, value in environment.items()]
    assert lint(Package(spec)) == []


def test_names_that_kfp_local_mixes_up_are_a_warning() -> None:
    spec = small_spec()
    spec["components"]["WorstSecond"] = spec["components"]["XXXXXSecond"] = copy.deepcopy(spec["components"]["Second"])
    assert [problem.level for problem in lint(Package(spec))] == ["warning"]


def test_a_platform_document_for_a_step_that_there_is_not_is_an_error() -> None:
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"third": {}}}}}}
    assert [problem.where for problem in lint(Package(small_spec(), platform))] == ["third"]


@pytest.mark.parametrize(
    "platforms",
    [
        {"kubernetes": {"deploymentSpec": {"executors": {"first": {"nodeSelektor": {}}}}}},
        {"mainframe": {}},
    ],
)
def test_a_platform_key_to_which_the_server_would_answer_with_500_is_an_error(platforms: dict[str, Any]) -> None:
    assert [problem.level for problem in lint(Package(small_spec(), {"platforms": platforms}))] == ["error"]


def test_retries_are_a_warning_that_names_the_line_to_change() -> None:
    spec = small_spec()
    second(spec)["retryPolicy"] = {"maxRetryCount": 1}
    (problem,) = lint(Package(spec))
    assert problem.level == "warning"
    assert "workflow-controller-configmap" in problem.message
    assert "`retryPolicy: Always`" in problem.message
    assert lint(Package({**spec, "schemaVersion": "2.0.0"}, job={"runtimeConfig": {}})) == []
    second(spec)["retryPolicy"] = {"maxRetryCount": 0}
    assert lint(Package(spec)) == []


@pytest.mark.parametrize("name", ["NAMESPACE", "KFP_POD_NAME", "KFP_POD_UID"])
def test_a_variable_that_the_backend_sets_is_an_error(name: str) -> None:
    spec = small_spec()
    executors(spec)["first"]["container"]["env"] = [{"name": name, "value": "x"}]
    (problem,) = lint(Package(spec))
    assert (problem.level, name in problem.message) == ("error", True)


def test_schema_2_0_is_right_on_vertex() -> None:
    assert lint(Package({**small_spec(), "schemaVersion": "2.0.0"}, job={"runtimeConfig": {}})) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "not contain a compiled pipeline"),
        ("a: [", "neither YAML nor JSON"),
        ("{", "neither YAML nor JSON"),
        ("- 1\n", "not contain a compiled pipeline"),
        ("root: {}\n", "not contain a compiled pipeline"),
        (yaml.safe_dump_all([small_spec(), {"x": 1}]), "platforms"),
    ],
)
def test_a_file_that_is_not_a_package_is_refused(text: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=expected):
        read_package(path)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["kubeflow", *arguments])
    return int(stopped.value.code or 0)


def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    spec = small_spec()
    executors(spec)["first"]["container"]["image"] = "r.example/flowers:latest"
    good.write_text(yaml.safe_dump(spec))
    bad.write_text(yaml.safe_dump({**spec, "schemaVersion": "2.0.0"}))
    assert run("lint", str(good), "--json") == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["errors"], value["warnings"]) == (0, 1)
    assert run("lint", str(bad)) == 2
    assert "2.1.0" in capsys.readouterr().out
    assert run("lint", str(tmp_path / "none.yaml")) == 2
    assert "cannot be read" in capsys.readouterr().err
