"""Samples that depend on the photos alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt


def sample_rows(digests: Iterable[object], uris: Iterable[object], most: int, seed: int) -> npt.NDArray[np.int64]:
    """Row numbers of at most `most` photos. A hash of each photo decides, so neither the order nor the size of the table matters."""
    keys = [hashlib.sha256(f"{seed}\0{digest}\0{uri}".encode()).digest() for digest, uri in zip(digests, uris, strict=True)]
    order = sorted(range(len(keys)), key=lambda row: (keys[row], row))
    return np.array(order[:most], np.int64)
