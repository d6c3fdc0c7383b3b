"""The photos of one side as typed, aligned arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flowers_tfx.validation.review import Example

Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Photos:
    """Every array has one entry per photo. Missing numbers are NaN, missing words None; `embeddings` are [N, F] or None."""

    uris: Words
    digests: Words
    labels: Words
    phashes: Words
    numbers: Mapping[str, Floats]
    words: Mapping[str, Words]
    embeddings: npt.NDArray[np.float32] | None

    def __len__(self) -> int:
        return len(self.uris)

    def rows(self, chosen: npt.NDArray[Any]) -> Photos:
        return Photos(
            self.uris[chosen],
            self.digests[chosen],
            self.labels[chosen],
            self.phashes[chosen],
            {name: values[chosen] for name, values in self.numbers.items()},
            {name: values[chosen] for name, values in self.words.items()},
            None if self.embeddings is None else self.embeddings[chosen],
        )

    def examples(self, rows: Iterable[int], feature: str = "") -> tuple[Example, ...]:
        return tuple(Example(self.uris[i] or "", self.digests[i] or "", self.labels[i] or "", self._value(i, feature)) for i in rows)

    def _value(self, row: int, feature: str) -> float | str | None:
        if feature in self.numbers:
            value = float(self.numbers[feature][row])
            return value if np.isfinite(value) else None
        return self.words[feature][row] if feature in self.words else None

    @property
    def digest(self) -> str:
        """sha256 over every value, independent of the order of the rows."""
        lines = []
        names = [*sorted(self.numbers), *sorted(self.words)]
        columns = [self.numbers[name].tolist() if name in self.numbers else self.words[name].tolist() for name in names]
        for row, (uri, digest, label, phash) in enumerate(zip(self.uris, self.digests, self.labels, self.phashes, strict=True)):
            embedding = b"" if self.embeddings is None else self.embeddings[row].tobytes()
            values = repr((uri, digest, label, phash, [column[row] for column in columns])).encode()
            lines.append(hashlib.sha256(values + embedding).digest())
        return hashlib.sha256(repr(names).encode() + b"".join(sorted(lines))).hexdigest()
