"""MobileNets by name, with a small head: pictures in, logits out."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import h5py  # type: ignore[import-untyped]
import keras
import tensorflow as tf

from flowers_tfx.errors import InputError

IMAGENET, NO_WEIGHTS = "imagenet", "none"
MIN_IMAGE_SIZE_PX = 32  # five halvings
# Width multipliers that keras.applications has ImageNet weights for.
IMAGENET_ALPHAS = {
    "MobileNet": (0.25, 0.5, 0.75, 1.0),
    "MobileNetV2": (0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
    "MobileNetV3Small": (0.75, 1.0),
    "MobileNetV3Large": (0.75, 1.0),
}
BACKBONES = tuple(IMAGENET_ALPHAS)
# keras.applications has 0.99 and 0.999, made for millions of steps: after the few hundred of a small data set the
# moving statistics would still be those of the start, and the network would answer nonsense outside training.
_MOMENTUM_FROM_SCRATCH = 0.9


@dataclass(frozen=True)
class NetworkSettings:
    """What the network is. `weights`: "imagenet", "none", or the path or bucket URI of an .h5 file without top."""

    backbone: str
    alpha: float
    image_size: int
    weights: str
    classes: int

    @property
    def pretrained(self) -> bool:
        return self.weights != NO_WEIGHTS


@dataclass(frozen=True)
class Network:
    """Three models that share their layers. Pictures are [N, s, s, 3] of 0..255; logits are float32 [N, classes]."""

    backbone: keras.Model  # pictures to pooled features [N, F]
    head: keras.Model  # features to logits
    full: keras.Model  # pictures to logits
    convolutional: keras.Model  # the network of keras.applications in the backbone

    def unfreeze(self, layers: int) -> None:
        """Lets the last `layers` of the backbone train (0: none, -1: all), as Keras counts them.

        Of pretrained batch normalisation, scale and offset train, and the statistics stay: see `_KnownStatistics`.
        """
        first = 0 if layers < 0 else max(len(self.convolutional.layers) - layers, 0)
        for at, layer in enumerate(self.convolutional.layers):
            layer.trainable = at >= first


class _KnownStatistics(keras.layers.Layer):
    """Runs a pretrained network always as in inference: normalised with the statistics of ImageNet, never with those of a batch.

    Trained with the statistics of small batches it gave 0.74 accuracy instead of 0.90. Freezing the normalisation layers as a whole would
    also stop their scale and offset. Keras hands `training` down to every layer that asks for it; this one does not.
    """

    def __init__(self, network: keras.Model) -> None:
        super().__init__(name="known_statistics")
        self.network = network

    def call(self, pictures: tf.Tensor) -> tf.Tensor:
        return self.network(pictures, training=False)


def build(settings: NetworkSettings, dropout: float = 0.0, seed: int = 0) -> Network:
    """The network with its weights loaded and its head new, deterministic by `seed`. Sets Keras' global random seed.

    Raises InputError where settings don't fit together or weights can't be had.
    """
    check(settings)
    keras.utils.set_random_seed(seed)
    shape = (settings.image_size, settings.image_size, 3)
    inner = _application(settings, shape)
    features = inner.output_shape[-1]
    inputs = keras.Input(shape, name="pictures")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="scaling")(inputs)
    pooled = _KnownStatistics(inner)(scaled) if settings.pretrained else inner(scaled)
    backbone = keras.Model(inputs, pooled, name="features")
    head = keras.Sequential(
        [
            keras.Input((features,), name="features"),
            keras.layers.Dropout(dropout, seed=seed, name="dropout"),
            # float32 whatever the precision: softmax and loss need the range.
            keras.layers.Dense(
                settings.classes,
                dtype="float32",
                kernel_initializer=keras.initializers.GlorotUniform(seed),
                name="logits",
            ),
        ],
        name="head",
    )
    full = keras.Model(inputs, head(backbone(inputs)), name="flowers")
    return Network(backbone, head, full, inner)


def check(settings: NetworkSettings) -> None:
    """Raises InputError where the settings don't fit together; loads and downloads nothing."""
    if settings.backbone not in IMAGENET_ALPHAS:
        raise InputError(f"The backbone {settings.backbone!r} is unknown.", f"Known are {', '.join(BACKBONES)}.")
    if settings.image_size < MIN_IMAGE_SIZE_PX:
        raise InputError(
            f"image_size {settings.image_size} is too small for {settings.backbone}.",
            f"It needs {MIN_IMAGE_SIZE_PX} px or more.",
        )
    if not 0 < settings.alpha <= 4:
        raise InputError(
            f"alpha {settings.alpha} is no width multiplier of {settings.backbone}.",
            "Use a number such as 0.35 or 1.0.",
        )
    alphas = IMAGENET_ALPHAS[settings.backbone]
    if settings.weights == IMAGENET and settings.alpha not in alphas:
        known = ", ".join(str(alpha) for alpha in alphas)
        raise InputError(
            f"{settings.backbone} has no ImageNet weights for alpha {settings.alpha}.",
            f"There are some for alpha {known}.",
        )
    if settings.classes < 2:
        raise InputError(f"A classifier needs two classes or more, not {settings.classes}.")


