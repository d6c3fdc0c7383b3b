"""The gradients of a pushed model's logits by its pictures, and the same network with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from flowers_tfx.errors import InputError, first_line
from flowers_tfx.model_folder import read_labels
from flowers_tfx.picture_gradients import GRADIENTS, GRADIENTS_SIGNATURE, LOGITS, PICTURES, WEIGHTS, Floats, GradientsOfPictures, Head

# Pictures at a time: bounds the memory, of which every activation takes a part until its gradient is there. A picture takes 13 % longer
# than in batches of 32.
_BATCH = 8


class SavedGradients:
    """`labels`: the classes in the order of the logits; `image_size`: height and width of the pictures, px."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._random: tuple[tuple[int, int], SavedGradients] | None = None
        self.labels = read_labels(folder)
        self._model = _load(folder)  # its signature works only as long as it lives
        self._signature = self._model.signatures[GRADIENTS_SIGNATURE]
        inputs = self._signature.structured_input_signature[1]
        self.image_size = int(inputs[PICTURES].shape[1])

    def __call__(self, pictures: Floats, weights: Floats) -> GradientsOfPictures:
        """The gradients of sum(weights * logits), for pictures float32 [N, s, s, 3] of 0-255 and weights float32 [N, classes]."""
        if not len(pictures):
            return GradientsOfPictures(np.zeros_like(pictures), np.zeros((0, len(self.labels)), np.float32))
        parts = []
        for start in range(0, len(pictures), _BATCH):
            rows = slice(start, start + _BATCH)
            outputs = self._signature(**{PICTURES: tf.constant(pictures[rows]), WEIGHTS: tf.constant(weights[rows])})
            parts.append((outputs[GRADIENTS].numpy(), outputs[LOGITS].numpy()))
        gradients, logits = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return GradientsOfPictures(gradients, logits)

    @property
    def head(self) -> Head:
        kernel, bias = (variable.numpy() for variable in self._layers()[-1][:2])
        temperature = self._model.temperature.numpy()
        return Head(kernel / temperature, bias / temperature)

    @property
    def layers(self) -> int:
        """Layers with weights, the head included. A convolution and the normalisation after it are one."""
        return len(self._layers())

    def randomised(self, layers: int, seed: int = 0) -> SavedGradients:
        """The same network with new random weights in its last `layers` layers, the head first; the same ones for the same seed.

        Kernels and biases are drawn from a normal distribution with the root mean square of the trained ones, kernels for each output
        channel by itself. Normalisation keeps its statistics, scale and offset: they fit the scale of the channels, which stays, so that
        neither activations nor gradients vanish; what the network has learned of shapes and colours lies in the kernels.

        Loads the model a second time, from its folder, and keeps that one for the next call with the same arguments.
        """
        if self._random is None or self._random[0] != (layers, seed):
            copy = SavedGradients(self._folder)
            for number, layer in enumerate(reversed(copy._layers()[-layers:] if layers else [])):
                random = np.random.default_rng((seed, number))
                for variable in layer:
                    variable.assign(_draw(variable, random))
            self._random = ((layers, seed), copy)
        return self._random[1]

    def _layers(self) -> list[list[Any]]:
        """The kernels and biases of every layer, in the order of the network."""
        layers: dict[str, list[Any]] = {}
        for variable in self._model.weights:
            layer, _, name = variable.name.split(":")[0].rpartition("/")
            if name.endswith("kernel") or name == "bias":
                layers.setdefault(layer, []).append(variable)
        return list(layers.values())


def load_gradients(folder: Path) -> SavedGradients:
    """Raises InputError for a folder that does not hold a model of this program, or holds one without gradients."""
    return SavedGradients(folder)


def _load(folder: Path) -> Any:
    try:
        model = tf.saved_model.load(str(folder))
    except (OSError, KeyError, IndexError, ValueError, tf.errors.OpError) as error:  # IndexError: truncated variables
        raise InputError(
            f"{folder} is not a model of this program: {first_line(error)}", "Name a version of the registry with --model."
        ) from None
    if GRADIENTS_SIGNATURE not in model.signatures:
        raise InputError(
            f"Version {folder.name} has no gradients: it was pushed before models came with them.",
            "Explain it with --method rise, or push the model again.",
        )
    return model


def _draw(variable: Any, random: np.random.Generator) -> Floats:
    trained: Floats = variable.numpy()
    # A depthwise kernel is [h, w, channels, 1]; of any other the last axis is that of the output channels.
    depthwise = trained.ndim == 4 and trained.shape[3] == 1
    axes = (0, 1) if depthwise else tuple(range(max(trained.ndim - 1, 1)))
    scale = np.sqrt(np.mean(np.square(trained), axis=axes, keepdims=True))
    drawn: Floats = (random.standard_normal(trained.shape) * scale).astype(np.float32)
    return drawn
