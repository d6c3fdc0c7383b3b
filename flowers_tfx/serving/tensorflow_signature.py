"""The signature `serving_default` as TensorFlow Serving describes it."""

from __future__ import annotations

from typing import Any

from flowers_tfx.serving.loaded_version import LoadedVersion
from flowers_tfx.serving.model_name import INPUT, MODEL
from flowers_tfx.serving.output_tensors import Output, outputs_of

SIGNATURE = "serving_default"
_TYPES = {"BYTES": "DT_STRING", "FP32": "DT_FLOAT", "BOOL": "DT_BOOL"}


def model_metadata(loaded: LoadedVersion) -> dict[str, Any]:
    """Names of tensors are those of the signature: there is no graph with names of its own."""
    outputs = outputs_of(loaded)
    signature = {
        "inputs": {INPUT: _tensor(INPUT, "DT_STRING", (-1,))},
        "outputs": {output.name: _tensor(output.name, _TYPES[output.datatype], _shape(output, loaded)) for output in outputs},
        "method_name": "tensorflow/serving/predict",
        "defaults": {},
    }
    return {
        "model_spec": {"name": MODEL, "signature_name": "", "version": loaded.version},
        "metadata": {"signature_def": {"signature_def": {SIGNATURE: signature}}},
    }


def _shape(output: Output, loaded: LoadedVersion) -> tuple[int, ...]:
    return (-1, len(loaded.labels)) if output.has_classes else (-1,)


def _tensor(name: str, dtype: str, shape: tuple[int, ...]) -> dict[str, Any]:
    dimensions = [{"size": str(size), "name": ""} for size in shape]
    return {"dtype": dtype, "tensor_shape": {"dim": dimensions, "unknown_rank": False}, "name": f"{name}:0"}
