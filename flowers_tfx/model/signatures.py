"""The exported SavedModel and its signatures. Each of them prepares photos with the graph that Transform used."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import keras
import tensorflow as tf

from flowers_tfx.artifact_files import LABELS_FILE, LITERT_FILE, LITERT_INT8_FILE, TRAINING_FILE, WARM_UP_FILE
from flowers_tfx.features import IMAGE, LABEL
from flowers_tfx.litert import FEATURES, PROBABILITIES, Pictures
from flowers_tfx.model.conversion import convert
from flowers_tfx.model.picture_graph import prepare_pictures
from flowers_tfx.model.preprocessing import LABEL_ID, label_ids
from flowers_tfx.model.warm_up_pictures import warm_up_pictures
from flowers_tfx.model_folder import write_litert_record
from flowers_tfx.warm_up_requests import warm_up_file

EXAMPLES_SIGNATURE = "serving_examples"
LABELS_SIGNATURE = "transform_labels"

_BYTES = tf.TensorSpec([None], tf.string, name="image_bytes")  # TF Serving's REST API reads {"b64": ...} for names that end in _bytes
_EXAMPLES = tf.TensorSpec([None], tf.string, name="examples")


class ServedNetwork(Protocol):
    """`backbone` maps pictures (float32 [N, s, s, 3], 0-255) to pooled features [N, F], and `head` these to logits [N, classes]."""

    @property
    def backbone(self) -> keras.Model: ...

    @property
    def head(self) -> keras.Model: ...


def flower_model(network: ServedNetwork, image_size: int, labels: Sequence[str]) -> tf.Module:
    """Photos in, classes out.

    Only the variables and these functions are saved: a SavedModel that also holds the Keras model took three times as long to write and
    to load.
    """
    names = tf.constant(list(labels))

    @tf.function(input_signature=[_BYTES])
    def probabilities_of(photos: tf.Tensor) -> tf.Tensor:
        prepared = tf.cast(prepare_pictures(photos, image_size), tf.float32)
        return answers(network, prepared)[PROBABILITIES]

    @tf.function(input_signature=[_BYTES])
    def serving_default(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """JPEG or PNG files, string [N] -> label string [N], probability float32 [N], probabilities float32 [N, classes]."""
        probabilities = probabilities_of(image_bytes)
        return {
            "label": tf.gather(names, tf.argmax(probabilities, axis=1)),
            "probability": tf.reduce_max(probabilities, axis=1),
            "probabilities": probabilities,
        }

    @tf.function(input_signature=[_EXAMPLES])
    def serving_examples(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialized Examples, string [N] -> probabilities float32 [N, classes]; what Evaluator asks."""
        return {PROBABILITIES: probabilities_of(_feature(examples, IMAGE))}

    @tf.function(input_signature=[_EXAMPLES])
    def transform_labels(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialized Examples, string [N] -> label_id int64 [N], the index of the class in the model's outputs."""
        return {LABEL_ID: label_ids(_feature(examples, LABEL), list(labels))}

    model = tf.Module()
    model.weights = [variable.value for variable in _variables(network)]
    model.serving_default, model.serving_examples, model.transform_labels = serving_default, serving_examples, transform_labels
    return model


def _feature(examples: tf.Tensor, name: str) -> tf.Tensor:
    return tf.io.parse_example(examples, {name: tf.io.FixedLenFeature([], tf.string)})[name]


def answers(network: ServedNetwork, pictures: tf.Tensor) -> dict[str, tf.Tensor]:
    """Probabilities and pooled features, float32, of pictures (float32 [N, s, s, 3], 0-255): the outputs of the LiteRT model."""
    features = network.backbone(pictures, training=False)
    logits = network.head(features, training=False)
    return {PROBABILITIES: tf.nn.softmax(tf.cast(logits, tf.float32)), FEATURES: tf.cast(features, tf.float32)}


def _variables(network: ServedNetwork) -> list[Any]:
    return [*network.backbone.variables, *network.head.variables]


def export(
    network: ServedNetwork,
    image_size: int,
    labels: Sequence[str],
    training: Mapping[str, Any],
    folder: str,
    representative: Pictures | None = None,
) -> None:
    """Writes the SavedModel, and into its assets.extra/ the class order, how it was trained, warm-up requests and the same network
    for LiteRT.

    With `representative` pictures, uint8 [N, s, s, 3], it also writes the network quantised to int8.
    """
    model = flower_model(network, image_size, labels)
    signatures = {
        "serving_default": model.serving_default,
        EXAMPLES_SIGNATURE: model.serving_examples,
        LABELS_SIGNATURE: model.transform_labels,
    }
    tf.saved_model.save(model, folder, signatures=signatures)
    litert = _litert_models(network, image_size, representative)
    for name, content in {
        LABELS_FILE: ("\n".join(labels) + "\n").encode(),
        TRAINING_FILE: (json.dumps(training, indent=2, sort_keys=True) + "\n").encode(),
        WARM_UP_FILE: warm_up_file(warm_up_pictures(image_size)),
        **litert,
    }.items():
        path = Path(folder) / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    write_litert_record(Path(folder), tuple(litert))


def _litert_models(network: ServedNetwork, image_size: int, representative: Pictures | None) -> dict[str, bytes]:
    """File name to content."""

    def convert_network(pictures: Pictures | None = None) -> bytes:
        return convert(lambda batch: answers(network, batch), _variables(network), image_size, pictures)

    models = {LITERT_FILE: convert_network()}
    return models if representative is None else {**models, LITERT_INT8_FILE: convert_network(representative)}
