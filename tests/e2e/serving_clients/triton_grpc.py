"""tritonclient.grpc against a running service: python triton_grpc.py HOST:PORT PHOTO... ; prints one row for each encoding and photo."""

import json
import sys
from pathlib import Path

import numpy as np
import tritonclient.grpc as triton

address, *files = sys.argv[1:]
client = triton.InferenceServerClient(address)
assert client.is_server_live()
assert client.is_server_ready()
assert client.is_model_ready("flowers")
assert client.get_server_metadata().name == "flowers_tfx"
version = client.get_model_metadata("flowers").versions[0]
photos = [Path(file).read_bytes() for file in files]
answers = []
for shape in ([len(photos)], [len(photos), 1]):
    tensor = triton.InferInput("image_bytes", shape, "BYTES")
    tensor.set_data_from_numpy(np.array(photos, object).reshape(shape))
    outputs = [triton.InferRequestedOutput(name) for name in ("known", "label", "probabilities")]
    result = client.infer("flowers", [tensor], outputs=outputs, request_id="7", model_version=version)
    assert (result.get_response().id, result.get_response().model_version) == ("7", version)
    values = (result.as_numpy(name).tolist() for name in ("label", "probabilities", "known"))
    answers += [
        {"encoding": f"raw {shape}", "label": label.decode(), "probabilities": p, "known": known}
        for label, p, known in zip(*values, strict=True)
    ]
try:
    client.infer("roses", [tensor])
    raise AssertionError("an unknown model answered")
except triton.InferenceServerException as error:
    assert error.status() == "StatusCode.NOT_FOUND", error
print(json.dumps(answers))
