"""Class names, spelled one way.

Unicode has two spellings of a letter such as ö, one of which macOS uses in folder names: they look the same and differ as strings. Every
class name that comes in (from a folder, a CSV, a labels file, a configuration, a schema, a table, an older span or model) passes through
here. Names and paths of files are not class names: they stay as they are on disk.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flowers_tfx.features import LABEL

if TYPE_CHECKING:
    import pandas as pd


def class_name(text: str) -> str:
    """The name in NFC, without blanks at its ends."""
    return unicodedata.normalize("NFC", text).strip()


def class_names(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(class_name, texts))


def with_class_names(photos: pd.DataFrame) -> pd.DataFrame:
    """The table with its column `label`, if it has one, spelled this way; values that are not strings do not change."""
    if LABEL not in photos:
        return photos
    labels = photos[LABEL].tolist()
    spelled = [class_name(label) if isinstance(label, str) else label for label in labels]
    same = all(new == old for new, old in zip(spelled, labels, strict=True) if isinstance(new, str))
    # The column keeps its type if nothing changes.
    return photos if same else photos.assign(**{LABEL: spelled})
