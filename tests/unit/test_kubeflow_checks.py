"""Settings that a cluster could not work with are refused before TFX is imported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowers_tfx.cli import main
from flowers_tfx.config import load_config
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.kubeflow.addresses import is_bucket, mount_path
from flowers_tfx.orchestration.kubeflow.checks import check_config, check_image

PLACES = {"data_root": "s3://b/data", "registry": "s3://b/registry", "pipeline_root": "s3://b/root", "model.weights": "none"}
DIGEST = "sha256:" + "ab" * 32


def config(scheme: str = "s3://", **changed: str) -> Any:
    settings = {key: value.replace("s3://", scheme) for key, value in PLACES.items()}
    return load_config(
        None, [f"{key}={value}" for key, value in {**settings, **{k.replace("__", "."): v for k, v in changed.items()}}.items()]
    )


@pytest.mark.parametrize("scheme", ["s3://", "gs://", "minio://"])
def test_buckets_are_good(scheme: str) -> None:
    check_config(config(scheme), "kfp")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("data_root", "data"),
        ("registry", "/mnt/registry"),
        ("pipeline_root", "file:///mnt/root"),
        ("pipeline_root", "s3://"),
        ("ingest__csv", "photos/all.csv"),
        ("model__weights", "/weights/v2.h5"),
    ],
)
def test_a_place_that_no_step_can_reach_is_refused(setting: str, value: str) -> None:
    with pytest.raises(InputError, match="cannot reach") as caught:
        check_config(config(**{setting: value}), "kfp")
    assert setting.replace("__", ".") in caught.value.message
    assert "\n" not in caught.value.message


def test_weights_in_the_image_are_within_reach() -> None:
    check_config(config(model__weights="/opt/flowers/weights/v2.h5"), "kfp")


def test_labels_in_a_bucket_would_need_a_network() -> None:
    with pytest.raises(InputError, match=r"ingest\.labels"):
        check_config(config(ingest__csv="s3://b/a.csv", ingest__labels="s3://b/dict.txt"), "kfp")


@pytest.mark.parametrize("setting", ["kubeflow__environment={API_TOKEN: hunter2}", "beam__options=--s3_secret_access_key=hunter2"])
def test_a_secret_by_value_is_refused_and_not_repeated(setting: str) -> None:
    key, _, value = setting.partition("=")
    with pytest.raises(InputError, match="looks like a secret") as caught:
        check_config(config(**{key: value}), "kfp")
    assert "hunter2" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("name", ["NAMESPACE", "KFP_POD_NAME", "KFP_POD_UID"])
@pytest.mark.parametrize(("key", "value"), [("environment", "x"), ("secrets", "secret/key")])
def test_a_variable_that_the_backend_sets_is_refused(name: str, key: str, value: str) -> None:
    with pytest.raises(InputError, match=rf"kubeflow\.{key}: Kubeflow Pipelines sets {name} itself"):
        check_config(config(**{f"kubeflow__{key}": f"{{{name}: {value}}}"}), "kfp")


@pytest.mark.parametrize(
    "setting",
    [
        "kubeflow__secrets={A: b/c}",
        "kubeflow__timeout_s=60",
        "kubeflow__node_selector={a: b}",
        "kubeflow__tolerations=[{key: a}]",
        "kubeflow__steps={Trainer: {node_selector: {a: b}}}",
    ],
)
def test_vertex_has_no_kubernetes_settings(setting: str) -> None:
    key, _, value = setting.partition("=")
    check_config(config("gs://", **{key: value}), "kfp")
    with pytest.raises(InputError, match="Vertex AI has no such setting"):
        check_config(config("gs://", **{key: value}), "vertex")


def test_vertex_wants_gs_and_its_own_names_of_gpus() -> None:
    check_config(config("gs://"), "vertex")
    with pytest.raises(InputError, match="gs:// only"):
        check_config(config("s3://"), "vertex")
    with pytest.raises(InputError, match="not an accelerator"):
        check_config(config("gs://", kubeflow__gpu_count="1"), "vertex")


def test_an_image_is_named_by_its_digest() -> None:
    for image in (f"flowers@{DIGEST}", f"r.example:5000/team/flowers:v1@{DIGEST}"):
        check_image(image)
    for image in ("flowers", "r.example/flowers:latest", "flowers@sha256:abc", f"Flowers With Spaces@{DIGEST}"):
        with pytest.raises(InputError, match="image"):
            check_image(image)


@pytest.mark.parametrize(
    "setting",
    [
        "kubeflow.secrets={A: no-key}",
        "kubeflow.tolerations=[{taint: a}]",
        "kubeflow.namespace=Not_A_Name",
        "kubeflow.steps={Trainer: {gpu: 1}}",
        "kubeflow.cpu=0",
    ],
)
def test_wrong_settings_name_their_key(setting: str) -> None:
    with pytest.raises(InputError, match=setting.partition("=")[0].replace(".", r"\.")):
        load_config(None, [setting])


def test_addresses() -> None:
    assert [mount_path(uri) for uri in ("gs://b/k", "s3://b/k/l", "minio://b/k", "/tmp/x")] == [
        "/gcs/b/k",
        "/s3/b/k/l",
        "/minio/b/k",
        "/tmp/x",
    ]
    assert not is_bucket("s3://")
    assert not is_bucket("/mnt/data")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--image", "flowers:latest", "--out", "p.yaml"], "without its digest"),
        (["--image", f"flowers@{DIGEST}", "--out", "p.yaml"], "cannot reach data"),
        (["--image", f"flowers@{DIGEST}", "--out", "p.json"], ".yaml"),
    ],
)
def test_compile_refuses_with_one_sentence(
    arguments: list[str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["kubeflow", "compile", "--target", "kfp", *arguments])
    assert stopped.value.code == 2
    assert expected in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