def _application(settings: NetworkSettings, shape: tuple[int, int, int]) -> keras.Model:
    options = {
        "input_shape": shape,
        "alpha": settings.alpha,
        "include_top": False,
        "pooling": "avg",
        "name": "backbone",
    }
    if settings.backbone.startswith("MobileNetV3"):
        options["include_preprocessing"] = False  # our own scaling layer does the same for all four
    application = getattr(keras.applications, settings.backbone)
    if settings.weights == IMAGENET:
        try:
            return application(weights="imagenet", **options)
        except Exception as error:  # Keras raises a bare Exception where the download fails
            cause = f"The ImageNet weights of {settings.backbone} {settings.alpha} could not be downloaded"
            raise InputError(
                f"{cause}: {_first_line(error)}",
                "Give a local weights file as model.weights, or train from scratch with model.weights=none.",
            ) from error
    model = application(weights=None, **options)
    if settings.pretrained:
        _load(model, settings)
    else:
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = _MOMENTUM_FROM_SCRATCH
    return model


def _load(model: keras.Model, settings: NetworkSettings) -> None:
    """Loads an HDF5 weights file, in Keras 3's layout or the older one: by what is in it, as names can lie."""
    with tempfile.TemporaryDirectory() as folder:
        source = _local_copy(settings.weights, Path(folder))
        if not h5py.is_hdf5(source):
            raise InputError(
                f"The weights file {settings.weights} is not an HDF5 file.",
                "It must be an .h5 file of keras.applications.",
            )
        with h5py.File(source, "r") as stored:
            older = "layer_names" in stored.attrs or "model_weights" in stored
        named = Path(folder) / ("older.h5" if older else "model.weights.h5")
        shutil.copyfile(source, named)
        try:
            model.load_weights(named)
        except Exception as error:  # h5py and Keras raise many kinds for a file of another network
            cause = f"The weights file {settings.weights} does not fit {settings.backbone} with alpha {settings.alpha}"
            raise InputError(
                f"{cause}: {_first_line(error)}",
                "It must hold the weights of this backbone and alpha, without the top layer.",
            ) from error


def _local_copy(uri: str, folder: Path) -> Path:
    if "://" not in uri:
        path = Path(uri)
        if not path.is_file():
            raise InputError(
                f"The weights file {uri} does not exist.",
                "model.weights is `imagenet`, `none`, or a path or bucket URI.",
            )
        return path
    copy = folder / "downloaded"
    try:
        tf.io.gfile.copy(uri, str(copy))
    except (tf.errors.OpError, OSError) as error:
        raise InputError(f"The weights file {uri} could not be read: {_first_line(error)}") from error
    return copy


def _first_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else text[:197] + "..."
