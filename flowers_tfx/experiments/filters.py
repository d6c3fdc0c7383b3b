"""`--where "model.alpha=0.35"`: which runs are compared."""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowers_tfx.errors import InputError
from flowers_tfx.experiments.experiment import Experiment
from flowers_tfx.experiments.run_settings import setting_text

_HINT = 'Write it as --where "KEY=VALUE", such as --where model.alpha=0.35 or --where "accuracy>=0.8"; also !=, <, <= and >.'
_EXPRESSION = re.compile(r"\s*(?P<key>.+?)\s*(?P<operator><=|>=|!=|=|<|>)\s*(?P<value>.*?)\s*")
_LONGEST = 1_000
_Compare = Callable[[Any, Any], bool]
_EQUALITY: Mapping[str, _Compare] = {"=": operator.eq, "!=": operator.ne}
_ORDER: Mapping[str, _Compare] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True)
class Condition:
    key: str
    operator: str
    value: str

    def holds(self, facts: Mapping[str, Any]) -> bool:
        """False for a run that does not have the value. Numbers are compared as numbers, everything else as text."""
        if facts.get(self.key) is None:
            return False
        own, wanted = _number(facts[self.key]), _number(self.value)
        if own is not None and wanted is not None:
            return {**_EQUALITY, **_ORDER}[self.operator](own, wanted)
        return self.operator in _EQUALITY and _EQUALITY[self.operator](setting_text(facts[self.key]), self.value)


def select_experiments(experiments: Sequence[Experiment], expressions: Iterable[str]) -> list[Experiment]:
    """The runs for which all expressions hold. Raises InputError for one that cannot be read, and for a key that no run has."""
    conditions = [_parse(expression) for expression in expressions]
    facts = [run_facts(experiment) for experiment in experiments]
    for condition in conditions:
        _check_known(condition, facts)
    return [one for one, own in zip(experiments, facts, strict=True) if all(condition.holds(own) for condition in conditions)]


def run_facts(experiment: Experiment) -> dict[str, Any]:
    """Everything that a run can be chosen by: settings, metrics, and what the table shows besides."""
    return {
        **experiment.settings,
        **{name: metric.value for name, metric in experiment.metrics.items()},
        "run_id": experiment.run_id,
        "pipeline": experiment.run.record.pipeline,
        "status": experiment.run.status,
        "started": experiment.run.record.started.isoformat(),
        "review": experiment.run.verdict,
        "blessed": experiment.blessed,
        "version": experiment.version,
        "baseline": experiment.data.baseline,
        "data": experiment.data.digest or None,
        "photos": experiment.data.examples,
        "spans": ",".join(str(span["span"]) for span in experiment.data.spans) or None,
    }


def require_key(key: str, known: Iterable[str], what: str) -> None:
    """Raises InputError with the nearest known key."""
    names = sorted(known)
    if key not in names:
        near = difflib.get_close_matches(key, names, 3, 0.4) or difflib.get_close_matches(key.rpartition(".")[2], names, 3, 0.3)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"Known are {', '.join(names)}."
        raise InputError(f"No run has the {what} {key}.", hint)


def _parse(expression: str) -> Condition:
    match = _EXPRESSION.fullmatch(expression) if len(expression) <= _LONGEST else None
    if match is None or not match["value"]:
        raise InputError(f"--where {expression[:_LONGEST]!r} is not a condition.", _HINT)
    return Condition(match["key"], match["operator"], match["value"])


def _check_known(condition: Condition, runs: Sequence[Mapping[str, Any]]) -> None:
    require_key(condition.key, {key for facts in runs for key in facts}, "setting or metric")
    values = [facts[condition.key] for facts in runs if facts.get(condition.key) is not None]
    if condition.operator in _ORDER and (_number(condition.value) is None or not any(_number(value) is not None for value in values)):
        raise InputError(
            f"--where {condition.key}{condition.operator}{condition.value}: only numbers have an order.", "Use = or != with a text."
        )


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
