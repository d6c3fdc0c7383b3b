"""Transform's `preprocessing_fn`: photos become fixed-size pictures once, so no epoch of training decodes a full-size photo."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from flowers_tfx.features import IMAGE, LABEL
from flowers_tfx.model.picture_graph import prepare_pictures

PICTURE = "picture"  # serialized uint8 tensor [image_size, image_size, 3]: lossless, and quicker to read than a PNG
LABEL_ID = "label_id"  # index of the class in the curated schema's domain


def preprocessing_fn(inputs: dict[str, tf.Tensor], custom_config: dict[str, Any]) -> dict[str, tf.Tensor]:
    """`custom_config` holds `image_size` (px) and `labels` (class names in the order of the model's outputs)."""
    prepared = prepare_pictures(tf.reshape(inputs[IMAGE], [-1]), custom_config["image_size"])
    return {
        PICTURE: tf.map_fn(tf.io.serialize_tensor, prepared, fn_output_signature=tf.string),
        LABEL_ID: label_ids(tf.reshape(inputs[LABEL], [-1]), custom_config["labels"]),
    }


def label_ids(names: tf.Tensor, labels: list[str]) -> tf.Tensor:
    """int64 [N] from class names, string [N]. A name that is not among the labels fails the batch."""
    matches = tf.equal(names[:, tf.newaxis], tf.constant(labels)[tf.newaxis, :])
    check = tf.debugging.Assert(tf.reduce_all(tf.reduce_any(matches, axis=1)), ["a label is not in the schema's domain:", names])
    with tf.control_dependencies([check]):
        return tf.argmax(tf.cast(matches, tf.int32), axis=1)


def parse_transformed(record: tf.Tensor, image_size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Picture uint8 [image_size, image_size, 3] and label id, int64 scalar, of one transformed Example (serialized, scalar)."""
    spec = {PICTURE: tf.io.FixedLenFeature([], tf.string), LABEL_ID: tf.io.FixedLenFeature([], tf.int64)}
    parsed = tf.io.parse_single_example(record, spec)
    picture = tf.io.parse_tensor(parsed[PICTURE], tf.uint8)
    return tf.ensure_shape(picture, [image_size, image_size, 3]), parsed[LABEL_ID]
