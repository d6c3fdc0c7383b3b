"""TensorFlow Serving's REST: the shapes of its answers and errors."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from flowers_tfx.inference.answer import Answer
from flowers_tfx.inference.engines import LiteRtEngine
from tests.conftest import small_photo
from tests.unit.served_app import served_app
from tests.unit.small_network import LABELS

PHOTOS = [small_photo(number, hue=number) for number in range(3)]
B64 = [base64.b64encode(photo).decode() for photo in PHOTOS]
MODEL = "/v1/models/flowers"


@pytest.fixture(scope="module")
def client(small_registry: Path) -> Iterator[TestClient]:
    with served_app(small_registry, max_body_mb=2, queue=8) as running:
        yield running


@pytest.fixture(scope="module")
def version(small_registry: Path) -> str:
    return next(path.name for path in small_registry.iterdir() if path.name.isdecimal())


def plain(client: TestClient, photo: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = client.post("/predict", content=photo, headers={"Content-Type": "image/jpeg"}).json()
    return answer


def test_states_of_versions(client: TestClient, version: str) -> None:
    states = {"model_version_status": [{"version": version, "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}]}
    assert client.get(MODEL).json() == client.get(f"{MODEL}/versions/{version}").json() == states


@pytest.mark.parametrize(
    "instances",
    [[{"image_bytes": {"b64": photo}} for photo in B64], [{"image_bytes": photo} for photo in B64], [{"b64": photo} for photo in B64], B64],
)
def test_rows_and_columns_say_the_same_as_the_plain_answer(client: TestClient, version: str, instances: list[Any]) -> None:
    rows = client.post(f"{MODEL}:predict", json={"instances": instances}).json()
    assert set(rows) == {"predictions", "model_version"}
    assert rows["model_version"] == version
    expected = [plain(client, photo) for photo in PHOTOS]
    names = ("label", "probability", "known")
    wanted = [
        {**{name: row[name] for name in names}, "why": row["why"] or "", "probabilities": list(row["probabilities"].values())}
        for row in expected
    ]
    assert rows["predictions"] == wanted
    inputs = [instance["image_bytes"] if isinstance(instance, dict) and "image_bytes" in instance else instance for instance in instances]
    for columns in (inputs, {"image_bytes": inputs}):
        body = {"signature_name": "serving_default", "inputs": columns}
        outputs = client.post(f"{MODEL}/versions/{version}:predict", json=body).json()["outputs"]
        assert outputs == {name: [row[name] for row in wanted] for name in wanted[0]}


def test_a_model_that_can_tell_answers_with_its_score(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Answer(np.array([0.5, 0.3, 0.2], np.float32), False, "far", 1.5)
    monkeypatch.setattr(LiteRtEngine, "answer_picture", lambda *_: answer)
    monkeypatch.setattr(LiteRtEngine, "tells_unknown", True)
    (row,) = client.post(f"{MODEL}:predict", json={"instances": B64[:1]}).json()["predictions"]
    assert row == {"label": LABELS[0], "probability": 0.5, "probabilities": [0.5, 0.3, 0.2], "known": False, "why": "far", "score": 1.5}
    signature = client.get(f"{MODEL}/metadata").json()["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert set(signature["outputs"]) == set(row)


@pytest.mark.parametrize("feature", ["image_bytes", "image", "image/encoded"])
def test_classes_of_examples_come_most_probable_first(client: TestClient, feature: str) -> None:
    examples = [{feature: {"b64": B64[0]}, "caption": "x"}, {feature: [{"b64": B64[1]}]}]
    results = client.post(f"{MODEL}:classify", json={"examples": examples, "context": {}}).json()["results"]
    for photo, pairs in zip(PHOTOS, results, strict=False):
        probabilities = plain(client, photo)["probabilities"]
        assert pairs == sorted(([name, p] for name, p in probabilities.items()), key=lambda pair: -pair[1])
    assert len(results) == 2


def test_metadata_is_that_of_the_saved_model_as_tensorflow_serving_prints_it(
    client: TestClient, small_registry: Path, version: str
) -> None:
    pytest.importorskip("tensorflow")
    from google.protobuf import json_format
    from tensorflow.core.protobuf import saved_model_pb2
    from tensorflow_serving.apis import get_model_metadata_pb2

    metadata = client.get(f"{MODEL}/metadata").json()
    assert metadata == client.get(f"{MODEL}/versions/{version}/metadata").json()
    assert metadata["model_spec"] == {"name": "flowers", "signature_name": "", "version": version}
    signatures = metadata["metadata"]["signature_def"]
    parsed = json_format.ParseDict(signatures, get_model_metadata_pb2.SignatureDefMap(), ignore_unknown_fields=True)
    ours = parsed.signature_def["serving_default"]
    saved = saved_model_pb2.SavedModel.FromString((small_registry / version / "saved_model.pb").read_bytes())
    expected = saved.meta_graphs[0].signature_def["serving_default"]
    assert ours.method_name == expected.method_name
    assert set(ours.inputs) == set(expected.inputs)
    for name, tensor in (*expected.inputs.items(), *expected.outputs.items()):
        mine = ours.inputs[name] if name in ours.inputs else ours.outputs[name]
        assert (mine.dtype, mine.tensor_shape) == (tensor.dtype, tensor.tensor_shape)


def test_other_models_and_versions_are_not_found_in_tensorflow_servings_words(client: TestClient) -> None:
    body = {"instances": B64[:1]}
    expected = {
        "Could not find any versions of model roses": client.get("/v1/models/roses"),
        "Could not find version 7 of model flowers": client.get(f"{MODEL}/versions/7"),
        "Could not find version x of model flowers": client.get(f"{MODEL}/versions/x"),
        "Servable not found for request: Latest(roses)": client.post("/v1/models/roses:predict", json=body),
        "Servable not found for request: Specific(flowers, 7)": client.post(f"{MODEL}/versions/7:predict", json=body),
        "Servable not found for request: Specific(flowers, ٣)": client.get(f"{MODEL}/versions/٣/metadata"),
        f"Servable not found for request: Specific(flowers, {'9' * 400})": client.get(f"{MODEL}/versions/{'9' * 400}/metadata"),
    }
    for error, answer in expected.items():
        assert (answer.status_code, answer.json()) == (404, {"error": error})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"instances": B64, "inputs": B64},
        {"instances": []},
        {"instances": B64[0]},
        {"instances": {"b64": B64[0]}},
        {"instances": None},
        {"instances": [3]},
        {"instances": [None]},
        {"instances": [[B64[0]]]},
        {"instances": [{"image": B64[0]}]},
        {"instances": [{}]},
        {"instances": [{"image_bytes": B64[0], "size": 3}]},
        {"instances": [{"image_bytes": {"b64": "!"}}]},
        {"instances": ["hello world"]},
        {"inputs": []},
        {"inputs": {"b64": B64[0]}},
        {"inputs": {"image_bytes": B64[0]}},
        {"inputs": {"image_bytes": B64, "x": 1}},
        {"inputs": {}},
        {"instances": B64, "signature_name": "serving_examples"},
        {"instances": B64, "signature_name": 3},
    ],
)
def test_other_bodies_are_refused_with_one_sentence(client: TestClient, body: Any) -> None:
    answer = client.post(f"{MODEL}:predict", json=body)
    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"error"}
    assert len(answer.json()["error"]) < 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"examples": []},
        {"examples": {}},
        {"examples": [B64[0]]},
        {"examples": [{}]},
        {"examples": [{"image": []}]},
        {"examples": [{"image": B64[0], "image_bytes": B64[0]}]},
        {"examples": [{"image": B64[0]}], "context": 3},
    ],
)
def test_other_examples_are_refused(client: TestClient, body: Any) -> None:
    assert client.post(f"{MODEL}:classify", json=body).status_code == 400


def test_one_bad_photo_fails_the_request_and_is_named(client: TestClient) -> None:
    answer = client.post(f"{MODEL}:predict", json={"instances": [B64[0], base64.b64encode(b"GIF89a").decode()]})
    assert answer.status_code in (400, 415)
    assert answer.json()["error"].startswith("Photo 1 ")


def test_limits(client: TestClient) -> None:
    assert client.post(f"{MODEL}:predict", json={"instances": B64 * 3}).status_code == 413
    assert client.post(f"{MODEL}:predict", content=b" " * 2_000_001).status_code == 413
    packed = client.post(f"{MODEL}:predict", content=b"x", headers={"Content-Encoding": "gzip"})
    assert (packed.status_code, set(packed.json())) == (415, {"error"})
    large = client.post(f"{MODEL}:predict", content=b'{"instances": ["' + B64[0].encode() + b'"]}' + b" " * 1_500_000)
    assert large.status_code == 200
