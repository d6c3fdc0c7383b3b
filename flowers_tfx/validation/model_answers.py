"""What a model answered to photos, as a table: asked anew by a review, or recorded when it served."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from flowers_tfx.features import DIGEST, LABEL
from flowers_tfx.validation.tables.columns import word_column_of

PREDICTED, PROBABILITY, KNOWN, SCORE = "predicted", "probability", "known", "score"
COLUMNS = (DIGEST, PREDICTED, PROBABILITY, KNOWN)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ModelAnswers:
    """`rows`: one per photo, with the columns digest, predicted (the name of the most probable class), probability (of that class, 0 to 1),
    known (False: the photo shows none of the classes, as far as the model can tell) and, from a model that can tell, score (more than 1
    where it is not known). `labels`: the classes of the model. `version`: its name, empty if it has none.

    Raises ValueError if a column is missing or a digest is repeated."""

    rows: pd.DataFrame
    labels: tuple[str, ...]
    version: str = ""

    def __post_init__(self) -> None:
        missing = [name for name in COLUMNS if name not in self.rows]
        if missing:
            raise ValueError(f"the answers lack {', '.join(missing)}")
        if self.rows[DIGEST].duplicated().any():
            raise ValueError("the answers repeat a digest")

    def __len__(self) -> int:
        return len(self.rows)

    def for_photos(self, photos: pd.DataFrame) -> pd.DataFrame:
        """The answers to these photos, in their order and with their index; all values of a photo without an answer are missing."""
        answers = self.rows.set_index(DIGEST).reindex(photos[DIGEST])
        return answers.set_index(photos.index)

    def correct(self, photos: pd.DataFrame) -> Floats:
        """[photos]: 1 where the answer is the photo's label, 0 where it is another class, also where the model does not know the label;
        NaN for a photo without an answer or without a label."""
        predicted = self.for_photos(photos)[PREDICTED]
        label = pd.Series(word_column_of(photos, LABEL), index=photos.index)
        countable = predicted.notna() & label.notna()
        return np.where(countable, predicted == label, np.nan).astype(np.float64)

    def accuracy(self, photos: pd.DataFrame) -> float | None:
        """Of the photos that have an answer and a label; None if there are none."""
        correct = self.correct(photos)
        return float(np.nanmean(correct)) if np.isfinite(correct).any() else None
