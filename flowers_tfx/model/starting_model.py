"""The serving model as the start of a training: its weights, read from the SavedModel's variables without loading its graph."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from flowers_tfx.artifact_files import TRAINING_FILE
from flowers_tfx.errors import InputError, first_line
from flowers_tfx.model.fitting import Weights
from flowers_tfx.model.network import Network

_HINT = "Set training.start=weights to train without the serving model."


@dataclass(frozen=True)
class StartingModel:
    """`origin`: its version in the registry and its digest; `weights`: of backbone and head, in this order;
    `head_epochs`: epochs that the head was trained for."""

    origin: Mapping[str, str]
    weights: Weights
    head_epochs: int

    @property
    def version(self) -> str:
        return self.origin["version"]


def read_starting_model(folder: Path, origin: Mapping[str, str]) -> StartingModel:
    """`folder`: of a SavedModel that this program exported. Raises InputError for another folder."""
    try:
        variables = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
        exported: list[npt.NDArray[Any]] = []
        while variables.has_tensor(key := f"weights/{len(exported)}/.ATTRIBUTES/VARIABLE_VALUE"):
            exported.append(variables.get_tensor(key))
        # The others are random states, one for each layer that draws: they belong to a training, not to the model.
        weights = [values for values in exported if values.dtype == np.float32]
        record = json.loads((folder / TRAINING_FILE).read_text(encoding="utf-8"))
        # Versions from before warm starts recorded all epochs of the training: a few more than made the head.
        epochs = int(record.get("head_epochs", record["epochs"]))
        return StartingModel(origin, weights, epochs)
    except (OSError, ValueError, KeyError, TypeError, tf.errors.OpError) as error:
        raise InputError(f"Training cannot start from version {origin['version']} of the registry: {first_line(error)}", _HINT) from None


def load_weights(network: Network, start: StartingModel) -> bool:
    """Puts the starting model's weights into the network. Returns whether the backbone's differ from those that were there.

    Raises InputError if they are those of another network.
    """
    variables = [*network.backbone.weights, *network.head.weights]
    if [tuple(variable.shape) for variable in variables] != [weights.shape for weights in start.weights]:
        raise InputError(f"Version {start.version} of the registry has the weights of another network.", _HINT)
    number = len(network.backbone.weights)
    changed = any(
        not np.array_equal(variable.numpy(), weights) for variable, weights in zip(variables[:number], start.weights, strict=False)
    )
    for variable, weights in zip(variables, start.weights, strict=True):
        variable.assign(weights)
    return changed
