"""What is taken in, and what makes a model: delivery, network, training, and the floors of its evaluation."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from flowers_tfx.config.section import Section, listed, switch

BACKBONES = ("MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large")
Augmentation = Literal["flip", "crop", "color"]
AUGMENTATIONS: tuple[Augmentation, ...] = ("flip", "crop", "color")


def _augmentations(value: Any) -> Any:
    if isinstance(value, bool):
        return AUGMENTATIONS if value else ()
    if value in (None, "none"):
        return ()
    return AUGMENTATIONS if value == "all" else listed(value)


class IngestConfig(Section):
    csv: str = Field("", description="CSV of `uri,label` lines to take in at the start of each run; empty: no IngestImages node")
    labels: str = Field("", description="labels file of the delivery, a class a line; empty: the pipeline's own `labels`")
    split_salt: str = Field("", description="changes which photos fall into train, eval and test")
    shards: int = Field(1, ge=1, le=10_000, description="TFRecord files per split of a span")
    max_pixels: int = Field(50_000_000, ge=1_000_000, description="larger photos are set aside, px")


class ModelConfig(Section):
    backbone: str = Field("MobileNetV2", description=f"one of {', '.join(BACKBONES)}")
    alpha: float = Field(0.35, gt=0, le=2, description="width multiplier of the backbone")
    image_size: int = Field(224, ge=32, le=1024, description="side of the square pictures that the network sees, px")
    weights: str = Field("imagenet", description="`imagenet`, `none` (train from scratch), or a path or bucket URI of an .h5 file")

    @field_validator("backbone")
    @classmethod
    def _known_backbone(cls, value: str) -> str:
        plain = {name.lower(): name for name in BACKBONES} | {"mobilenetv1": "MobileNet"}
        name = plain.get(value.lower().replace("_", "").replace("-", "").replace(" ", ""))
        if name is None:
            raise ValueError(f"must be one of {', '.join(BACKBONES)}")
        return name


class TrainingConfig(Section):
    head_epochs: int = Field(60, ge=0, le=10_000, description="epochs of stage 1: the head, on features computed once")
    fine_tune_layers: int = Field(0, ge=-1, description="stage 2 trains the last N layers of the backbone; 0: no stage 2; `all` or -1: all")
    fine_tune_epochs: int = Field(
        25,
        ge=0,
        le=10_000,
        description="epochs of stage 2 at most, or of the whole training with `weights: none` (there, 0: as many as head_epochs)",
    )
    batch_size: int = Field(16, ge=1, le=65_536, description="photos per step")
    learning_rate: float = Field(3e-4, gt=0, le=1, description="peak learning rate of stage 2 (of the whole training with `weights: none`)")
    head_learning_rate: float = Field(1e-3, gt=0, le=1, description="learning rate of stage 1")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="the same seed gives the same model, bit for bit, on a CPU")
    class_weights: bool = Field(False, description="weigh classes by their inverse frequency")
    augment: Annotated[tuple[Augmentation, ...], BeforeValidator(_augmentations)] = Field(
        AUGMENTATIONS, description="augmentations of stage 2, a list; `all` or `none`"
    )
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"] = Field(
        "auto", description="`auto`: mixed_float16 on a GPU, float32 on a CPU"
    )
    xla: Annotated[Literal["auto", "on", "off"], BeforeValidator(switch)] = Field("auto", description="`auto`: on with a GPU only")

    @field_validator("fine_tune_layers", mode="before")
    @classmethod
    def _all_layers(cls, value: Any) -> Any:
        return {"all": -1, "none": 0}.get(value, value) if isinstance(value, str) else value


class EvaluationConfig(Section):
    min_accuracy: float = Field(0.6, ge=0, le=1, description="a candidate below this accuracy on `test` is not blessed")
    max_drop: float = Field(0.02, ge=0, le=1, description="how far below the serving model's accuracy a candidate may lie")
