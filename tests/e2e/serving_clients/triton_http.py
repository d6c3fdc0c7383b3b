"""tritonclient.http against a running service: python triton_http.py URL PHOTO... ; prints one row for each encoding and photo."""

import base64
import json
import sys
from pathlib import Path

import numpy as np
import tritonclient.http as triton

url, *files = sys.argv[1:]
client = triton.InferenceServerClient(url.removeprefix("http://"))
assert client.is_server_live()
assert client.is_server_ready()
assert client.is_model_ready("flowers")
assert not client.is_model_ready("roses")
assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
labels_number = next(output["shape"][1] for output in client.get_model_metadata("flowers")["outputs"] if output["name"] == "probabilities")
version = client.get_model_repository_index()[0]["version"]


def infer(photos: list[bytes], binary_in: bool, binary_out: bool, shape: list[int]) -> triton.InferResult:
    elements = photos if binary_in else [base64.b64encode(photo) for photo in photos]
    tensor = triton.InferInput("image_bytes", shape, "BYTES")
    tensor.set_data_from_numpy(np.array(elements, object).reshape(shape), binary_data=binary_in)
    outputs = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in ("label", "probabilities", "known")]
    result = client.infer("flowers", [tensor], outputs=outputs, request_id="7", model_version=version)
    assert result.get_response()["id"] == "7"
    return result


def rows(encoding: str, result: triton.InferResult) -> list[dict[str, object]]:
    values = (result.as_numpy(name).tolist() for name in ("label", "probabilities", "known"))
    return [
        {"encoding": encoding, "label": label.decode() if isinstance(label, bytes) else label, "probabilities": p, "known": known}
        for label, p, known in zip(*values, strict=True)
    ]


photos = [Path(file).read_bytes() for file in files]
shapes = ([len(photos)], [len(photos), 1])
answers = []
for binary_in in (True, False):
    for binary_out in (True, False):
        for shape in shapes:
            answers += rows(f"{binary_in} {binary_out} {shape}", infer(photos, binary_in, binary_out, shape))
assert all(len(row["probabilities"]) == labels_number for row in answers)
tensor = triton.InferInput("image_bytes", [1], "BYTES")
tensor.set_data_from_numpy(np.array(photos[:1], object))
everything = client.infer("flowers", [tensor])
assert everything.as_numpy("why").tolist() == [b""]
assert everything.as_numpy("probability").dtype == np.float32
try:
    client.infer("roses", [tensor])
    raise AssertionError("an unknown model answered")
except triton.InferenceServerException as error:
    assert error.status() == "404", error
print(json.dumps(answers))
