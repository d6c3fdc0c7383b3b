"""A component of this package is one declaration: each parameter, input and output is named once, and TFX's spec class follows.

    @dataclass(frozen=True)
    class CountPhotosParameters:
        window: str

    class CountPhotosExecutor(OwnExecutor[CountPhotosParameters]):
        def work(self) -> None: ...

    class CountPhotos(OwnComponent):
        INPUTS = {"examples": Examples}
        OUTPUTS = {"count": PhotoCount}
        EXECUTOR = CountPhotosExecutor

The node's id is the name of the class. Its code is part of every cache key: a digest of the sources of its module is a parameter.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, ClassVar, get_type_hints

from tfx import types
from tfx.dsl.components.base import base_beam_component, base_component, executor_spec
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from flowers_tfx.code_digest import code_digest
from flowers_tfx.components.executor import PLAIN_TYPES

CODE = "code"


class OwnComponent(base_component.BaseComponent):
    """Subclasses override these defaults. A parameter with a default is set by the driver, not by the pipeline."""

    INPUTS: ClassVar[Mapping[str, type[types.Artifact]]] = {}
    OUTPUTS: ClassVar[Mapping[str, type[types.Artifact]]] = {}
    EXECUTOR: ClassVar[type[BaseExecutor]]
    # A dataclass; the executor's own by default.
    PARAMETERS: ClassVar[Any] = None
    # A spec of TFX whose parameters, inputs and outputs the component has as well.
    STOCK_SPEC: ClassVar[type[ComponentSpec]] = ComponentSpec
    # True if the outputs depend on more than inputs and parameters: a cache without drivers must not be used for it.
    LOOKS_OUTSIDE: ClassVar[bool] = False

    _EXECUTOR_SPEC_CLASS: ClassVar[type[executor_spec.ExecutorClassSpec]] = executor_spec.ExecutorClassSpec

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "EXECUTOR" in cls.__dict__:
            cls.PARAMETERS = cls.PARAMETERS or cls.EXECUTOR.PARAMETERS
            cls.SPEC_CLASS = _spec_class(cls)
            cls.EXECUTOR_SPEC = cls._EXECUTOR_SPEC_CLASS(cls.EXECUTOR)

    def __init__(self, **values: Any) -> None:
        """`values`: every input, a channel, and every parameter, a value or a placeholder. Raises TypeError for one missing or unknown."""
        spec = self.spec_class(values)
        declared = {**spec.PARAMETERS, **spec.INPUTS}
        required = [name for name, parameter in declared.items() if not parameter.optional and name != CODE]
        for name in [*values, *required]:
            if name not in declared or name == CODE:
                raise TypeError(f"{type(self).__name__} has no input or parameter {name!r}: it takes {', '.join(required)}.")
            if name not in values:
                raise TypeError(f"{type(self).__name__} needs the {'input' if name in spec.INPUTS else 'parameter'} {name!r}.")
        hints = get_type_hints(self.PARAMETERS)
        arguments = {name: _property(hints, name, value) for name, value in values.items()}
        channels = {name: types.Channel(type=parameter.type) for name, parameter in spec.OUTPUTS.items()}
        super().__init__(spec=spec(**arguments, **channels, code=code_digest(type(self).__module__)))

    @classmethod
    def spec_class(cls, values: Mapping[str, Any]) -> type[ComponentSpec]:
        """The spec of a node with these parameters; overridden where its outputs depend on them."""
        spec: type[ComponentSpec] = cls.SPEC_CLASS
        return spec


class OwnBeamComponent(OwnComponent, base_beam_component.BaseBeamComponent):
    """A component whose executor runs on Beam."""

    _EXECUTOR_SPEC_CLASS = executor_spec.BeamExecutorSpec


def _spec_class(component: type[OwnComponent]) -> type[ComponentSpec]:
    stock, hints = component.STOCK_SPEC, get_type_hints(component.PARAMETERS)
    parameters = {
        field.name: ExecutionParameter(type=_property_type(hints[field.name]), optional=field.default is not dataclasses.MISSING)
        for field in dataclasses.fields(component.PARAMETERS)
    }
    inherited: dict[str, dict[str, Any]] = {name: getattr(stock, name, None) or {} for name in ("PARAMETERS", "INPUTS", "OUTPUTS")}
    members = {
        "PARAMETERS": {**inherited["PARAMETERS"], **parameters, CODE: ExecutionParameter(type=str)},
        "INPUTS": {**inherited["INPUTS"], **{name: ChannelParameter(type=type_) for name, type_ in component.INPUTS.items()}},
        "OUTPUTS": {**inherited["OUTPUTS"], **{name: ChannelParameter(type=type_) for name, type_ in component.OUTPUTS.items()}},
        "__module__": component.__module__,
    }
    return type(f"{component.__name__}Spec", (stock,), members)


def _property_type(hint: Any) -> type:
    return hint if hint in PLAIN_TYPES else str


def _property(hints: Mapping[str, Any], name: str, value: Any) -> Any:
    """Inputs, and parameters of TFX's own spec, which have no hint, stay as they are."""
    return value if hints.get(name, str) in PLAIN_TYPES else json.dumps(value)
