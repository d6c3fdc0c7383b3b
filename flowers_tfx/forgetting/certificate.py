"""The certificate of a forgotten photo: what was removed, which models were trained on it, and what could not be reached."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from flowers_tfx.data.forgotten import DONE, IN_PROGRESS, certificate_path
from flowers_tfx.forgetting.rewriting import replace_bytes

Certificate = dict[str, Any]

_NOT_REACHED = (
    (
        "delivered files",
        "The file that was delivered, its copies, and CSVs that list it belong to whoever delivered it.",
        "Delete them. If the photo is delivered again, it is refused.",
    ),
    (
        "weights",
        "The weights of versions that were trained on the photo, and the features of training photos that their detector of unknown things "
        "compares with, cannot be taken apart.",
        "Train again with `flowers run --set training.start=weights`, which uses neither the photo nor weights that saw it; unpin and "
        "remove older versions with `flowers gc --yes`.",
    ),
    (
        "runs on Kubeflow",
        "Artifacts, logs and metadata of runs on Kubeflow lie in stores of their own.",
        "Delete the runs whose window has the spans named here.",
    ),
    (
        "copies",
        "Backups, snapshots and earlier versions of objects in versioned buckets are out of reach.",
        "Let them expire, or delete them.",
    ),
    ("people", "Reports that somebody downloaded or sent are out of reach.", "Ask for their deletion."),
)


def new_certificate(digest: str, uris: list[str]) -> Certificate:
    return {
        "format": 1,
        "photo": digest,
        "uris": uris,
        "state": IN_PROGRESS,
        "requested": _now(),
        "completed": None,
        "spans": [],
        "models": [],
        "removed": [],
        "not_reached": [{"what": what, "why": why, "do": do} for what, why, do in _NOT_REACHED],
    }


def write_certificate(data_root: str, certificate: Mapping[str, Any]) -> None:
    path = certificate_path(data_root, certificate["photo"])
    if isinstance(path, Path):
        path.parent.mkdir(exist_ok=True)
    replace_bytes(path, (json.dumps(certificate, indent=2, ensure_ascii=False) + "\n").encode())


def complete(certificate: Certificate) -> Certificate:
    return {**certificate, "state": DONE, "completed": _now()}


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
