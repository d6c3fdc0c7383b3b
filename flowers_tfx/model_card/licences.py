"""Licences of the backbones' networks and ImageNet weights.

Networks: keras is published under Apache-2.0 (its LICENSE and the package's metadata). Weights:
MobileNet, MobileNetV2: Keras's documentation of applications (docs/templates/applications.md of keras-team/keras 2.1) names the
Apache License of tensorflow/models. ConvNeXt: "This project is released under the MIT license" (README of facebookresearch/ConvNeXt).
MobileNetV3, EfficientNetV2: no statement on the Keras files themselves; the licence of the repository that publishes the checkpoints
(tensorflow/models; google/automl), which model cards of conversions repeat, such as timm/tf_efficientnetv2_b0.in1k.
"""

from __future__ import annotations

from typing import Any

# SPDX identifiers of the published weights.
_WEIGHTS = {
    "MobileNet": "Apache-2.0",
    "MobileNetV2": "Apache-2.0",
    "MobileNetV3Small": "Apache-2.0",
    "MobileNetV3Large": "Apache-2.0",
    "EfficientNetV2B0": "Apache-2.0",
    "ConvNeXtTiny": "MIT",
}
NETWORK_LICENCE = "Apache-2.0"  # of keras.applications


def backbone_licence(backbone: str, weights: str) -> dict[str, Any]:
    """`weights`: "imagenet", "none" or a file, as configured. The licence of a file's weights is not recorded, so it is None."""
    return {"network": NETWORK_LICENCE, "weights": _WEIGHTS.get(backbone) if weights == "imagenet" else None}
