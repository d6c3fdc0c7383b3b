"""Messages as the backends send them, and what becomes of them; no TFX. Real steps: tests/pipeline/test_kubeflow_entrypoint.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.kubeflow import addresses
from flowers_tfx.orchestration.kubeflow.executor_input import clear_outputs, require_outputs, title_of, translate_input, translate_output

MODEL = {"instanceSchema": "title: tfx.Model\ntype: object\n"}
SPEC = {"artifacts": {"model": {"artifactType": MODEL}}, "parameters": {"code": {"parameterType": "STRING"}}}


def message(**changed: Any) -> dict[str, Any]:
    """As KFP's driver writes it: the input has no type, and there is an output that nobody asked for."""
    return {
        "inputs": {
            "parameterValues": {"code": "c"},
            "artifacts": {"model": {"artifacts": [{"name": "17", "uri": "minio://b/k/model", "metadata": {"blessed": 1.0}}]}},
        },
        "outputs": {
            "artifacts": {
                "window": {"artifacts": [{"uri": "minio://b/k/window", "type": {"schemaTitle": "tfx.String"}}]},
                "report": {"artifacts": [{"uri": "s3://b/k/report", "type": {"schemaTitle": "system.HTML", "schemaVersion": "0.0.1"}}]},
                "data": {"artifacts": [{"uri": "gs://b/k/data", "type": {"instanceSchema": "title: flowers.PhotoSample\ntype: object\n"}}]},
                "executor-logs": {"artifacts": [{"uri": "minio://b/k/executor-logs"}]},
            },
            "outputFile": "/tmp/kfp_outputs/output_metadata.json",
        },
        **changed,
    }


@pytest.fixture()
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for scheme, folder in addresses.MOUNTS.items():
        monkeypatch.setitem(addresses.MOUNTS, scheme, f"{tmp_path}{folder}")
    return tmp_path


def only(side: dict[str, Any], key: str) -> Any:
    (artifact,) = side["artifacts"][key]["artifacts"]
    return artifact


def test_an_empty_type_is_filled_from_what_was_compiled() -> None:
    work = translate_input(message(), SPEC)
    assert only(work.message["inputs"], "model")["type"] == MODEL


@pytest.mark.parametrize("recorded", [{}, {"schemaTitle": "system.Artifact"}, {"schemaTitle": "tfx.Model"}])
def test_what_was_compiled_goes_before_what_the_backend_recorded(recorded: dict[str, Any]) -> None:
    driver_message = message()
    only(driver_message["inputs"], "model")["type"] = recorded
    assert only(translate_input(driver_message, SPEC).message["inputs"], "model")["type"] == MODEL


def test_without_any_type_the_message_is_refused() -> None:
    with pytest.raises(InputError, match="model has no type"):
        translate_input(message(), {})


def test_logs_are_none_of_our_outputs() -> None:
    work = translate_input(message(), SPEC)
    assert set(work.message["outputs"]["artifacts"]) == set(work.outputs) == {"window", "report", "data"}


def test_buckets_are_named_by_their_mounts() -> None:
    work = translate_input(message(), SPEC)
    assert only(work.message["inputs"], "model")["uri"] == "/minio/b/k/model"
    assert [only(work.message["outputs"], key)["uri"] for key in ("window", "report", "data")] == [
        "/minio/b/k/window",
        "/s3/b/k/report",
        "/gcs/b/k/data",
    ]


def test_names_and_metadata_stay_and_a_missing_name_is_made() -> None:
    driver_message = message()
    assert only(translate_input(driver_message, SPEC).message["inputs"], "model")["name"] == "17"
    assert only(translate_input(driver_message, SPEC).message["inputs"], "model")["metadata"] == {"blessed": 1.0}
    del only(driver_message["inputs"], "model")["name"]
    assert only(translate_input(driver_message, SPEC).message["inputs"], "model")["name"] == "minio://b/k/model"


