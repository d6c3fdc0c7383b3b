"""The Open Inference Protocol over gRPC, met by a client whose messages are built like the server's."""

from __future__ import annotations

import base64
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from starlette.testclient import TestClient

from flowers_tfx import __version__
from flowers_tfx.serving.grpc_messages import message_classes
from flowers_tfx.serving.photo_queue import PhotoQueue
from flowers_tfx.serving.requests import busy
from tests.conftest import small_photo
from tests.unit.served_app import served_app
from tests.unit.small_network import LABELS

PHOTOS = [small_photo(number, hue=number) for number in range(3)]
RAW = b"".join(struct.pack("<I", len(photo)) + photo for photo in PHOTOS)
TOKEN = "a-token-of-24-characters"
SERVICE = "inference.GRPCInferenceService"


@dataclass
class Client:
    channel: grpc.Channel
    http: TestClient
    version: str
    token: str = TOKEN

    def __post_init__(self) -> None:
        self.classes = message_classes()

    def send(self, method: str, content: bytes, service: str = SERVICE) -> bytes:
        metadata = (("authorization", f"Bearer {self.token}"),) if self.token else ()
        answer: bytes = self.channel.unary_unary(f"/{service}/{method}")(content, timeout=120, metadata=metadata)
        return answer

    def call(self, method: str, of: str = SERVICE, /, **fields: Any) -> Any:
        kind = "HealthCheck" if method == "Check" else method
        request = self.classes[f"{kind}Request"](**fields)
        return self.classes[f"{kind}Response"].FromString(self.send(method, request.SerializeToString(), of))

    def infer(self, *, raw: bytes | None = None, photos: list[bytes] | None = None, **fields: Any) -> Any:
        values = {"name": "image_bytes", "datatype": "BYTES", "shape": [len(PHOTOS)], **fields.pop("tensor", {})}
        if photos is not None:
            values["contents"] = {"bytes_contents": photos}
        tensors = [values] * fields.pop("tensors", 1)
        raws = [] if raw is None else [raw]
        return self.call("ModelInfer", **{"model_name": "flowers", "inputs": tensors, "raw_input_contents": raws, **fields})


@pytest.fixture(scope="module")
def client(small_registry: Path) -> Iterator[Client]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    version = next(path.name for path in small_registry.iterdir() if path.name.isdecimal())
    with (
        served_app(small_registry, token=TOKEN, grpc_port=port, max_body_mb=1) as http,
        grpc.insecure_channel(f"127.0.0.1:{port}", options=(("grpc.max_send_message_length", -1),)) as channel,
    ):
        http.headers["Authorization"] = f"Bearer {TOKEN}"
        yield Client(channel, http, version)


