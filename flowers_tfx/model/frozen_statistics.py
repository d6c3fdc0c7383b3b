"""A pretrained network whose batch normalisation keeps the statistics of ImageNet, computed in fewer passes over the activations.

With fixed statistics a normalisation is a scale and an offset per channel, which can be applied to the convolution's kernel and result:
the same values and the same gradients, of scale and offset too. The gradients of a pointwise convolution are two matrix products, which
oneDNN computes faster than as convolutions. Together: a training step of MobileNetV2 0.35 at 224 px takes 6.7 ms of CPU a photo, not 12,
and inference 1.9, not 3.4 (`benchmarks/train.py`).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import keras
import tensorflow as tf
from keras import ops


class FrozenStatistics(keras.layers.Layer):
    """Runs a pretrained network always in inference mode: batches are normalised with the statistics of ImageNet, never with their own.

    Trained with the statistics of small batches, the network reached 0.74 accuracy instead of 0.90. Freezing the normalisation layers as a
    whole would also stop their scale and offset. Keras passes `training` on to every layer that asks for it; this one does not.
    """

    def __init__(self, network: keras.Model) -> None:
        super().__init__(name="frozen_statistics")
        self.network = network  # comes first: weights keep the order of keras.applications
        self._folded = _fold(network)

    def call(self, pictures: tf.Tensor) -> tf.Tensor:
        return self._folded(pictures, training=False)


class _NormalizedConvolution(keras.layers.Layer):
    """A convolution and the normalisation after it, as one convolution. Shares the variables of both."""

    def __init__(self, convolution: keras.layers.Layer, normalization: keras.layers.BatchNormalization) -> None:
        # Without autocast the variables come in float32 in mixed precision too, and only their product is rounded.
        super().__init__(name=f"{normalization.name}_folded", autocast=False)
        self._convolution = convolution
        self._normalization = normalization

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        scale, offset = self._scale_and_offset()
        offset = ops.cast(offset, inputs.dtype)
        layer = self._convolution
        where = (layer.strides, layer.padding, layer.data_format, layer.dilation_rate)
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            kernel = layer.kernel * ops.reshape(scale, layer.kernel.shape[2:])
            return ops.depthwise_conv(inputs, ops.cast(kernel, inputs.dtype), *where) + offset
        kernel = ops.cast(layer.kernel * scale, inputs.dtype)
        pointwise = layer.kernel_size == layer.strides == (1, 1) and layer.groups == 1
        return (_pointwise(inputs, kernel) if pointwise else ops.conv(inputs, kernel, *where)) + offset

    def _scale_and_offset(self) -> tuple[tf.Tensor, tf.Tensor]:
        layer = self._normalization
        scale = ops.rsqrt(layer.moving_variance + layer.epsilon)
        scale = scale * layer.gamma if layer.scale else scale
        offset = -layer.moving_mean * scale
        return scale, offset + layer.beta if layer.center else offset


@tf.custom_gradient
def _pointwise(inputs: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Any]:
    """A convolution with a kernel of one pixel, [1, 1, C, D], whose gradients are computed as matrix products."""

    def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pixels, flat = (tf.reshape(tensor, [-1, tensor.shape[-1]]) for tensor in (inputs, upstream))
        by_inputs = tf.reshape(tf.matmul(flat, kernel[0, 0], transpose_b=True), tf.shape(inputs))
        return by_inputs, tf.matmul(pixels, flat, transpose_a=True)[None, None]

    return tf.nn.conv2d(inputs, kernel, strides=1, padding="VALID"), gradients


def _fold(network: keras.Model) -> keras.Model:
    """The same function of the same variables, with every normalisation that directly follows a convolution folded into it."""
    pairs = _foldable(network)
    convolutions = set(pairs.values())

    def call(layer: Any, *inputs: Any, **options: Any) -> Any:
        if layer in convolutions:
            return inputs[0]
        if layer in pairs:
            return _NormalizedConvolution(pairs[layer], layer)(inputs[0])
        return layer(*inputs, **options)

    return keras.models.clone_model(network, clone_function=lambda layer: layer, call_function=call)


def _foldable(network: keras.Model) -> dict[Any, Any]:
    """Normalisation layers by channel, each with the convolution before it, whose result no other layer uses."""
    source = {id(operation.output): operation for operation in network.operations}
    uses = Counter(id(tensor) for operation in network.operations[1:] for tensor in keras.tree.flatten(operation.input))
    pairs = {}
    for operation in network.operations:
        if isinstance(operation, keras.layers.BatchNormalization):
            before = source[id(operation.input)]
            linear = isinstance(before, keras.layers.Conv2D | keras.layers.DepthwiseConv2D) and not before.use_bias
            if linear and before.activation is keras.activations.linear and uses[id(operation.input)] == 1:
                pairs[operation] = before
    return pairs
