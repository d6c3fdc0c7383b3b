"""The sections `model` and `training`: the network and how it is trained. The Trainer reads both."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from flowers_tfx.backbones import BACKBONE_NAMES, Backbone, find_backbone
from flowers_tfx.config.section import Section, parse_on_off, split_commas

IMAGENET, NO_WEIGHTS = "imagenet", "none"
Augmentation = Literal["flip", "crop", "color"]
AUGMENTATIONS: tuple[Augmentation, ...] = get_args(Augmentation)
Precision = Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"]
Switch = Literal["auto", "on", "off"]
Start = Literal["weights", "serving"]
WEIGHTS, SERVING = get_args(Start)
# Which stage a setting changes: a search can vary it where its trials train that stage. Other settings are no matter of a search.
HEAD_STAGE, FINE_TUNE_STAGE = "head", "fine_tune"


def _augmentations(value: Any) -> Any:
    if isinstance(value, bool):
        return AUGMENTATIONS if value else ()
    if value in (None, "none"):
        return ()
    return AUGMENTATIONS if value == "all" else split_commas(value)


class _Width(float):
    """A width that nobody chose: each backbone has its own."""


class ModelConfig(Section):
    backbone: str = Field("MobileNetV2", description=f"one of {', '.join(BACKBONE_NAMES)}")
    alpha: float = Field(
        _Width(0.35),
        gt=0,
        le=2,
        validate_default=True,
        description="width multiplier of the backbone; default: the smallest with ImageNet weights, 1.0 where the backbone has none",
    )
    image_size: int = Field(224, le=1024, validate_default=True, description="side of the square pictures that the network sees, px")
    weights: str = Field(
        IMAGENET, validate_default=True, description="`imagenet`, `none` (train from scratch), or a path or bucket URI of an .h5 file"
    )

    @property
    def pretrained(self) -> bool:
        return self.weights != NO_WEIGHTS

    @property
    def weights_path(self) -> Path | None:
        """A weights file on this machine; None if the weights come from elsewhere or there are none."""
        return None if self.weights in (IMAGENET, NO_WEIGHTS) or "://" in self.weights else Path(self.weights)

    @field_validator("backbone")
    @classmethod
    def _known_backbone(cls, value: str) -> str:
        row = find_backbone(value)
        if row is None:
            raise ValueError(f"must be one of {', '.join(BACKBONE_NAMES)}")
        return row.name

    @field_validator("alpha", mode="before")
    @classmethod
    def _default_width(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, _Width):
            return value
        row = _row(info)
        return row.default_alpha if row else float(value)

    @field_validator("alpha")
    @classmethod
    def _width_of_the_backbone(cls, value: float, info: ValidationInfo) -> float:
        row = _row(info)
        if row and not row.has_alpha and value != 1.0:
            raise ValueError(f"must be 1.0, since {row.name} has no width multiplier")
        return value

    @field_validator("image_size")
    @classmethod
    def _size_of_the_backbone(cls, value: int, info: ValidationInfo) -> int:
        row = _row(info)
        if row and value < row.min_image_size:
            raise ValueError(f"{row.name} needs {row.min_image_size} px or more")
        return value

    @field_validator("weights")
    @classmethod
    def _weights_of_the_backbone(cls, value: str, info: ValidationInfo) -> str:
        row, alpha = _row(info), info.data.get("alpha")
        if value == IMAGENET and alpha and row and row.has_alpha and alpha not in row.imagenet_alphas:
            alphas = ", ".join(map(str, row.imagenet_alphas))
            raise ValueError(f"{row.name} has ImageNet weights for alpha {alphas}, not for alpha {alpha}")
        return value


def _row(info: ValidationInfo) -> Backbone | None:
    """The row of the section's backbone; None if the backbone is invalid."""
    return find_backbone(info.data.get("backbone", ""))


def _tunes(*stages: str) -> dict[str, Any]:
    return {"stages": list(stages)}


