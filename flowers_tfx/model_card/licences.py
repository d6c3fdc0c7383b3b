"""Licences of the backbones' networks and ImageNet weights, as their publishers state them."""

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
