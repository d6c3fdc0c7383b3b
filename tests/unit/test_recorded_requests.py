"""What the service records of the requests that come in at each of its doors."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import time
from pathlib import Path

import grpc
import numpy as np
import pytest

from flowers_tfx.config import PipelineConfig
from flowers_tfx.errors import InputError
from flowers_tfx.inference.engines import LiteRtEngine
from flowers_tfx.model.features_network import features_network
from flowers_tfx.monitoring.record_labels import with_feedback
from flowers_tfx.monitoring.records import read_records
from flowers_tfx.serving.client_tag import client_tag
from flowers_tfx.serving.grpc_messages import message_classes
from flowers_tfx.serving.recording import check_record_dir
from tests.conftest import small_photo
from tests.unit.served_app import served_app

PHOTOS = [small_photo(number, hue=number) for number in range(3)]
TEXTS = [base64.b64encode(photo).decode() for photo in PHOTOS]
TENSOR = {"name": "image_bytes", "datatype": "BYTES", "shape": [2], "data": TEXTS[:2]}
JPEG = {"Content-Type": "image/jpeg"}


def test_every_door_records_what_it_answers(small_registry: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = str(tmp_path / "records")
    with served_app(small_registry, grpc_port=port, record_dir=folder) as client:
        one = client.post("/predict", content=PHOTOS[0], headers={**JPEG, "X-Client-Tag": "plain"}).json()
        files = [("photo", ("1.jpg", PHOTOS[0])), ("photo", ("2.jpg", b"nothing")), ("photo", ("3.jpg", PHOTOS[2]))]
        client.post("/predict", files=files, headers={"X-Client-Tag": "form"})
        client.post("/v1/models/flowers:predict", json={"instances": [{"b64": TEXTS[0]}]}, headers={"X-Client-Tag": "rest"})
        examples = {"examples": [{"image_bytes": {"b64": TEXTS[1]}}]}
        client.post("/v1/models/flowers:classify", json=examples, headers={"X-Client-Tag": "classify"})
        oip = client.post("/v2/models/flowers/infer", json={"inputs": [TENSOR]}, headers={"X-Client-Tag": "v2"}).json()
        infer_over_grpc(port)
        assert client.post("/predict", content=b"nothing", headers=JPEG).status_code == 400
        assert client.get("/v2/health/ready").status_code == 200
        wait_for_rows(folder, 8)
        metrics = client.get("/metrics").text
    frame = read_records(folder)
    photos_by_client = {tag: rows.sort_values("photo")["digest"].tolist() for tag, rows in frame.groupby("client")}
    digests = [hashlib.sha256(photo).hexdigest() for photo in PHOTOS]
    assert photos_by_client == {
        "plain": digests[:1],
        "form": [digests[0], digests[2]],
        "rest": digests[:1],
        "classify": digests[1:2],
        "v2": digests[:2],
        "grpc": digests[2:],
    }
    assert frame[frame["client"] == "form"]["photo"].tolist() == [0, 2]  # places in the request
    row = frame[frame["client"] == "plain"].iloc[0]
    assert (row["id"], row["predicted"], row["probability"]) == (one["id"], one["label"], one["probability"])
    assert str(row["version"]) == one["model_version"]
    np.testing.assert_allclose(row["probabilities"], list(one["probabilities"].values()), atol=1e-6)
    assert set(frame[frame["client"] == "v2"]["id"]) == {oip["id"]}
    assert "flowers_recorded_answers_total 8.0" in metrics
    assert frame["measured"].all() and frame["kept"].sum() == 0 and not (tmp_path / "records" / "photos").exists()


def infer_over_grpc(port: int) -> None:
    classes = message_classes()
    tensor = {"name": "image_bytes", "datatype": "BYTES", "shape": [1], "contents": {"bytes_contents": PHOTOS[2:]}}
    request = classes["ModelInferRequest"](model_name="flowers", inputs=[tensor])
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        call(request.SerializeToString(), timeout=120, metadata=(("x-client-tag", "grpc"),))


def wait_for_rows(folder: str, number: int) -> None:
    deadline = time.monotonic() + 120
    while len(frame := read_records(folder)) < number:
        assert time.monotonic() < deadline, frame
        time.sleep(0.05)


def test_feedback_joins_its_record(small_registry: Path, tmp_path: Path) -> None:
    folders = {"record_dir": str(tmp_path / "records"), "feedback_dir": str(tmp_path / "feedback")}
    with served_app(small_registry, **folders) as client:
        answers = [client.post("/predict", content=photo, headers=JPEG).json() for photo in PHOTOS]
        assert client.post("/v1/feedback", json={"id": answers[1]["id"], "label": "tulips"}).status_code == 200
    frame = with_feedback(read_records(folders["record_dir"]), folders["feedback_dir"])
    assert frame.set_index("id")["label"].to_dict() == {answers[0]["id"]: None, answers[1]["id"]: "tulips", answers[2]["id"]: None}


def test_the_embedding_is_what_the_version_computes(small_registry: Path, tmp_path: Path) -> None:
    with served_app(small_registry, record_dir=str(tmp_path)) as client:
        version = client.post("/predict", content=PHOTOS[0], headers=JPEG).json()["model_version"]
    row = read_records(str(tmp_path)).iloc[0]
    engine = LiteRtEngine(small_registry / version, 1_000_000)
    np.testing.assert_array_equal(row["embedding"], engine.run(engine.prepare(PHOTOS[0]))["features"])
    assert row["network"] == f"features of version {version}"


MODEL = {"backbone": "MobileNetV2", "alpha": 0.35, "image_size": 224, "weights": "/weights/file.h5"}
FROZEN = "MobileNetV2-0.35-224-0123456789abcdef-halved"


@pytest.mark.parametrize(
    ("training", "network"),
    [
        ({"chosen_stage": "head", "model": MODEL, "weights_digest": "0123456789abcdef" * 4}, FROZEN),
        ({"chosen_stage": "head", "model": MODEL | {"weights": "imagenet"}, "weights_digest": ""}, "MobileNetV2-0.35-224-imagenet-halved"),
        ({"chosen_stage": "head", "model": MODEL, "weights_digest": "01" * 32, "start": {"version": 3}}, "features of version 7"),
        ({"chosen_stage": "fine_tune", "model": MODEL, "weights_digest": "01" * 32}, "features of version 7"),
        ({}, "features of version 7"),
        ([], "features of version 7"),
    ],
)
def test_features_are_named_by_the_network_that_made_them(tmp_path: Path, training: object, network: str) -> None:
    (tmp_path / "7" / "assets.extra").mkdir(parents=True)
    (tmp_path / "7" / "assets.extra" / "training.json").write_text(json.dumps(training), encoding="utf-8")
    assert features_network(tmp_path / "7") == network


@pytest.mark.parametrize(
    ("value", "tag"),
    [(None, ""), ("", ""), ("shop-1/app:2.0_b", "shop-1/app:2.0_b"), *((text, "invalid") for text in ("x" * 65, "a b", "é", "a\n"))],
)
def test_a_client_tag_is_bounded(value: str | None, tag: str) -> None:
    assert client_tag(value) == tag


def test_a_folder_that_cannot_be_written_to_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    for folder in (str(tmp_path / "file"), "s3://bucket/records"):
        config = PipelineConfig.model_validate({"serving": {"record_dir": folder}})
        with pytest.raises(InputError, match="Answers cannot be recorded in"):
            check_record_dir(config)


def test_photos_are_kept_beside_records_only() -> None:
    with pytest.raises(ValueError, match="keep_photos needs record_dir"):
        PipelineConfig.model_validate({"serving": {"keep_photos": 0.5}})
