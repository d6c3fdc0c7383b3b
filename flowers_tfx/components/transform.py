"""Transform: TFX's own on this package's preprocessing_fn, whose code is part of the cache key: TFX identifies it only by its path."""

from __future__ import annotations

from tfx import types
from tfx.components.transform import component
from tfx.proto import transform_pb2

from flowers_tfx.code_digest import code_digest

PREPROCESSING = "flowers_tfx.model.preprocessing"


class Transform(component.Transform):
    CODE_MODULE = PREPROCESSING

    def __init__(self, examples: types.BaseChannel, schema: types.BaseChannel, image_size: int, labels: list[str]) -> None:
        super().__init__(
            examples=examples,
            schema=schema,
            preprocessing_fn=f"{PREPROCESSING}.preprocessing_fn",
            # Nothing is analysed over the data, and Evaluator reads the photos themselves.
            splits_config=transform_pb2.SplitsConfig(analyze=["train"], transform=["train", "eval"]),
            disable_statistics=True,
            custom_config={"image_size": image_size, "labels": labels, "code": code_digest(PREPROCESSING)},
        )
