"""The exported SavedModel and its signatures. Every one of them prepares photos with the graph that Transform used."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from flowers_tfx.features import IMAGE, LABEL
from flowers_tfx.model.picture_graph import pictures
from flowers_tfx.model.preprocessing import LABEL_ID, label_ids
from flowers_tfx.registry import LABELS_FILE

EXAMPLES_SIGNATURE = "serving_examples"
LABELS_SIGNATURE = "transform_labels"
TRAINING_FILE = "assets.extra/training.json"

_BYTES = tf.TensorSpec([None], tf.string, name="image_bytes")  # TF Serving's REST API reads {"b64": ...} for names that end in _bytes
_EXAMPLES = tf.TensorSpec([None], tf.string, name="examples")


class FlowerModel(tf.Module):  # type: ignore[misc]
    """Photos in, classes out: `network` maps pictures (float32 [N, s, s, 3], 0-255) to logits [N, classes]."""

    def __init__(self, network: keras.Model, image_size: int, labels: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self._image_size = image_size
        self._labels = list(labels)

    @tf.function(input_signature=[_BYTES])  # type: ignore[untyped-decorator]
    def serving_default(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """JPEG or PNG files, string [N] -> label string [N], probability float32 [N], probabilities float32 [N, classes]."""
        probabilities = self._probabilities(image_bytes)
        return {
            "label": tf.gather(tf.constant(self._labels), tf.argmax(probabilities, axis=1)),
            "probability": tf.reduce_max(probabilities, axis=1),
            "probabilities": probabilities,
        }

    @tf.function(input_signature=[_EXAMPLES])  # type: ignore[untyped-decorator]
    def serving_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialized Examples, string [N] -> probabilities float32 [N, classes]; what Evaluator asks."""
        parsed = tf.io.parse_example(examples, {IMAGE: tf.io.FixedLenFeature([], tf.string)})
        return {"probabilities": self._probabilities(parsed[IMAGE])}

    @tf.function(input_signature=[_EXAMPLES])  # type: ignore[untyped-decorator]
    def transform_labels(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialized Examples, string [N] -> label_id int64 [N], the place of the class in the model's outputs."""
        parsed = tf.io.parse_example(examples, {LABEL: tf.io.FixedLenFeature([], tf.string)})
        return {LABEL_ID: label_ids(parsed[LABEL], self._labels)}

    def _probabilities(self, photos: tf.Tensor) -> tf.Tensor:
        prepared = tf.cast(pictures(photos, self._image_size), tf.float32)
        return tf.nn.softmax(tf.cast(self.network(prepared, training=False), tf.float32))


def export(network: keras.Model, image_size: int, labels: Sequence[str], training: Mapping[str, Any], folder: str) -> None:
    """Writes the SavedModel with its class order and how it was trained beside it, in assets.extra/."""
    model = FlowerModel(network, image_size, labels)
    signatures = {
        "serving_default": model.serving_default,
        EXAMPLES_SIGNATURE: model.serving_examples,
        LABELS_SIGNATURE: model.transform_labels,
    }
    tf.saved_model.save(model, folder, signatures=signatures)
    for name, text in (
        (LABELS_FILE, "\n".join(labels) + "\n"),
        (TRAINING_FILE, json.dumps(training, indent=2, sort_keys=True) + "\n"),
    ):
        path = Path(folder) / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
