"""Which network made the features that a version of the model answers with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowers_tfx.artifact_files import TRAINING_FILE
from flowers_tfx.config.training import ModelConfig
from flowers_tfx.model.backbone_cache import name_network

_HEAD = "head"  # the stage that leaves the backbone as it was
_DIGITS = 16  # of the weights' digest, in names of networks


def features_network(version: Path) -> str:
    """The name of the frozen backbone, as a baseline's embeddings have it, if training left the backbone as it was: then the features are
    these embeddings, bit for bit. Otherwise a name of this version alone, since they compare with nothing else."""
    own = f"features of version {version.name}"
    try:
        training = json.loads((version / TRAINING_FILE).read_text(encoding="utf-8"))
        return _frozen_backbone(training) or own
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return own  # another program wrote the version, or an older one


def _frozen_backbone(training: Mapping[str, Any]) -> str:
    """Empty if the backbone was trained, by this training or by the one that it started from."""
    if training["chosen_stage"] != _HEAD or training.get("start"):
        return ""
    model = ModelConfig(**training["model"])
    return name_network(model, str(training.get("weights_digest") or "")[:_DIGITS] or model.weights)
