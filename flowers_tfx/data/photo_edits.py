"""What reviewers changed in a span: photos that are left out, and corrected labels. The span's files stay as they are; readers apply it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from flowers_tfx import features


@dataclass(frozen=True)
class PhotoEdits:
    """`excluded`: digests of photos that are left out; `labels`: digests to corrected classes."""

    excluded: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.excluded or self.labels)

    @property
    def digest(self) -> str:
        value = [sorted(self.excluded), sorted(self.labels.items())]
        return hashlib.sha256(json.dumps(value, ensure_ascii=False).encode()).hexdigest()

    def apply(self, photos: pd.DataFrame) -> pd.DataFrame:
        """The rows of a span's photos.parquet with these edits."""
        if not self:
            return photos
        kept = photos[~photos[features.DIGEST].isin(self.excluded)].reset_index(drop=True)
        return kept.assign(**{features.LABEL: kept[features.DIGEST].map(self.labels).fillna(kept[features.LABEL])})