class TrainingConfig(Section):
    start: Start = Field(
        WEIGHTS,
        description="where training starts: `weights`, those of model.weights, or `serving`, the serving model's, if there is one",
    )
    head_epochs: int = Field(
        60, ge=0, le=10_000, description="epochs of stage 1: the head, on features computed once", json_schema_extra=_tunes(HEAD_STAGE)
    )
    fine_tune_layers: int = Field(
        0,
        ge=-1,
        description="stage 2 trains the last N layers of the backbone; 0: no stage 2; `all` or -1: all",
        json_schema_extra=_tunes(FINE_TUNE_STAGE),
    )
    fine_tune_epochs: int = Field(
        25,
        ge=0,
        le=10_000,
        description="epochs of stage 2 at most, or of the whole training with `weights: none` (there, 0: as many as head_epochs)",
    )
    batch_size: int = Field(16, ge=1, le=65_536, description="photos per step", json_schema_extra=_tunes(HEAD_STAGE, FINE_TUNE_STAGE))
    learning_rate: float = Field(
        3e-4,
        gt=0,
        le=1,
        description="peak learning rate of stage 2 (of the whole training with `weights: none`)",
        json_schema_extra=_tunes(FINE_TUNE_STAGE),
    )
    head_learning_rate: float = Field(1e-3, gt=0, le=1, description="learning rate of stage 1", json_schema_extra=_tunes(HEAD_STAGE))
    head_weight_decay: float = Field(
        0.0,
        ge=0,
        lt=100,
        description="decoupled weight decay of stage 1 (AdamW): each step shrinks the weights by this share of the learning rate",
        json_schema_extra=_tunes(HEAD_STAGE),
    )
    dropout: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="share of the features that the head does not see at a training step",
        json_schema_extra=_tunes(HEAD_STAGE, FINE_TUNE_STAGE),
    )
    label_smoothing: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="share of each label's weight that is spread over all classes",
        json_schema_extra=_tunes(HEAD_STAGE, FINE_TUNE_STAGE),
    )
    patience: int = Field(
        10,
        ge=1,
        le=10_000,
        description="a stage ends after so many epochs without a lower loss on `eval`",
        json_schema_extra=_tunes(HEAD_STAGE, FINE_TUNE_STAGE),
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="the same seed gives the same model, bit for bit, on a CPU")
    class_weights: bool = Field(
        False, description="weigh classes by their inverse frequency", json_schema_extra=_tunes(HEAD_STAGE, FINE_TUNE_STAGE)
    )
    augment: Annotated[tuple[Augmentation, ...], BeforeValidator(_augmentations)] = Field(
        AUGMENTATIONS, description="augmentations of stage 2, a list; `all` or `none`", json_schema_extra=_tunes(FINE_TUNE_STAGE)
    )
    precision: Precision = Field("auto", description="`auto`: mixed_float16 on a GPU, float32 on a CPU")
    xla: Annotated[Switch, BeforeValidator(parse_on_off)] = Field("auto", description="`auto`: on with a GPU only")

    @property
    def fine_tunes(self) -> bool:
        return self.fine_tune_layers != 0 and self.fine_tune_epochs > 0

    @property
    def scratch_epochs(self) -> int:
        """Epochs of the single stage without pretrained weights."""
        return self.fine_tune_epochs or self.head_epochs

    @field_validator("fine_tune_layers", mode="before")
    @classmethod
    def _all_layers(cls, value: Any) -> Any:
        return {"all": -1, "none": 0}.get(value, value) if isinstance(value, str) else value

    def with_values(self, values: Mapping[str, Any]) -> TrainingConfig:
        """With other values of some settings. Raises ValidationError for one that is unknown or impossible."""
        return TrainingConfig.model_validate({**self.model_dump(), **values})


def tunable_keys(*stages: str) -> tuple[str, ...]:
    """The settings that change what these stages learn."""
    fields = TrainingConfig.model_fields.items()
    extras = {name: field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {} for name, field in fields}
    return tuple(name for name, extra in extras.items() if set(stages) & set(map(str, extra.get("stages", ()))))  # type: ignore[arg-type]