@pytest.mark.parametrize("key", ["artifactId", "artifact_id"])
def test_inputs_of_one_name_are_distinguished(key: str) -> None:
    """A backend without ML Metadata names an artifact by the key of its output, which several components have."""
    driver_message = message()
    own, other = ({"name": "schema", "uri": f"s3://b/k/{number}/schema", key: f"id-{number}"} for number in (1, 2))
    driver_message["inputs"]["artifacts"] = {"schema": {"artifacts": [own]}, "curated": {"artifacts": [other]}}
    spec = {"artifacts": {name: {"artifactType": MODEL} for name in ("schema", "curated")}}
    inputs = translate_input(driver_message, spec).message["inputs"]
    assert [only(inputs, name)["name"] for name in ("schema", "curated")] == ["id-1", "id-2"]
    assert key not in only(inputs, "schema")  # TFX's parser does not know it
    for artifact in (own, other):
        del artifact[key]
    inputs = translate_input(driver_message, spec).message["inputs"]
    assert [only(inputs, name)["name"] for name in ("schema", "curated")] == ["s3://b/k/1/schema", "s3://b/k/2/schema"]


def test_one_artifact_for_two_inputs_keeps_its_name() -> None:
    driver_message = message()
    driver_message["inputs"]["artifacts"]["base"] = driver_message["inputs"]["artifacts"]["model"]
    spec = {"artifacts": {name: {"artifactType": MODEL} for name in ("model", "base")}}
    assert only(translate_input(driver_message, spec).message["inputs"], "base")["name"] == "17"


def test_the_message_of_the_backend_is_left_alone() -> None:
    driver_message = message()
    before = json.dumps(driver_message)
    translate_input(driver_message, SPEC)
    assert json.dumps(driver_message) == before


def test_vertex_keeps_its_answer_in_a_bucket() -> None:
    driver_message = message()
    driver_message["outputs"]["outputFile"] = "gs://b/k/executor_output.json"
    assert translate_input(driver_message, SPEC).output_file == Path("/gcs/b/k/executor_output.json")


def test_a_step_without_inputs_and_outputs() -> None:
    assert translate_input({"outputs": {"outputFile": "/tmp/o.json"}}, {}).outputs == {}
    with pytest.raises(InputError, match="no output file"):
        translate_input({}, {})


def test_values_are_files_and_the_rest_are_folders(mounts: Path) -> None:
    driver_message = message()
    driver_message["outputs"]["outputFile"] = str(mounts / "kfp_outputs" / "o.json")
    clear_outputs(translate_input(driver_message, SPEC))
    assert not (mounts / "minio/b/k/window").exists()
    assert (mounts / "minio/b/k").is_dir()
    assert (mounts / "s3/b/k/report").is_dir()
    assert (mounts / "gcs/b/k/data").is_dir()
    assert not (mounts / "minio/b/k/executor-logs").exists()


def test_what_a_failed_attempt_left_behind_is_removed(mounts: Path) -> None:
    driver_message = message()
    driver_message["outputs"]["outputFile"] = str(mounts / "o.json")
    work = translate_input(driver_message, SPEC)
    clear_outputs(work)
    (mounts / "gcs/b/k/data/half").write_text("half")
    (mounts / "minio/b/k/window").write_text("half")
    (mounts / "o.json").write_text('{"parameterValues": {"code": "stale"}}')
    clear_outputs(work)
    assert not list((mounts / "gcs/b/k/data").iterdir())
    assert not (mounts / "minio/b/k/window").exists()
    assert not (mounts / "o.json").exists()


def test_the_answer_has_the_backends_addresses_and_pages_are_files() -> None:
    work = translate_input(message(), SPEC)
    artifacts = {key: {"artifacts": [{"uri": "/local", "metadata": {"n": 1.0, "nothing": None}}]} for key in work.outputs}
    answer = translate_output({"artifacts": artifacts, "parameterValues": {"window": "w"}}, work)
    assert [only(answer, key)["uri"] for key in ("report", "data")] == ["s3://b/k/report/report.html", "gs://b/k/data"]
    # kfp.local keeps one output of a name, and would keep the artifact.
    assert answer["parameterValues"] == {"window": "w"}
    assert "window" not in answer["artifacts"]
    # The launcher of KFP refuses a metadata value that is null.
    assert only(answer, "data")["metadata"] == {"n": 1.0}


def test_metrics_are_numbers() -> None:
    """TFX adds its version as a string to every output; a backend without ML Metadata refuses it there, and only there."""
    driver_message = message()
    driver_message["outputs"]["artifacts"]["metrics"] = {"artifacts": [{"uri": "s3://b/k/m", "type": {"schemaTitle": "system.Metrics"}}]}
    metadata = {"accuracy": 0.5, "examples": 3, "tfx_version": "1.16.0", "flag": True}
    artifacts = {key: {"artifacts": [{"uri": "/local", "metadata": metadata}]} for key in ("metrics", "data")}
    answer = translate_output({"artifacts": artifacts}, translate_input(driver_message, SPEC))
    assert only(answer, "metrics")["metadata"] == {"accuracy": 0.5, "examples": 3}
    assert only(answer, "data")["metadata"] == metadata


