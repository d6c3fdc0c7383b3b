"""A network of keras.applications with a small head: pictures in, logits out."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import h5py  # type: ignore[import-untyped]
import keras
import tensorflow as tf

from flowers_tfx.backbones import Backbone, find_backbone
from flowers_tfx.config.training import IMAGENET, ModelConfig
from flowers_tfx.errors import InputError
from flowers_tfx.model.frozen_statistics import FrozenStatistics

# keras.applications has 0.99 and more, made for millions of steps: after the few hundred of a small data set the moving
# statistics would still be those of the start, and the network would be wrong outside training.
_MOMENTUM_FROM_SCRATCH = 0.9


@dataclass(frozen=True)
class Network:
    """Three models that share their layers. Pictures are [N, s, s, 3] of 0..255; logits are float32 [N, classes]."""

    backbone: keras.Model  # pictures to pooled features [N, F]
    head: keras.Model  # features to logits
    full: keras.Model  # pictures to logits
    application: keras.Model  # the network of keras.applications inside the backbone

    def unfreeze(self, layers: int) -> None:
        """Lets the last `layers` of the backbone train (0: none, -1: all), as Keras counts them.

        Of pretrained batch normalisation, scale and offset train, and the statistics stay: see `FrozenStatistics`.
        """
        first = 0 if layers < 0 else max(len(self.application.layers) - layers, 0)
        for position, layer in enumerate(self.application.layers):
            layer.trainable = position >= first


def build(model: ModelConfig, classes: int, dropout: float = 0.0, seed: int = 0) -> Network:
    """The network with its weights loaded and a new head, deterministic by `seed`. Sets Keras' global random seed.

    Raises InputError if the weights do not fit or cannot be read.
    """
    backbone, application = _build_backbone(model, seed)
    head = build_head(application.output_shape[-1], classes, dropout, seed)
    full = keras.Model(backbone.input, head(backbone(backbone.input)), name="flowers")
    return Network(backbone, head, full, application)


def build_head(width: int, classes: int, dropout: float, seed: int) -> keras.Model:
    """`width` features to logits."""
    return keras.Sequential(
        [
            keras.Input((width,), name="features"),
            keras.layers.Dropout(dropout, seed=seed, name="dropout"),
            # float32 whatever the precision: softmax and loss need the range.
            keras.layers.Dense(classes, dtype="float32", kernel_initializer=keras.initializers.GlorotUniform(seed), name="logits"),
        ],
        name="head",
    )


def build_backbone(model: ModelConfig, seed: int = 0) -> keras.Model:
    """Pictures to pooled features [N, F], without a head. Raises InputError if the weights do not fit or cannot be read."""
    return _build_backbone(model, seed)[0]


def _build_backbone(model: ModelConfig, seed: int) -> tuple[keras.Model, keras.Model]:
    """The backbone, and the network of keras.applications inside it."""
    row = find_backbone(model.backbone)
    if row is None:
        raise InputError(f"The backbone {model.backbone!r} is unknown.", "flowers_tfx/backbones.py lists the known ones.")
    keras.utils.set_random_seed(seed)
    application = _load_application(row, model)
    inputs = keras.Input((model.image_size, model.image_size, 3), name="pictures")
    pixels = inputs
    if row.rescaling:
        factor, offset = row.rescaling
        pixels = keras.layers.Rescaling(factor, offset=offset, name="scaling")(inputs)
    features = FrozenStatistics(application)(pixels) if model.pretrained else application(pixels)
    return keras.Model(inputs, features, name="features"), application


def _load_application(row: Backbone, model: ModelConfig) -> keras.Model:
    arguments = {
        "input_shape": (model.image_size, model.image_size, 3),
        "include_top": False,
        "pooling": row.pooling,
        **({"alpha": model.alpha} if row.has_alpha else {}),
        **row.arguments,
    }
    create = getattr(keras.applications, row.name)
    if model.weights == IMAGENET:
        try:
            return create(weights="imagenet", **arguments)
        except Exception as error:  # Keras raises a bare Exception where the download fails
            raise InputError(
                f"The ImageNet weights of {_title(row, model)} could not be downloaded: {_first_line(error)}",
                "Give a local weights file as model.weights, or train from scratch with model.weights=none.",
            ) from error
    application = create(weights=None, **arguments)
    if model.pretrained:
        _load_weights(application, row, model)
    else:
        for layer in application.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = _MOMENTUM_FROM_SCRATCH
    return application


def _load_weights(application: keras.Model, row: Backbone, model: ModelConfig) -> None:
    """Loads an HDF5 weights file, in the layout of Keras 3 or the older one: its content decides, since the name can be wrong."""
    with tempfile.TemporaryDirectory() as folder:
        source = _local_copy(model, Path(folder))
        if not h5py.is_hdf5(source):
            raise InputError(f"The weights file {model.weights} is not an HDF5 file.", "It must be an .h5 file of keras.applications.")
        with h5py.File(source, "r") as stored:
            older = "layer_names" in stored.attrs or "model_weights" in stored
        copy = Path(folder) / ("older.h5" if older else "model.weights.h5")
        shutil.copyfile(source, copy)
        try:
            application.load_weights(copy)
        except Exception as error:  # h5py and Keras raise many kinds for a file of another network
            raise InputError(
                f"The weights file {model.weights} does not fit {_title(row, model)}: {_first_line(error)}",
                f"It must hold the weights of this backbone{' and alpha' if row.has_alpha else ''}, without the top layer.",
            ) from error


def _local_copy(model: ModelConfig, folder: Path) -> Path:
    if path := model.weights_path:
        if not path.is_file():
            raise InputError(
                f"The weights file {model.weights} does not exist.", "model.weights is `imagenet`, `none`, or a path or bucket URI."
            )
        return path
    copy = folder / "downloaded"
    try:
        tf.io.gfile.copy(model.weights, str(copy))
    except (tf.errors.OpError, OSError) as error:
        raise InputError(f"The weights file {model.weights} could not be read: {_first_line(error)}") from error
    return copy


def _title(row: Backbone, model: ModelConfig) -> str:
    return f"{row.name} with alpha {model.alpha}" if row.has_alpha else row.name


def _first_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else text[:197] + "..."
