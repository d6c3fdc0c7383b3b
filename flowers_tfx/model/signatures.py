"""The exported SavedModel and its signatures. Each of them prepares photos with the graph that Transform used."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import keras
import tensorflow as tf

from flowers_tfx.artifact_files import LABELS_FILE, LITERT_FILE, LITERT_INT8_FILE, TRAINING_FILE, UNKNOWN_FILE, WARM_UP_FILE
from flowers_tfx.features import IMAGE, LABEL
from flowers_tfx.litert import FAR, FEATURES, PROBABILITIES, SCORE, UNSURE, Pictures
from flowers_tfx.model.conversion import convert
from flowers_tfx.model.picture_graph import prepare_pictures
from flowers_tfx.model.preprocessing import LABEL_ID, label_ids
from flowers_tfx.model.recognition import PLAIN, Recognition
from flowers_tfx.model.warm_up_pictures import warm_up_pictures
from flowers_tfx.model_folder import write_litert_record
from flowers_tfx.picture_gradients import GRADIENTS, GRADIENTS_SIGNATURE, LOGITS, PICTURES, WEIGHTS
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


def flower_model(network: ServedNetwork, image_size: int, labels: Sequence[str], recognition: Recognition = PLAIN) -> tf.Module:
    """Photos in, classes out.

    Only the variables and these functions are saved: a SavedModel that also holds the Keras model took three times as long to write and
    to load.
    """
    names = tf.constant(list(labels))

    @tf.function(input_signature=[_BYTES])
    def answers_to(photos: tf.Tensor) -> dict[str, tf.Tensor]:
        prepared = tf.cast(prepare_pictures(photos, image_size), tf.float32)
        return answers(network, prepared, recognition)

    @tf.function(input_signature=[_BYTES])
    def serving_default(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """JPEG or PNG files, string [N] -> label string [N], probability float32 [N], probabilities float32 [N, classes]; with a detector
        also known bool [N], why string [N], empty where the photo is known, and score float32 [N]."""
        outputs = answers_to(image_bytes)
        probabilities = outputs[PROBABILITIES]
        return {
            "label": tf.gather(names, tf.argmax(probabilities, axis=1)),
            "probability": tf.reduce_max(probabilities, axis=1),
            "probabilities": probabilities,
            **(_verdict(outputs) if SCORE in outputs else {}),
        }

    @tf.function(input_signature=[_EXAMPLES])
    def serving_examples(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialized Examples, string [N] -> probabilities float32 [N, classes]; what Evaluator asks."""
        return {PROBABILITIES: answers_to(_feature(examples, IMAGE))[PROBABILITIES]}

    @tf.function(input_signature=[_EXAMPLES])
    def transform_labels(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialized Examples, string [N] -> label_id int64 [N], the index of the class in the model's outputs."""
        return {LABEL_ID: label_ids(_feature(examples, LABEL), list(labels))}

    model = _module_of_variables(network, recognition)
    model.serving_default, model.serving_examples, model.transform_labels = serving_default, serving_examples, transform_labels
    model.serving_gradients = _gradients_function(network, image_size, len(labels), recognition)
    return model


def _module_of_variables(network: ServedNetwork, recognition: Recognition) -> tf.Module:
    module = tf.Module()
    module.weights = [variable.value for variable in _variables(network)]
    # The last layer alone gives logits that still have to be divided by it.
    module.temperature = tf.Variable(recognition.temperature, trainable=False, dtype=tf.float32)
    return module


def _gradients_function(
    network: ServedNetwork, image_size: int, classes: int, recognition: Recognition
) -> tf.types.experimental.GenericFunction:
    pictures_spec = tf.TensorSpec([None, image_size, image_size, 3], tf.float32, name=PICTURES)
    weights_spec = tf.TensorSpec([None, classes], tf.float32, name=WEIGHTS)

    @tf.function(input_signature=[pictures_spec, weights_spec])
    def serving_gradients(pictures: tf.Tensor, weights: tf.Tensor) -> dict[str, tf.Tensor]:
        """Pictures, float32 [N, s, s, 3] of 0-255, and weights, float32 [N, classes] -> gradients of sum(weights * logits) by the
        pictures, float32 [N, s, s, 3], and the calibrated logits, float32 [N, classes]; what explanations ask."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(pictures)
            _, logits = _features_and_logits(network, pictures, recognition)
        return {GRADIENTS: tape.gradient(logits, pictures, output_gradients=weights), LOGITS: logits}

    return serving_gradients


def _feature(examples: tf.Tensor, name: str) -> tf.Tensor:
    return tf.io.parse_example(examples, {name: tf.io.FixedLenFeature([], tf.string)})[name]


def answers(network: ServedNetwork, pictures: tf.Tensor, recognition: Recognition = PLAIN) -> dict[str, tf.Tensor]:
    """The outputs of the LiteRT model, float32, of pictures (float32 [N, s, s, 3], 0-255): probabilities [N, classes] and pooled features
    [N, F]; with a detector also its far, unsure and score, [N, 1] each."""
    features, logits = _features_and_logits(network, pictures, recognition)
    detected = recognition.detector.outputs(features, logits) if recognition.detector else {}
    return {
        PROBABILITIES: tf.nn.softmax(logits),
        FEATURES: tf.cast(features, tf.float32),
        **{name: values[:, tf.newaxis] for name, values in detected.items()},
    }


def _features_and_logits(network: ServedNetwork, pictures: tf.Tensor, recognition: Recognition) -> tuple[tf.Tensor, tf.Tensor]:
    """Pooled features [N, F], and float32 logits [N, classes] whose softmax is calibrated."""
    features = network.backbone(pictures, training=False)
    return features, tf.cast(network.head(features, training=False), tf.float32) / recognition.temperature


def _verdict(outputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    far, unsure, score = (outputs[name][:, 0] for name in (FAR, UNSURE, SCORE))
    known = score <= 1.0
    return {"known": known, "why": tf.where(known, "", tf.where(far >= unsure, "far", "unsure")), "score": score}


def _variables(network: ServedNetwork) -> list[Any]:
    return [*network.backbone.variables, *network.head.variables]


def export(
    network: ServedNetwork,
    image_size: int,
    labels: Sequence[str],
    training: Mapping[str, Any],
    folder: str,
    representative: Pictures | None = None,
    recognition: Recognition = PLAIN,
) -> None:
    """Writes the SavedModel, and into its assets.extra/ the class order, how it was trained, warm-up requests and the same network
    for LiteRT.

    With `representative` pictures, uint8 [N, s, s, 3], it also writes the network quantised to int8.
    """
    model = flower_model(network, image_size, labels, recognition)
    signatures = {
        "serving_default": model.serving_default,
        EXAMPLES_SIGNATURE: model.serving_examples,
        LABELS_SIGNATURE: model.transform_labels,
        GRADIENTS_SIGNATURE: model.serving_gradients,
    }
    tf.saved_model.save(model, folder, signatures=signatures)
    litert = _litert_models(network, image_size, representative, recognition)
    for name, content in {
        LABELS_FILE: ("\n".join(labels) + "\n").encode(),
        TRAINING_FILE: _json(training),
        **({UNKNOWN_FILE: _json(recognition.record)} if recognition.detector else {}),
        WARM_UP_FILE: warm_up_file(warm_up_pictures(image_size)),
        **litert,
    }.items():
        path = Path(folder) / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    write_litert_record(Path(folder), tuple(litert))


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, sort_keys=True) + "\n").encode()


def _litert_models(network: ServedNetwork, image_size: int, representative: Pictures | None, recognition: Recognition) -> dict[str, bytes]:
    """File name to content."""

    def convert_network(recognition: Recognition, pictures: Pictures | None = None) -> bytes:
        return convert(lambda batch: answers(network, batch, recognition), _variables(network), image_size, pictures)

    models = {LITERT_FILE: convert_network(recognition)}
    # Distances between quantised features are too coarse for the limits of the exact ones.
    without_detector = replace(recognition, detector=None)
    return models if representative is None else {**models, LITERT_INT8_FILE: convert_network(without_detector, representative)}
