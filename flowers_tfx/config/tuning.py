"""The section `tuning`: the search for better training settings. The node Tuner reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator

from flowers_tfx.config.section import Section, first_problem
from flowers_tfx.config.training import FINE_TUNE_STAGE, HEAD_STAGE, TrainingConfig, tunable_keys

Search = Literal["random", "bayesian", "hyperband"]
HYPERBAND: Search = "hyperband"
Sampling = Literal["linear", "log"]


class Range(Section):
    """Numbers from `min` to `max`, both included; `log`: each factor is as likely as any other."""

    min: float
    max: float
    sampling: Sampling = "linear"


Choices = tuple[Any, ...]
Space = dict[str, Range | Choices]

_REGULARISATION: Space = {"dropout": Range(min=0, max=0.7), "label_smoothing": Range(min=0, max=0.3)}
_HEAD_SPACE: Space = {
    "head_learning_rate": Range(min=1e-4, max=1e-2, sampling="log"),
    "head_weight_decay": Range(min=1e-3, max=3, sampling="log"),
    **_REGULARISATION,
    "batch_size": (8, 16, 32, 64),
}
_FINE_TUNE_SPACE: Space = {"learning_rate": Range(min=3e-5, max=3e-3, sampling="log"), **_REGULARISATION, "batch_size": (16, 32)}


def _parse_space(value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError("must name keys of the section `training`, each with a range or a list of values")
    return {str(key): _parse_dimension(str(key), dimension) for key, dimension in value.items()}


def _parse_dimension(key: str, dimension: Any) -> Range | Choices:
    if isinstance(dimension, Range):
        return dimension
    if isinstance(dimension, Mapping):
        try:
            return Range.model_validate(dict(dimension))
        except ValidationError as error:
            name, reason, _ = first_problem(error)
            raise ValueError(f"{key}.{name}: {reason}") from None
    if isinstance(dimension, Sequence) and not isinstance(dimension, str) and len(dimension) > 1:
        return tuple(_plain(key, choice) for choice in dimension)
    raise ValueError(f"{key} needs `{{min: ..., max: ..., sampling: linear or log}}`, or a list of two values or more")


def _plain(key: str, choice: Any) -> Any:
    """A choice as `training.KEY` would store it; lists as text, since a search chooses among plain values."""
    if key not in TrainingConfig.model_fields:
        return choice  # the key is refused below
    stored = _training_value(key, choice)
    return ",".join(stored) or "none" if isinstance(stored, tuple) else stored


def _training_value(key: str, value: Any) -> Any:
    try:
        return getattr(TrainingConfig.model_validate({key: value}), key)
    except ValidationError as error:
        raise ValueError(f"{key} cannot be {value!r}: {first_problem(error)[1]}") from None


def _check_range(key: str, dimension: Range) -> None:
    if TrainingConfig.model_fields[key].annotation not in (int, float):
        raise ValueError(f"{key} is not a number: give a list of values")
    if dimension.min >= dimension.max:
        raise ValueError(f"{key}: min must be less than max")
    if dimension.sampling == "log" and dimension.min <= 0:
        raise ValueError(f"{key}: sampling `log` needs a min above 0")
    for value in (dimension.min, dimension.max):
        _training_value(key, value)


class TuningConfig(Section):
    trials: int = Field(0, ge=0, le=1000, description="trials of the search; 0: no search, the node Tuner is left out")
    search: Search = Field(
        "random",
        description="`random` or `bayesian`: trials train the head on features that are computed once, seconds each; "
        "`hyperband`: trials fine-tune, and only the best of them for all epochs",
    )
    space: Annotated[Space, BeforeValidator(_parse_space)] = Field(
        {},
        description="keys of `training` to search, each with a range, `{dropout: {min: 0, max: 0.7}}` (`sampling: log` for factors), or "
        "a list of values, `{batch_size: [8, 16]}`; empty: the usual ones (docs/tuning.md)",
    )
    holdout: float = Field(
        0.25,
        gt=0,
        lt=1,
        description="share of the split `train` that no trial sees: there the best settings are compared with the configured",
    )
    source: str = Field(
        "",
        alias="from",
        description="take the best settings of an earlier search instead: a run id, or a path or bucket URI of its best_hyperparameters",
    )

    @field_validator("space")
    @classmethod
    def _space_of_the_search(cls, space: Space, info: ValidationInfo) -> Space:
        search = info.data.get("search", "random")
        known = tunable_keys(*_stages(search))
        for key, dimension in space.items():
            if key not in known:
                raise ValueError(f"{key} changes nothing that a {search} search can judge; it can search {', '.join(known)}")
            if isinstance(dimension, Range):
                _check_range(key, dimension)
        return space

    @field_validator("source")
    @classmethod
    def _search_or_import(cls, source: str, info: ValidationInfo) -> str:
        if source and info.data.get("trials"):
            raise ValueError("settings are either searched or taken from an earlier search: set tuning.trials to 0")
        return source

    @property
    def searched_space(self) -> Space:
        """The keys to search, with the usual ones where none are named."""
        return self.space or (_FINE_TUNE_SPACE if self.search == HYPERBAND else _HEAD_SPACE)

    @property
    def plain(self) -> dict[str, Any]:
        """What a search depends on, as JSON values."""
        return self.model_copy(update={"space": self.searched_space}).model_dump(mode="json", exclude={"source"})


def _stages(search: Search) -> tuple[str, ...]:
    return (HEAD_STAGE, FINE_TUNE_STAGE) if search == HYPERBAND else (HEAD_STAGE,)
