"""Embeddings in JSON: base64 of little-endian float32."""

from __future__ import annotations

import base64

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]


def write_embedding(vector: Vector) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


def read_embedding(text: str) -> Vector:
    return np.frombuffer(base64.b64decode(text), "<f4").astype(np.float32)
