"""The content of card.json, after Model Cards (Mitchell et al., 2019) and Hugging Face's card metadata. Every value comes from an artifact;
what was not recorded is None."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from flowers_tfx.model_card.licences import backbone_licence
from flowers_tfx.model_card.limits import limits
from flowers_tfx.registry import EXPLANATIONS_LINK, Entry
from flowers_tfx.wilson import wilson_interval

FORMAT = 1
TASK = "image-classification"
NAME = "flowers"


@dataclass(frozen=True)
class CardSources:
    """What the nodes of the run recorded: `training`: training.json; `parity`: parity.json; `refusal`: unknown.json, None without one;
    `evaluation`: report.json; `data`: data.json; `sizes`: bytes of the model's files by kind; `explained`: whether
    a page that explains the model is put beside it later."""

    entry: Entry
    labels: tuple[str, ...]
    training: Mapping[str, Any]
    parity: Mapping[str, Any]
    refusal: Mapping[str, Any] | None
    evaluation: Mapping[str, Any]
    data: Mapping[str, Any]
    sizes: Mapping[str, int | None]
    explained: bool = False


def make_card(sources: CardSources) -> dict[str, Any]:
    evaluation = sources.evaluation
    return {
        "format": FORMAT,
        "metadata": _metadata(sources),
        "model": _model(sources),
        "intended_use": _intended_use(sources.labels),
        "data": dict(sources.data),
        "training": _training(sources.training),
        "metrics": _metrics(evaluation),
        "calibration": {
            "error": evaluation["calibration_error"],
            "overconfidence": evaluation["overconfidence"],
            "reliability": evaluation["calibration"],
        },
        "comparison": _comparison(evaluation),
        "refusal": sources.refusal,
        "limits": limits(evaluation, sources.refusal),
        "parity": dict(sources.parity) or None,
        "explanations": EXPLANATIONS_LINK if sources.explained else None,
        "lineage": _lineage(sources),
        "libraries": sources.parity.get("versions"),
    }


def _metadata(sources: CardSources) -> dict[str, Any]:
    """Hugging Face's fields. Its licence is the one of the weights that the model starts from."""
    model, evaluation = sources.training.get("model", {}), sources.evaluation
    licence = backbone_licence(model.get("backbone", ""), model.get("weights", ""))
    result = {
        "task": {"type": TASK},
        "dataset": {"name": NAME, "type": "imagefolder", "split": evaluation["split"]},
        "metrics": [{"type": "accuracy", "name": "Accuracy", "value": evaluation["accuracy"]}],
    }
    return {
        "license": (licence["weights"] or "unknown").lower(),
        "library_name": "keras",
        "pipeline_tag": TASK,
        "tags": [TASK, "tensorflow", "litert", "tfx", NAME],
        "base_model": model.get("backbone") if model.get("weights") != "none" else None,
        "model-index": [{"name": f"{NAME}-{sources.entry.version}", "results": [result]}],
    }


def _model(sources: CardSources) -> dict[str, Any]:
    model = dict(sources.training.get("model", {}))
    weights = str(model.get("weights", ""))
    return {
        "version": sources.entry.version,
        "created": sources.entry.created,
        "architecture": {
            "backbone": model.get("backbone"),
            "alpha": model.get("alpha"),
            "image_size": model.get("image_size"),
            # A path says something of the machine that trained; its last part names the file.
            "weights": PurePath(weights).name or None,
            "weights_digest": sources.training.get("weights_digest") or None,
            "fine_tuned": _fine_tuned(sources.training),
        },
        "bytes": dict(sources.sizes),
        "input": "A JPEG or PNG file of any size",
        "output": "A probability for each class",
        "labels": list(sources.labels),
        "license": backbone_licence(str(model.get("backbone", "")), weights),
    }


def _fine_tuned(training: Mapping[str, Any]) -> bool | None:
    """Whether photos changed the backbone, in this training or before a warm start; older versions recorded the stage alone."""
    if "chosen_stage" not in training:
        return None
    return bool(training.get("backbone_trained", training["chosen_stage"] != "head"))


def _intended_use(labels: tuple[str, ...]) -> dict[str, list[str]]:
    return {
        "uses": [f"To say which of {len(labels)} classes a photo shows: {', '.join(labels)}."],
        "out_of_scope": [
            "Decisions on what is edible, poisonous or a remedy.",
            "Other classes than these, and several of them in one photo.",
            "People: photos of persons are not what it was made for.",
        ],
    }


def _training(training: Mapping[str, Any]) -> dict[str, Any]:
    settings = training.get("training", {})
    return {
        "settings": settings,
        # The version of a warm start and its digest.
        "start": training.get("start"),
        "seed": settings.get("seed"),
        "epochs": training.get("epochs"),
        "stages": training.get("stages"),
        "chosen_stage": training.get("chosen_stage"),
        "eval": training.get("eval"),
        "seconds": training.get("seconds"),
    }


def _metrics(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    rows = zip(evaluation["classes"], evaluation["confusion"], zip(*evaluation["confusion"], strict=True), strict=True)
    classes = [
        {
            "name": score["name"],
            "photos": score["support"],
            "recall": score["recall"],
            "recall_interval": wilson_interval(score["recall"], sum(row)),
            "precision": score["precision"],
            "precision_interval": wilson_interval(score["precision"], sum(column)),
            "auc": score["auc"],
        }
        for score, row, column in rows
    ]
    return {
        "split": evaluation["split"],
        "accuracy": {"value": evaluation["accuracy"], "interval": evaluation["interval"], "photos": evaluation["examples"]},
        "min_accuracy": evaluation["min_accuracy"],
        "classes": classes,
        "slices": [part for part in evaluation["slices"] if part["feature"] != "label"],
        "confusion": evaluation["confusion"],
    }


def _comparison(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    baseline = evaluation["baseline"]
    interval = wilson_interval(baseline["accuracy"], evaluation["examples"]) if baseline else None
    return {
        "baseline": {**baseline, "interval": interval} if baseline else None,
        "change": evaluation["change"],
        "max_drop": evaluation["max_drop"],
        "reason": evaluation["no_baseline"] or None,
    }


def _lineage(sources: CardSources) -> dict[str, Any]:
    entry = sources.entry
    return {
        "spans": list(entry.spans),
        "fingerprint": entry.fingerprint,
        "push_id": entry.push_id,
        "model_digest": entry.digest,
        "code": sources.training.get("code"),
        "revision": None,
        "run_id": sources.evaluation["run_id"] or None,
    }