def refused(client: Client, **request: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as error:
        client.infer(**request)
    return error.value.code(), error.value.details()  # type: ignore[attr-defined]


def test_server_and_model(client: Client) -> None:
    assert client.call("ServerLive").live
    assert client.call("ServerReady").ready
    assert client.call("ModelReady", name="flowers").ready
    assert client.call("ModelReady", name="flowers", version=client.version).ready
    server = client.call("ServerMetadata")
    assert (server.name, server.version) == ("flowers_tfx", __version__)
    model = client.call("ModelMetadata", name="flowers")
    http = client.http.get("/v2/models/flowers").json()
    assert (model.name, list(model.versions), model.platform) == (http["name"], http["versions"], http["platform"])
    for tensors, described in ((model.inputs, http["inputs"]), (model.outputs, http["outputs"])):
        assert [{"name": t.name, "datatype": t.datatype, "shape": list(t.shape)} for t in tensors] == described


def test_health_checking(client: Client) -> None:
    for service in ("", SERVICE):
        assert client.call("Check", "grpc.health.v1.Health", service=service).status == 1
    with pytest.raises(grpc.RpcError) as error:
        client.call("Check", "grpc.health.v1.Health", service="x")
    assert error.value.code() == grpc.StatusCode.NOT_FOUND  # type: ignore[attr-defined]


@pytest.mark.parametrize("shape", [[3], [3, 1]])
def test_both_encodings_say_what_http_says(client: Client, shape: list[int]) -> None:
    body = {"name": "image_bytes", "shape": [3], "datatype": "BYTES", "data": [base64.b64encode(photo).decode() for photo in PHOTOS]}
    http = {output["name"]: output for output in client.http.post("/v2/models/flowers/infer", json={"inputs": [body]}).json()["outputs"]}
    typed = client.infer(photos=PHOTOS, id="7", tensor={"shape": shape})
    assert (typed.model_name, typed.model_version, typed.id) == ("flowers", client.version, "7")
    raw = client.infer(raw=RAW, model_version=client.version, tensor={"shape": shape})
    assert [output.name for output in typed.outputs] == [output.name for output in raw.outputs] == list(http)
    by_name = {output.name: output for output in typed.outputs}
    assert [label.decode() for label in by_name["label"].contents.bytes_contents] == http["label"]["data"]
    assert list(by_name["known"].contents.bool_contents) == http["known"]["data"]
    assert list(by_name["probabilities"].shape) == [3, len(LABELS)]
    np.testing.assert_allclose(by_name["probabilities"].contents.fp32_contents, http["probabilities"]["data"], atol=1e-6)
    place = list(http).index("probabilities")
    np.testing.assert_allclose(np.frombuffer(raw.raw_output_contents[place], "<f4"), http["probabilities"]["data"], atol=1e-6)
    assert not typed.raw_output_contents
    assert not any(output.HasField("contents") for output in raw.outputs)


def test_some_outputs(client: Client) -> None:
    wanted = [{"name": name} for name in ("known", "label")]
    assert [output.name for output in client.infer(photos=PHOTOS, outputs=wanted).outputs] == ["known", "label"]


def test_other_requests_are_refused_with_the_right_code(client: Client) -> None:
    invalid, missing = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
    for code, request in (
        (missing, {"photos": PHOTOS, "model_name": "roses"}),
        (missing, {"photos": PHOTOS, "model_version": "7"}),
        (missing, {"photos": PHOTOS, "model_version": "x"}),
        (invalid, {"photos": PHOTOS[:2]}),
        (invalid, {}),
        (invalid, {"raw": RAW[:-1]}),
        (invalid, {"raw": RAW, "photos": PHOTOS}),
        (invalid, {"photos": PHOTOS, "tensors": 2}),
        (invalid, {"photos": PHOTOS, "tensors": 0}),
        (invalid, {"photos": PHOTOS, "tensor": {"name": "x"}}),
        (invalid, {"photos": PHOTOS, "tensor": {"name": "ü" * 20_000}}),
        (missing, {"photos": PHOTOS, "model_name": "x" * 20_000}),
        (invalid, {"photos": PHOTOS, "tensor": {"datatype": "FP32"}}),
        (invalid, {"photos": PHOTOS, "tensor": {"shape": [-1]}}),
        (invalid, {"photos": PHOTOS, "outputs": [{"name": "x"}]}),
        (invalid, {"photos": [*PHOTOS[:2], b"GIF89a"]}),
    ):
        given, details = refused(client, **request)
        assert given == code, details
        assert details


def test_what_is_no_message_is_an_invalid_argument(client: Client) -> None:
    for content in (b"\xff" * 30, b"\x0a\x02\xff\xfe"):
        with pytest.raises(grpc.RpcError) as error:
            client.send("ModelInfer", content)
        assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT  # type: ignore[attr-defined]


def test_large_messages_are_refused(client: Client) -> None:
    assert refused(client, photos=[b"x" * 1_100_000, *PHOTOS[1:]])[0] == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_token_is_asked_for_except_by_probes(client: Client) -> None:
    for token in ("", "another-token-of-24-characters"):
        stranger = Client(client.channel, client.http, client.version, token)
        assert refused(stranger, photos=PHOTOS)[0] == grpc.StatusCode.UNAUTHENTICATED
        assert stranger.call("ServerLive").live
        assert stranger.call("Check", "grpc.health.v1.Health").status == 1
        with pytest.raises(grpc.RpcError):
            stranger.call("ModelMetadata", name="flowers")


def test_a_full_queue_says_when_to_try_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise busy("256 photos wait already.")

    monkeypatch.setattr(PhotoQueue, "put", refuse)
    with pytest.raises(grpc.RpcError) as error:
        client.infer(photos=PHOTOS)
    assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED  # type: ignore[attr-defined]
    assert ("grpc-retry-pushback-ms", "1000") in error.value.trailing_metadata()  # type: ignore[attr-defined]


def test_requests_are_counted(client: Client) -> None:
    client.call("ServerLive")
    text = client.http.get("/metrics").text
    assert 'flowers_requests_total{code="OK",route="grpc ServerLive"}' in text
