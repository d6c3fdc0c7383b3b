"""The classes that people gave to recorded photos with `POST /v1/feedback`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from flowers_tfx import features
from flowers_tfx.class_names import class_name
from flowers_tfx.monitoring.record_columns import ID, PHOTO

FEEDBACK_LOG = "feedback.jsonl"  # in the folder serving.feedback_dir: a line for each correction, with the id of the answer
CORRECTED = "corrected"


def with_feedback(records: pd.DataFrame, feedback_dir: str) -> pd.DataFrame:
    """The records with `label`, the class that somebody gave to the photo, and `corrected`: whether somebody did. The last word counts; a
    corrected photo without a label shows none of the classes.

    Who corrects an answer has mostly seen that it is wrong: these photos are no fair sample of all.
    """
    labels = _labels(Path(feedback_dir) / FEEDBACK_LOG) if feedback_dir else {}
    keys = [answer if photo == 0 else "" for answer, photo in zip(records[ID], records[PHOTO], strict=True)]
    labelled = records.copy(deep=False)
    labelled[features.LABEL] = pd.Series([labels.get(key) for key in keys], index=records.index, dtype=object)
    labelled[CORRECTED] = [key in labels for key in keys]
    return labelled


def _labels(log: Path) -> dict[str, str | None]:
    """By the id of the answer. Feedback is given to requests of one photo."""
    try:
        lines = log.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}  # nobody has corrected anything yet
    labels: dict[str, str | None] = {}
    for line in lines:
        try:
            entry: Any = json.loads(line)
            labels[str(entry["id"])] = None if entry["label"] is None else class_name(str(entry["label"]))
        except (ValueError, KeyError, TypeError):
            continue  # a line that a full disk cut short
    return labels
