"""The Open Inference Protocol over HTTP, in each of its encodings."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.testclient import TestClient

from flowers_tfx import __version__
from flowers_tfx.inference.answer import Answer
from flowers_tfx.inference.engines import LiteRtEngine
from tests.conftest import small_photo
from tests.unit.served_app import served_app
from tests.unit.small_network import LABELS

PHOTOS = [small_photo(number, hue=number) for number in range(3)]
B64 = [base64.b64encode(photo).decode() for photo in PHOTOS]
MODEL = "/v2/models/flowers"
SIZE = "Inference-Header-Content-Length"
OUTPUTS = {"label": "BYTES", "probability": "FP32", "probabilities": "FP32", "known": "BOOL", "why": "BYTES"}


@pytest.fixture(scope="module")
def client(small_registry: Path) -> Iterator[TestClient]:
    with served_app(small_registry) as running:
        yield running


@pytest.fixture(scope="module")
def version(small_registry: Path) -> str:
    return next(path.name for path in small_registry.iterdir() if path.name.isdecimal())


@pytest.fixture(scope="module")
def expected(client: TestClient) -> dict[str, list[Any]]:
    """By output, from the plain answers."""
    rows = [client.post("/predict", content=photo, headers={"Content-Type": "image/jpeg"}).json() for photo in PHOTOS]
    return {
        "label": [row["label"] for row in rows],
        "probability": [row["probability"] for row in rows],
        "probabilities": [p for row in rows for p in row["probabilities"].values()],
        "known": [row["known"] for row in rows],
        "why": [row["why"] or "" for row in rows],
    }


def tensor(**changes: Any) -> dict[str, Any]:
    return {"name": "image_bytes", "shape": [3], "datatype": "BYTES", "data": B64, **changes}


def infer(client: TestClient, path: str = MODEL, **body: Any) -> httpx.Response:
    return client.post(f"{path}/infer", json={"inputs": [tensor()], **body})


def elements(photos: list[bytes]) -> bytes:
    return b"".join(struct.pack("<I", len(photo)) + photo for photo in photos)


def infer_binary(client: TestClient, content: bytes, size: int | None = None, head: str | None = None, **body: Any) -> httpx.Response:
    value = tensor(parameters={"binary_data_size": len(content) if size is None else size})
    del value["data"]
    json_part = json.dumps({"inputs": [value], **body}).encode()
    return client.post(f"{MODEL}/infer", content=json_part + content, headers={SIZE: str(len(json_part)) if head is None else head})


def binary_outputs(answer: httpx.Response) -> dict[str, tuple[list[int], bytes]]:
    """Shape and bytes of each output, all of them being binary."""
    size = int(answer.headers[SIZE])
    position, outputs = size, {}
    for output in json.loads(answer.content[:size])["outputs"]:
        end = position + output["parameters"]["binary_data_size"]
        outputs[output["name"]] = (output["shape"], answer.content[position:end])
        position = end
    assert position == len(answer.content)
    return outputs


def test_health_server_and_model(client: TestClient, version: str) -> None:
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2").json() == {"name": "flowers_tfx", "version": __version__, "extensions": ["binary_tensor_data"]}
    facts = client.get(MODEL).json()
    assert facts == client.get(f"{MODEL}/versions/{version}").json()
    assert (facts["name"], facts["versions"]) == ("flowers", [version])
    assert facts["inputs"] == [{"name": "image_bytes", "datatype": "BYTES", "shape": [-1]}]
    assert {output["name"]: output["datatype"] for output in facts["outputs"]} == OUTPUTS
    for path in (MODEL, f"{MODEL}/versions/{version}"):
        assert client.get(f"{path}/ready").json() == {"name": "flowers", "ready": True}
    assert client.post("/v2/repository/index").json() == [{"name": "flowers", "version": version, "state": "READY", "reason": ""}]


def test_a_version_that_does_not_answer_is_not_ready(small_registry: Path, version: str) -> None:
    with served_app(small_registry, poll_s=100) as client:
        service = client.app  # the Gate
        assert client.get("/v2/health/ready").status_code == 200
        versions = service._app.state.service.versions  # type: ignore[attr-defined]
        versions.take_out(version, "a test")
        for path in ("/v2/health/ready", f"{MODEL}/ready", f"{MODEL}/versions/{version}/ready"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["ready"]) == (503, False)
        assert client.get("/v2/health/live").status_code == 200
        assert infer(client).status_code == client.get(MODEL).status_code == 503
        (row,) = client.post("/v2/repository/index").json()
        assert (row["state"], row["reason"]) == ("UNAVAILABLE", "a test")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"data": [{"b64": photo} for photo in B64]},
        {"data": [base64.urlsafe_b64encode(photo).decode().rstrip("=") for photo in PHOTOS]},
        {"shape": [3, 1]},
        {"shape": [3, 1], "data": [[photo] for photo in B64]},
        {"parameters": {}},
        {"parameters": None},
    ],
)
def test_json_in_json_out(client: TestClient, version: str, expected: dict[str, list[Any]], changes: dict[str, Any]) -> None:
    body = infer(client, inputs=[tensor(**changes)], id="ü 1", parameters={"priority": 3, "x": "y"}).json()
    assert {name: body[name] for name in ("model_name", "model_version", "id")} == {
        "model_name": "flowers",
        "model_version": version,
        "id": "ü 1",
    }
    assert {output["name"]: output["datatype"] for output in body["outputs"]} == OUTPUTS
    assert {output["name"]: output["data"] for output in body["outputs"]} == expected
    shapes = {output["name"]: output["shape"] for output in body["outputs"]}
    assert shapes == {name: [3, len(LABELS)] if name == "probabilities" else [3] for name in OUTPUTS}


def test_binary_in_binary_out(client: TestClient, expected: dict[str, list[Any]]) -> None:
    answer = infer_binary(client, elements(PHOTOS), parameters={"binary_data_output": True})
    assert answer.headers["content-type"] == "application/octet-stream"
    outputs = {name: content for name, (_, content) in binary_outputs(answer).items()}
    assert outputs == {
        "label": elements([label.encode() for label in expected["label"]]),
        "probability": np.array(expected["probability"], "<f4").tobytes(),
        "probabilities": np.array(expected["probabilities"], "<f4").tobytes(),
        "known": b"\1\1\1",
        "why": elements([b"", b"", b""]),
    }


def test_some_outputs_each_as_it_was_asked_for(client: TestClient, expected: dict[str, list[Any]]) -> None:
    wanted = [{"name": "probability", "parameters": {"binary_data": True}}, {"name": "label"}]
    answer = infer_binary(client, elements(PHOTOS), outputs=wanted)
    size = int(answer.headers[SIZE])
    probability, label = json.loads(answer.content[:size])["outputs"]
    assert answer.content[size:] == np.array(expected["probability"], "<f4").tobytes()
    assert (probability["parameters"], "data" in probability) == ({"binary_data_size": 12}, False)
    assert (label["data"], "parameters" in label) == (expected["label"], False)
    assert SIZE not in infer(client, outputs=[{"name": "label", "parameters": {"binary_data": False}}]).headers


def test_a_model_that_can_tell_answers_with_score_and_reason(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LiteRtEngine, "answer_picture", lambda *_: Answer(np.array([0.5, 0.3, 0.2], np.float32), False, "unsure", 1.5))
    monkeypatch.setattr(LiteRtEngine, "tells_unknown", True)
    data = {output["name"]: output["data"] for output in infer(client).json()["outputs"]}
    assert (data["known"], data["why"], data["score"]) == ([False] * 3, ["unsure"] * 3, [1.5] * 3)
    assert [output["name"] for output in client.get(MODEL).json()["outputs"]] == list(data)


def test_an_answer_has_an_id_of_its_own_without_one(client: TestClient) -> None:
    first, second = (infer(client).json()["id"] for _ in range(2))
    assert len({first, second, ""}) == 3


@pytest.mark.parametrize("path", ["/v2/models/roses", f"{MODEL}/versions/7", f"{MODEL}/versions/x", f"{MODEL}/versions/{'9' * 5000}"])
def test_other_models_and_versions_are_not_found(client: TestClient, path: str) -> None:
    for answer in (client.get(path), client.get(f"{path}/ready"), infer(client, path)):
        assert (answer.status_code, set(answer.json())) == (404, {"error"})


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": []},
        {"inputs": None},
        {"inputs": {}},
        {"inputs": [3]},
        {"inputs": [tensor(), tensor()]},
        {"inputs": [tensor(name="images")]},
        {"inputs": [tensor(name=None)]},
        {"inputs": [tensor(datatype="UINT8")]},
        {"inputs": [tensor(datatype=["BYTES"])]},
        *(
            {"inputs": [tensor(shape=shape)]}
            for shape in ([2], [4], [3, 2], [1, 3], [3, 1, 1], [], 3, "3", [-3], [3.0], [True], [2**64], None)
        ),
        {"inputs": [tensor(shape=[0], data=[])]},
        {"inputs": [tensor(data=B64[0])]},
        {"inputs": [tensor(data=None)]},
        {"inputs": [tensor(data={"0": B64[0]})]},
        {"inputs": [tensor(data=[1, 2, 3])]},
        {"inputs": [tensor(data=[[photo] for photo in B64])]},
        {"inputs": [tensor(data=["!", "!", "!"])]},
        {"inputs": [tensor(parameters={"binary_data_size": 3})]},
        {"inputs": [tensor(parameters=3)]},
        {"id": 3},
        {"parameters": []},
        {"parameters": {"binary_data_output": 1}},
        {"outputs": "label"},
        {"outputs": [{}]},
        {"outputs": [{"name": "labels"}]},
        {"outputs": [{"name": "score"}]},
        {"outputs": [{"name": "label"}, {"name": "label"}]},
        {"outputs": [{"name": "label", "parameters": {"binary_data": "yes"}}]},
        {"outputs": [{"name": "label", "parameters": {"classification": 2}}]},
    ],
)
def test_other_bodies_are_refused_with_one_sentence(client: TestClient, body: dict[str, Any]) -> None:
    answer = infer(client, **body)
    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"error"}
    assert len(answer.json()["error"]) < 250


def test_broken_binary_data_is_refused(client: TestClient) -> None:
    whole = elements(PHOTOS)
    for content in (whole[:-1], whole + b"\0", whole + elements([b"x"]), elements(PHOTOS[:2]), b"\xff" * 12, b"\1", b""):
        assert infer_binary(client, content).status_code == 400, content[:9]
    for size in (0, -1, len(whole) - 1, len(whole) + 1, 1 << 70):
        assert infer_binary(client, whole, size=size).status_code == 400
    for head in ("0", "-1", "x", "1e3", "9" * 30, str(1 << 31)):
        assert infer_binary(client, whole, head=head).status_code == 400
    assert client.post(f"{MODEL}/infer", content=json.dumps({"inputs": [tensor()]}).encode() + b"x").status_code == 400


def test_one_bad_photo_fails_the_request_and_is_named(client: TestClient) -> None:
    answer = infer_binary(client, elements([*PHOTOS[:2], PHOTOS[2][:300]]))
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("Photo 2 cannot be read")
