"""A sweep: the same run with every combination of some settings, one after another. Nothing is published: the comparison comes first."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from flowers_tfx.config import PipelineConfig, with_overrides
from flowers_tfx.config.pipeline import known_keys
from flowers_tfx.errors import ExplainedFailure, InputError
from flowers_tfx.orchestration.run_report import RunReport

# The last node of a sweep's runs: those after it publish.
LAST_NODE = "Evaluator"
MOST_RUNS = 100
_HINT = "Write it as --sweep KEY=VALUE,VALUE, such as --sweep model.alpha=0.35,0.5; a value that is a list stands in brackets."
# These name places, which all runs of a sweep share: the cache and the comparison live there.
_PLACES = ("name", "data_root", "pipeline_root", "metadata", "registry")


@dataclass(frozen=True)
class Combination:
    """`overrides`: KEY=VALUE, as after `--set`."""

    overrides: tuple[str, ...]
    config: PipelineConfig

    @property
    def title(self) -> str:
        return ", ".join(self.overrides)


@dataclass(frozen=True)
class SweptRun:
    """`report` is None for a run that did not start; `error` and `hint` say why."""

    combination: Combination
    report: RunReport | None
    error: str = ""
    hint: str = ""

    @property
    def status(self) -> str:
        return self.report.status if self.report else "failed"


@dataclass(frozen=True)
class Outlook:
    """Before a run: its `number` of `total`; `seconds_left` for it and those after it, by the runs before; None before the first."""

    combination: Combination
    number: int
    total: int
    seconds_left: float | None


def combinations(config: PipelineConfig, sweeps: Sequence[str]) -> list[Combination]:
    """Every combination of the values, all valid: raises InputError for the first that is not, before anything runs."""
    grid = _grid(sweeps)
    total = 1
    for values in grid.values():
        total *= len(values)
    if total > MOST_RUNS:
        raise InputError(f"The sweep has {total} runs, more than {MOST_RUNS}.", "Leave values out, or use two sweeps.")
    chosen = []
    for row in itertools.product(*grid.values()):
        overrides = tuple(f"{key}={value}" for key, value in zip(grid, row, strict=True))
        try:
            chosen.append(Combination(overrides, with_overrides(config, overrides)))
        except InputError as error:
            raise InputError(f"The sweep's run with {', '.join(overrides)} cannot start. {error.message}", error.hint) from None
    return chosen


def run_sweep(
    chosen: Sequence[Combination], run: Callable[[PipelineConfig], RunReport], announce: Callable[[Outlook], None]
) -> Iterator[SweptRun]:
    """Each combination once, in order. A run that fails, or cannot start, does not stop those after it."""
    seconds: list[float] = []
    for number, combination in enumerate(chosen, 1):
        mean = sum(seconds) / len(seconds) if seconds else None
        announce(Outlook(combination, number, len(chosen), None if mean is None else mean * (len(chosen) - number + 1)))
        started = time.monotonic()
        try:
            yield SweptRun(combination, run(combination.config))
        except (InputError, ExplainedFailure) as error:
            yield SweptRun(combination, None, error.message, error.hint)
        seconds.append(time.monotonic() - started)


def _grid(sweeps: Sequence[str]) -> Mapping[str, list[str]]:
    grid: dict[str, list[str]] = {}
    for sweep in sweeps:
        name, equals, text = sweep.partition("=")
        key, values = name.strip(), _split(text)
        if not key or not equals or not all(values):
            raise InputError(f"--sweep {sweep!r} is not a key with values.", _HINT)
        if key in grid or len(set(values)) < len(values):
            raise InputError(f"--sweep {sweep!r} names {'a key' if key in grid else 'a value'} twice.", _HINT)
        if key in _PLACES:
            raise InputError(f"--sweep {key}: the runs of a sweep share their places.", "Use --set, and a sweep for each place.")
        if key not in {name for name, _, _ in known_keys()}:
            with_overrides(PipelineConfig(), [f"{key}={values[0]}"])  # raises the error that names the nearest key
        grid[key] = values
    return grid


def _split(text: str) -> list[str]:
    """At commas outside brackets."""
    values, depth = [""], 0
    for character in text:
        depth += (character in "[{(") - (character in "]})")
        if character == "," and depth == 0:
            values.append("")
        else:
            values[-1] += character
    return [value.strip() for value in values]
