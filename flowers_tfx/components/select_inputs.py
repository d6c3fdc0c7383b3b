"""SelectInputs: the only node that reads the data root and the registry. It outputs the selection as three strings, `window`, `baseline`
and `decisions`, and every node after it is a function of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from tfx.orchestration.portable import data_types
from tfx.types import standard_artifacts

from flowers_tfx.components.executor import OwnExecutor, read_parameters
from flowers_tfx.components.outside_driver import CACHE_KEY, OutsideDriver
from flowers_tfx.components.own_component import OwnComponent
from flowers_tfx.selection import Selection, select


@dataclass(frozen=True)
class SelectInputsParameters:
    """`span_window` is "all" or a number; `cache_key` is the selection as the driver found it, empty if the runner calls no drivers."""

    data_root: str
    registry: str
    span_window: str
    labels: list[str]
    settings_digest: str
    cache_key: str = ""


class SelectInputsDriver(OutsideDriver):
    """Selects before the cache lookup: the same selection is a hit, another one is a miss."""

    def observe(self, execution_info: data_types.ExecutionInfo) -> Mapping[str, str]:
        selection = _select(read_parameters(SelectInputsParameters, execution_info.exec_properties))
        return {CACHE_KEY: json.dumps(asdict(selection), sort_keys=True)}


class SelectInputsExecutor(OwnExecutor[SelectInputsParameters]):
    def work(self) -> None:
        key = self.parameters.cache_key
        selection = Selection(**json.loads(key)) if key else _select(self.parameters)
        for name, value in asdict(selection).items():
            self.output(name).value = value


class SelectInputs(OwnComponent):
    OUTPUTS = dict.fromkeys(("window", "baseline", "decisions"), standard_artifacts.String)
    EXECUTOR = SelectInputsExecutor
    DRIVER_CLASS = SelectInputsDriver
    LOOKS_OUTSIDE = True


def _select(parameters: SelectInputsParameters) -> Selection:
    span_window = parameters.span_window if parameters.span_window == "all" else int(parameters.span_window)
    return select(parameters.data_root, parameters.registry, span_window, parameters.labels, parameters.settings_digest)
