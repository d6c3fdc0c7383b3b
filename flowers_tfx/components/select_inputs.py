"""SelectInputs: the only node that reads the data root, the registry and the clock. It outputs the selection as three strings, `window`,
`baseline` and `decisions`, and one more for each duration after which cached results expire: the period that the run lies in. Every node
after it is a function of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from tfx.orchestration.portable import data_types
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec

from flowers_tfx.components.executor import OwnExecutor, read_parameters
from flowers_tfx.components.outside_driver import CACHE_KEY, OutsideDriver
from flowers_tfx.components.own_component import OwnComponent
from flowers_tfx.selection import select
from flowers_tfx.staleness import period, period_output


@dataclass(frozen=True)
class SelectInputsParameters:
    """`span_window` is "all" or a number; `durations`: those whose periods are outputs; `warm_start`: the shape of a network that starts
    from the serving model, or empty; `approvals`: how many names a decision of reviewers needs; `cache_key`: the outputs as the driver
    found them, as JSON, empty if the runner calls no drivers."""

    data_root: str
    registry: str
    span_window: str
    labels: list[str]
    settings_digest: str
    durations: list[str]
    warm_start: dict[str, Any]
    approvals: int
    cache_key: str = ""


class SelectInputsDriver(OutsideDriver):
    """Selects before the cache lookup: the same selection is a hit, another one is a miss."""

    def observe(self, execution_info: data_types.ExecutionInfo) -> Mapping[str, str]:
        outputs = observe_outputs(read_parameters(SelectInputsParameters, execution_info.exec_properties))
        return {CACHE_KEY: json.dumps(outputs, sort_keys=True)}


class SelectInputsExecutor(OwnExecutor[SelectInputsParameters]):
    def work(self) -> None:
        key = self.parameters.cache_key
        outputs = json.loads(key) if key else observe_outputs(self.parameters)
        for name, value in outputs.items():
            self.output(name).value = value


class SelectInputs(OwnComponent):
    OUTPUTS = dict.fromkeys(("window", "baseline", "decisions"), standard_artifacts.String)
    EXECUTOR = SelectInputsExecutor
    DRIVER_CLASS = SelectInputsDriver
    LOOKS_OUTSIDE = True

    @classmethod
    def spec_class(cls, values: Mapping[str, Any]) -> type[ComponentSpec]:
        """With an output for the period of each duration."""
        stock = super().spec_class(values)
        periods = {period_output(duration): ChannelParameter(type=standard_artifacts.String) for duration in values["durations"]}
        return type(stock.__name__, (stock,), {"OUTPUTS": {**stock.OUTPUTS, **periods}, "__module__": cls.__module__})


def observe_outputs(parameters: SelectInputsParameters) -> dict[str, str]:
    """The value of each output. The clock is read once: nodes of one run never disagree on the period that they are in."""
    span_window = parameters.span_window if parameters.span_window == "all" else int(parameters.span_window)
    selection = select(
        parameters.data_root,
        parameters.registry,
        span_window,
        parameters.labels,
        parameters.settings_digest,
        parameters.warm_start,
        parameters.approvals,
    )
    now = datetime.now(timezone.utc)
    return {**asdict(selection), **{period_output(duration): period(duration, now) for duration in parameters.durations}}
