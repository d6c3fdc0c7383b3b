"""Labels that contradict the pictures: confident learning (Northcutt, Jiang and Chuang, 2021) on cross-validated predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flowers_tfx import features
from flowers_tfx.errors import InputError

FOLDS = 5
# The embedding of a photo decides, so a class needs photos in every fold to learn from.
FEWEST_OF_A_CLASS = 2 * FOLDS


@dataclass(frozen=True)
class Suspect:
    """`given`: the label, `seen`: the prediction of a classifier that was not trained on this photo, each with its probability, 0 to 1."""

    uri: str
    digest: str
    given: str
    seen: str
    given_probability: float
    seen_probability: float

    def as_json(self) -> dict[str, Any]:
        return {
            "uri": self.uri,
            "digest": self.digest,
            "label": self.given,
            "suggested": self.seen,
            "label_probability": round(self.given_probability, 4),
            "suggested_probability": round(self.seen_probability, 4),
        }


def label_suspects(frame: pd.DataFrame, seed: int = 0) -> list[Suspect]:
    """Photos whose label is probably wrong, the surest first. Classes with fewer than FEWEST_OF_A_CLASS photos are left out.

    Raises InputError without embeddings, or with fewer than two classes.
    """
    if features.EMBEDDING not in frame or frame[features.EMBEDDING].isna().all():
        raise InputError(
            "Label errors are looked for in embeddings, and the table has none.", "Name the backbone's weights with --weights."
        )
    rows = frame[frame[features.EMBEDDING].notna() & (frame[features.LABEL].astype(str) != "")]
    counts = rows[features.LABEL].value_counts()
    rows = rows[rows[features.LABEL].isin(counts[counts >= FEWEST_OF_A_CLASS].index)]
    classes, labels = np.unique(rows[features.LABEL].astype(str).to_numpy(), return_inverse=True)
    if len(classes) < 2:
        raise InputError(
            f"Label errors can be looked for among two classes or more of {FEWEST_OF_A_CLASS} photos each.", "Take more photos together."
        )
    vectors = np.stack([np.asarray(value, np.float32) for value in rows[features.EMBEDDING]])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.003, max_iter=500))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    probabilities = cross_val_predict(model, vectors, labels, cv=folds, method="predict_proba")
    suspect_rows = find_label_issues(labels, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    seen = probabilities.argmax(axis=1)
    uris, digests = rows[features.URI].to_numpy(), rows[features.DIGEST].to_numpy()
    return [
        Suspect(
            str(uris[i]),
            str(digests[i]),
            str(classes[labels[i]]),
            str(classes[seen[i]]),
            float(probabilities[i, labels[i]]),
            float(probabilities[i, seen[i]]),
        )
        for i in suspect_rows
        if seen[i] != labels[i]
    ]
