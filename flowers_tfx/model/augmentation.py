"""Random changes of training pictures: flips, crops, colour. Works on whole batches, deterministic by seed.

`crop` and `flip` are one crop-and-resize (a mirrored box is a mirrored picture), `color` is one 3x3 matrix and an
offset per picture, so all three together cost a few per cent of a training step on a CPU.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import tensorflow as tf

from flowers_tfx.config.training import AUGMENTATIONS, Augmentation

_CROP_AREA = (0.6, 1.0)  # share of the picture
_CROP_LOG_ASPECT = 0.29  # width over height between 3/4 and 4/3
_BRIGHTNESS = 0.2  # of the full range
_CONTRAST = 0.25
_SATURATION = 0.3
_HUE_TURN = 0.15  # radians
_RGB_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]], np.float32)


def augment(pictures: tf.Tensor, seed: tf.Tensor, names: Collection[Augmentation] = AUGMENTATIONS) -> tf.Tensor:
    """float32 [N, s, s, 3] from pictures of this shape, both 0..255. `seed`, an int [2], is the only source of randomness."""
    pictures = tf.cast(pictures, tf.float32)
    if "flip" in names or "crop" in names:
        pictures = _crop_and_flip(pictures, seed, flip="flip" in names, crop="crop" in names)
    if "color" in names:
        pictures = _change_color(pictures, seed)
    return pictures


def _uniform(seed: tf.Tensor, stream: int, count: tf.Tensor, low: float, high: float) -> tf.Tensor:
    return tf.random.stateless_uniform([count], tf.random.experimental.stateless_fold_in(seed, stream), low, high)


def _crop_and_flip(pictures: tf.Tensor, seed: tf.Tensor, flip: bool, crop: bool) -> tf.Tensor:
    count = tf.shape(pictures)[0]
    height, width, left, top = tf.ones([count]), tf.ones([count]), tf.zeros([count]), tf.zeros([count])
    if crop:
        area = _uniform(seed, 0, count, *_CROP_AREA)
        root_aspect = tf.exp(_uniform(seed, 1, count, -_CROP_LOG_ASPECT, _CROP_LOG_ASPECT) / 2)
        width = tf.minimum(tf.sqrt(area) * root_aspect, 1.0)
        height = tf.minimum(tf.sqrt(area) / root_aspect, 1.0)
        left = _uniform(seed, 2, count, 0.0, 1.0) * (1 - width)
        top = _uniform(seed, 3, count, 0.0, 1.0) * (1 - height)
    right, bottom = left + width, top + height
    if flip:
        mirror = _uniform(seed, 4, count, 0.0, 1.0) < 0.5
        left, right = tf.where(mirror, right, left), tf.where(mirror, left, right)
    boxes = tf.stack([top, left, bottom, right], axis=1)
    size = pictures.shape[1:3]
    return tf.ensure_shape(tf.image.crop_and_resize(pictures, boxes, tf.range(count), size), pictures.shape)


def _change_color(pictures: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Brightness, contrast about the mean, saturation and hue: all linear in RGB, hence one matrix and one offset."""
    count = tf.shape(pictures)[0]
    brightness = _uniform(seed, 5, count, -_BRIGHTNESS, _BRIGHTNESS) * 255
    contrast = _uniform(seed, 6, count, 1 - _CONTRAST, 1 + _CONTRAST)
    saturation = _uniform(seed, 7, count, 1 - _SATURATION, 1 + _SATURATION)
    hue = _uniform(seed, 8, count, -_HUE_TURN, _HUE_TURN)
    cos, sin, zero = saturation * tf.cos(hue), saturation * tf.sin(hue), tf.zeros([count])
    chroma = tf.stack([tf.stack([tf.ones([count]), zero, zero], 1), tf.stack([zero, cos, -sin], 1), tf.stack([zero, sin, cos], 1)], 1)
    matrix = tf.einsum("ij,njk,kl->nil", np.linalg.inv(_RGB_TO_YIQ), chroma, _RGB_TO_YIQ)
    matrix *= contrast[:, None, None]
    # The matrix scales a gray pixel by the contrast alone: this restores the picture's mean gray.
    offset = (1 - contrast) * tf.reduce_mean(pictures, axis=[1, 2, 3]) + brightness
    flat = tf.reshape(pictures, [count, -1, 3])
    changed = tf.matmul(flat, matrix, transpose_b=True) + offset[:, None, None]
    return tf.reshape(tf.clip_by_value(changed, 0.0, 255.0), tf.shape(pictures))
