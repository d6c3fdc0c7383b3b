"""The networks that a model can be built on, one row each. A further network needs only a row in `BACKBONES`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# One number for all colour channels, or one for red, green and blue each.
Channels = float | tuple[float, float, float]
_FULL_RANGE: tuple[Channels, Channels] = (1 / 127.5, -1.0)  # 0..255 to -1..1


@dataclass(frozen=True)
class Backbone:
    """A function of keras.applications, and what its ImageNet weights expect.

    imagenet_alphas: width multipliers that have ImageNet weights; empty if the network has no width multiplier.
    rescaling: factor and offset that turn pixels of 0..255 into its input; None if the network rescales pixels itself.
    arguments: passed to the function besides the input shape, the width, the pooling and the weights.
    """

    name: str
    imagenet_alphas: tuple[float, ...] = ()
    rescaling: tuple[Channels, Channels] | None = _FULL_RANGE
    arguments: Mapping[str, Any] = field(default_factory=dict)
    pooling: str = "avg"  # of the last layer without top: this makes the features
    min_image_size: int = 32  # px
    spellings: tuple[str, ...] = ()  # other names, in lower case without separators

    @property
    def has_alpha(self) -> bool:
        return bool(self.imagenet_alphas)

    @property
    def default_alpha(self) -> float:
        """The smallest width with ImageNet weights."""
        return self.imagenet_alphas[0] if self.imagenet_alphas else 1.0


_V3 = {"include_preprocessing": False}
BACKBONES = (
    Backbone("MobileNet", (0.25, 0.5, 0.75, 1.0), spellings=("mobilenetv1",)),
    Backbone("MobileNetV2", (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)),
    Backbone("MobileNetV3Small", (0.75, 1.0), arguments=_V3),
    Backbone("MobileNetV3Large", (0.75, 1.0), arguments=_V3),
    Backbone("EfficientNetV2B0", rescaling=None),
    Backbone("ConvNeXtTiny", rescaling=None),
)
BACKBONE_NAMES = tuple(row.name for row in BACKBONES)


def find_backbone(name: str) -> Backbone | None:
    """The row of a name in any case, with or without `-`, `_` and blanks."""
    plain = name.lower().replace("_", "").replace("-", "").replace(" ", "")
    return next((row for row in BACKBONES if plain == row.name.lower() or plain in row.spellings), None)
