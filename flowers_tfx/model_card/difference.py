"""What differs between two versions of the registry, from their cards; from their records and training.json where one has no card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowers_tfx.artifact_files import TRAINING_FILE
from flowers_tfx.registry import Entry, read_card, version_path
from flowers_tfx.storage import StoragePath


@dataclass(frozen=True)
class VersionDescription:
    """A version as its card describes it; `card` is None for one that was pushed without. `training`: the content of training.json."""

    entry: Entry
    folder: StoragePath
    card: Mapping[str, Any] | None
    training: Mapping[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        model, training = dict(self.training.get("model", {})), self.training.get("training", {})
        if digest := self.training.get("weights_digest"):
            model["weights_digest"] = digest
        return {f"model.{key}": value for key, value in model.items()} | {f"training.{key}": value for key, value in training.items()}

    @property
    def libraries(self) -> Mapping[str, Any]:
        return (self.card or {}).get("libraries") or {}

    def part(self, name: str) -> Any:
        """A part of the card; None without a card."""
        return self.card.get(name) if self.card else None


def describe_version(registry: str, entry: Entry) -> VersionDescription:
    """Raises OSError if the registry cannot be read."""
    folder = version_path(registry, entry.version)
    return VersionDescription(entry, folder, read_card(folder), _read_training(folder))


def differences(first: VersionDescription, second: VersionDescription) -> dict[str, Any]:
    """Pairs are [first, second]; None stands for what is not recorded."""
    spans = [{span["digest"]: span["span"] for span in one.entry.spans} for one in (first, second)]
    return {
        "versions": [first.entry.version, second.entry.version],
        "without_card": [one.entry.version for one in (first, second) if one.card is None],
        "settings": _changed_settings(first.settings, second.settings),
        "start": [one.training.get("start") for one in (first, second)],
        "data": {
            "spans_added": sorted(number for digest, number in spans[1].items() if digest not in spans[0]),
            "spans_removed": sorted(number for digest, number in spans[0].items() if digest not in spans[1]),
            "photos": [_counts(first), _counts(second)],
        },
        "metrics": _metrics(first, second),
        "calibration_error": [(one.part("calibration") or {}).get("error") for one in (first, second)],
        "refusal": [one.part("refusal") for one in (first, second)],
        "bytes": [(one.part("model") or {}).get("bytes") for one in (first, second)],
        "libraries": _changed(first.libraries, second.libraries),
    }


def _metrics(first: VersionDescription, second: VersionDescription) -> dict[str, Any]:
    """accuracy: {value, interval, photos} of both; recall by class: {value, interval} of both."""
    parts = [one.part("metrics") or {} for one in (first, second)]
    recalls = [
        {one["name"]: {"value": one["recall"], "interval": one["recall_interval"]} for one in part.get("classes", ())} for part in parts
    ]
    names = list(dict.fromkeys([*recalls[0], *recalls[1]]))
    return {
        "accuracy": [part.get("accuracy") for part in parts],
        "recall": {name: [of_version.get(name) for of_version in recalls] for name in names},
    }


def _counts(one: VersionDescription) -> dict[str, int] | None:
    """Photos by class, over all spans."""
    spans = (one.part("data") or {}).get("spans")
    if spans is None:
        return None
    counts: dict[str, int] = {}
    for span in spans:
        for label, number in (span["label_counts"] or {}).items():
            counts[label] = counts.get(label, 0) + number
    return counts


def _changed_settings(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The same weights in another place are not a difference."""
    changed = _changed(first, second)
    digests = [one.get("model.weights_digest") for one in (first, second)]
    if digests[0] and digests[0] == digests[1]:
        changed.pop("model.weights", None)
    return changed


def _changed(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, list[Any]]:
    names = dict.fromkeys([*first, *second])
    return {name: [first.get(name), second.get(name)] for name in names if first.get(name) != second.get(name)}


def _read_training(folder: StoragePath) -> dict[str, Any]:
    """Empty where another program wrote the version."""
    try:
        training = json.loads((folder / TRAINING_FILE).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return training if isinstance(training, dict) else {}
