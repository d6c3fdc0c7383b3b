"""KServe's clients against a running service: python kserve_all.py URL HOST:PORT PHOTO... ; prints one row for each encoding and photo."""

import asyncio
import base64
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

url, address, *files = sys.argv[1:]
photos = [Path(file).read_bytes() for file in files]


def request(binary: bool, encode: bool = True) -> InferRequest:
    if binary:
        tensor = InferInput("image_bytes", [len(photos)], "BYTES")
        tensor.set_data_from_numpy(np.array(photos, object), binary_data=True)
    else:
        data: list[Any] = [base64.b64encode(photo).decode() for photo in photos] if encode else photos
        tensor = InferInput("image_bytes", [len(photos)], "BYTES", data=data)
    return InferRequest("flowers", [tensor], request_id="7")


def rows(encoding: str, response: Any) -> list[dict[str, Any]]:
    assert response.id == "7"
    values = {output.name: output.as_numpy().tolist() for output in response.outputs}
    columns = (values[name] for name in ("label", "probabilities", "known"))
    return [
        {"encoding": encoding, "label": label.decode() if isinstance(label, bytes) else label, "probabilities": p, "known": known}
        for label, p, known in zip(*columns, strict=True)
    ]


async def main() -> list[dict[str, Any]]:
    answers = []
    rest = InferenceRESTClient(RESTConfig(protocol="v2"))
    assert await rest.is_server_live(url)
    assert await rest.is_server_ready(url)
    assert await rest.is_model_ready(url, "flowers")
    assert not await rest.is_model_ready(url, "roses")
    for binary in (True, False):
        answers += rows(f"rest {binary}", await rest.infer(url, request(binary), model_name="flowers"))
    v1 = InferenceRESTClient(RESTConfig(protocol="v1"))
    instances = [{"b64": base64.b64encode(photo).decode()} for photo in photos]
    body = await v1.infer(url, {"instances": instances}, model_name="flowers")
    answers += [{"encoding": "v1", **{name: row[name] for name in ("label", "probabilities", "known")}} for row in body["predictions"]]
    grpc = InferenceGRPCClient(address)
    assert await grpc.is_server_live()
    assert await grpc.is_server_ready()
    assert await grpc.is_model_ready("flowers")
    for binary in (True, False):
        answers += rows(f"grpc {binary}", await grpc.infer(request(binary, encode=False)))
    return answers


print(json.dumps(asyncio.run(main())))
