"""The section `explain`: the page that explains a model. The node Explainer reads it; nothing of it trains again."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from flowers_tfx.config.section import Section


class ExplainConfig(Section):
    photos: int = Field(
        20,
        ge=0,
        le=1000,
        description="photos of each class, of the split `test`, whose answers are explained one by one; 0: no page, the node is left out",
    )
    method: Literal["rise", "ig", "guided-ig", "xrai"] = Field(
        "rise", description="how a photo's answer is explained: `rise` needs no gradients; the others are PAIR's saliency"
    )
