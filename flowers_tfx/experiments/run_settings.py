"""The settings of a run by configuration key, as its nodes got them: they stand in the properties of the nodes' executions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flowers_tfx.orchestration.run_records import RunRecord

_SECTIONS = ("model", "training", "unknown", "export")
_DIGEST_CHARACTERS = 12  # enough to tell contents apart
# Of the node IngestImages, which has them under the same names.
_INGEST = ("csv", "split_salt", "shards", "max_pixels")

Parameters = Mapping[str, Any]


def run_settings(record: RunRecord) -> dict[str, Any]:
    """Dotted key to value. A run that ended early has the settings of the nodes that it reached. Besides the configuration's keys:
    `weights_digest`, since a file of the same name may hold other weights, and `code`, the digest of the training code."""
    settings: dict[str, Any] = {}
    for node_id, read in _READERS.items():
        if node := record.nodes.get(node_id):
            settings |= read(node.parameters)
    return settings


def differing_settings(runs: Iterable[Mapping[str, Any]]) -> list[str]:
    """The keys whose values are not the same in all runs. A run that lacks a key, since it ended early, does not make it differ."""
    values: dict[str, set[str]] = {}
    for settings in runs:
        for key, value in settings.items():
            values.setdefault(key, set()).add(setting_text(value))
    return [key for key, texts in values.items() if len(texts) > 1]


def setting_text(value: Any) -> str:
    """A value as it is written after `--set KEY=`."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(setting_text, value)) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def trained_settings(record: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a model was trained with, from Trainer's settings or the training record beside the model."""
    settings = {f"{section}.{key}": value for section in _SECTIONS for key, value in record.get(section, {}).items()}
    if "labels" in record:
        settings["labels"] = record["labels"]
    digests = {key: str(record[key])[:_DIGEST_CHARACTERS] for key in ("weights_digest", "code") if record.get(key)}
    return settings | digests


def _of_ingest(parameters: Parameters) -> dict[str, Any]:
    return {f"ingest.{name}": parameters[name] for name in _INGEST if name in parameters}


def _of_selection(parameters: Parameters) -> dict[str, Any]:
    window = parameters.get("span_window")
    return {} if window is None else {"span_window": int(window) if str(window).isdecimal() else window}


def _of_drift(parameters: Parameters) -> dict[str, Any]:
    policy = {f"review.{key}": value for key, value in _read_json(parameters, "policy").items() if not isinstance(value, dict)}
    # Without the code: that of the embeddings is not that of the training.
    return policy | trained_settings({**_read_json(parameters, "network"), "code": ""})


def _of_trainer(parameters: Parameters) -> dict[str, Any]:
    return trained_settings(_read_json(_read_json(parameters, "custom_config"), "settings"))


def _of_evaluator(parameters: Parameters) -> dict[str, Any]:
    return {f"evaluation.{key}": parameters[key] for key in ("min_accuracy", "max_drop") if key in parameters}


def _of_explainer(parameters: Parameters) -> dict[str, Any]:
    return {f"explain.{key}": parameters[key] for key in ("photos", "method") if key in parameters}


def _read_json(parameters: Parameters, name: str) -> dict[str, Any]:
    text = parameters.get(name)
    value = json.loads(text) if isinstance(text, str) and text else {}
    return value if isinstance(value, dict) else {}


# In the order in which keys are shown. DriftValidator knows the network of a run that its review blocked.
_READERS: Mapping[str, Callable[[Parameters], dict[str, Any]]] = {
    "DriftValidator": _of_drift,
    "Trainer": _of_trainer,
    "Evaluator": _of_evaluator,
    "Explainer": _of_explainer,
    "SelectInputs": _of_selection,
    "IngestImages": _of_ingest,
}