def test_every_declared_output_exists_after_a_step(mounts: Path) -> None:
    driver_message = message()
    driver_message["outputs"]["outputFile"] = str(mounts / "o.json")
    work = translate_input(driver_message, SPEC)
    clear_outputs(work)
    (mounts / "gcs/b/k/data").rmdir()
    with pytest.raises(InputError, match="did not write its output window"):
        require_outputs(work)
    (mounts / "minio/b/k/window").write_text("w")
    require_outputs(work)
    assert (mounts / "gcs/b/k/data").is_dir()


def test_titles() -> None:
    assert title_of(MODEL) == "tfx.Model"
    assert title_of({"schemaTitle": "system.HTML"}) == "system.HTML"
    assert title_of({}) == title_of({"instanceSchema": ""}) == ""


@pytest.mark.parametrize(
    ("folder", "run_id"),
    [
        ("minio://b/artifacts/flowers/0d3c3f0e-1b7a-4d6e-9a52-6f6f1c1b2a3d/DataReview", "0d3c3f0e-1b7a-4d6e-9a52-6f6f1c1b2a3d"),
        ("gs://b/artifacts/1234567890/flowers-20261125003252/DataReview_-42", "flowers-20261125003252"),
        ("/home/flowers-2026-11-25-00-32-52-600713/eview", "flowers-2026-11-25-00-32-52-600713"),
        ("minio://b/artifacts/flowers/DataReview", ""),
    ],
)
def test_the_run_is_named_by_the_outputs(folder: str, run_id: str) -> None:
    driver_message = message()
    only(driver_message["outputs"], "report")["uri"] = f"{folder}/report"
    assert translate_input(driver_message, SPEC).run_id == run_id


STEP = """
import atexit, os, sys
from pathlib import Path
from flowers_tfx.errors import Blocked, InputError
from flowers_tfx.orchestration.kubeflow import entrypoint

def execute(arguments, beam_arguments):
    print("working")
    atexit.register(os.abort)
    how, home = arguments.executor_class_path, Path(sys.argv[-1])
    if how == "input":
        raise InputError("The photos are gone.", "Bring them back.")
    if how == "blocked":
        raise Blocked("The data review stopped the run.", "report.html", ["flowers review"], "# What the review says")
    if how == "exit":
        raise SystemExit(7)
    if how == "bug":
        raise ValueError("a bug")
    (home / "o.json").write_text('{"parameterValues": {"a": "b"}}')

entrypoint._execute = execute
entrypoint.main()
"""


@pytest.mark.parametrize(
    ("how", "code", "expected"),
    [
        ("well", 0, ""),
        ("input", 2, "step failed: The photos are gone."),
        ("blocked", 3, "# What the review says"),
        ("exit", 7, ""),
        ("bug", 1, "step failed: ValueError: a bug"),
    ],
)
def test_the_exit_code_is_that_of_the_step_even_if_something_crashes_at_exit(how: str, code: int, expected: str, tmp_path: Path) -> None:
    json_message = json.dumps({"outputs": {"outputFile": str(tmp_path / "o.json")}})
    arguments = [
        "--executor_class_path",
        how,
        "--json_serialized_invocation_args",
        json_message,
        "--json_serialized_inputs_spec_args",
        "{}",
    ]
    command = [sys.executable, "-c", STEP, *arguments, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert (done.returncode, done.stdout) == (code, "working\n"), done.stderr
    assert expected in done.stderr
    assert (tmp_path / "o.json").exists() is (code == 0)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--json_serialized_invocation_args", "{", "--json_serialized_inputs_spec_args", "{}"],
        ["--json_serialized_invocation_args", "[]", "--json_serialized_inputs_spec_args", "{}"],
        ["--json_serialized_invocation_args", "{}", "--json_serialized_inputs_spec_args", "{}"],
        [],
    ],
)
def test_a_message_that_cannot_be_understood_ends_with_2_before_anything_heavy(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "flowers_tfx.orchestration.kubeflow.entrypoint", "--executor_class_path", "a.B", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
