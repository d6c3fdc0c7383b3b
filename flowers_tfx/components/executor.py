"""The base class of the executors of this package: parameters by name, artifacts as folders on this machine."""

from __future__ import annotations

import dataclasses
import json
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from flowers_tfx.components.local_artifacts import local_artifacts

Parameters = TypeVar("Parameters")
PLAIN_TYPES = (str, int, float)  # execution properties as they are; a parameter of any other type travels as JSON


def read_parameters(cls: type[Parameters], exec_properties: Mapping[str, Any]) -> Parameters:
    """Execution properties as an instance of `cls`, a dataclass; one that is missing or None keeps its default."""
    types_by_name = get_type_hints(cls)
    values = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        value = exec_properties.get(field.name)
        if value is not None:
            values[field.name] = value if types_by_name[field.name] in PLAIN_TYPES else json.loads(value)
    return cls(**values)


class OwnExecutor(base_executor.BaseExecutor, Generic[Parameters]):
    """`class XExecutor(OwnExecutor[XParameters])` implements `work`, which reads inputs, outputs and parameters from `self`."""

    PARAMETERS: type[Parameters]
    # Executors that run on Beam turn it off: Beam's workers read and write buckets themselves.
    COPIES_ARTIFACTS = True

    parameters: Parameters
    inputs: dict[str, list[types.Artifact]]
    outputs: dict[str, list[types.Artifact]]
    exec_properties: dict[str, Any]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for base in cls.__dict__.get("__orig_bases__", ()):
            if get_origin(base) is OwnExecutor:
                (cls.PARAMETERS,) = get_args(base)

    @abstractmethod
    def work(self) -> None:
        """Reads the inputs and writes the outputs of the component; every executor implements it."""

    def Do(
        self, input_dict: dict[str, list[types.Artifact]], output_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]
    ) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
        self.inputs, self.outputs, self.exec_properties = input_dict, output_dict, exec_properties
        self.parameters = read_parameters(self.PARAMETERS, exec_properties)
        if self.COPIES_ARTIFACTS:
            with local_artifacts(input_dict, output_dict):
                self.work()
        else:
            self.work()

    @property
    def run_id(self) -> str:
        return str((self._context and self._context.pipeline_run_id) or "")

    def input(self, name: str) -> types.Artifact:
        return artifact_utils.get_single_instance(self.inputs[name])

    def output(self, name: str) -> types.Artifact:
        return artifact_utils.get_single_instance(self.outputs[name])

    def input_folder(self, name: str) -> Path:
        return Path(self.input(name).uri)

    def output_folder(self, name: str) -> Path:
        """The folder of an output; it exists, and is empty until this executor writes into it."""
        folder = Path(self.output(name).uri)
        folder.mkdir(parents=True, exist_ok=True)
        return folder
