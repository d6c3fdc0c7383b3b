"""The section `unknown`: how a model tells that a photo shows none of its classes. The Trainer reads it."""

from __future__ import annotations

from pydantic import Field

from flowers_tfx.config.section import Section


class UnknownConfig(Section):
    refused: float = Field(
        0.05,
        ge=0,
        le=0.5,
        description="share of the photos of known classes that may be answered with `not known`; 0: every photo is known",
    )
    photos: int = Field(
        4000,
        ge=10,
        le=100_000,
        description="training photos that a new one is compared with at most, spread over the classes; 512 bytes each",
    )
