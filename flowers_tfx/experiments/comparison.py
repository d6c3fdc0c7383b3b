"""The comparison of runs: which ones, by which number, and each model against one of them on the same photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flowers_tfx import registry
from flowers_tfx.config import PipelineConfig
from flowers_tfx.errors import InputError
from flowers_tfx.experiments.answers import Answers, ask_models
from flowers_tfx.experiments.contestants import Contestant, contestant_of, load_contestants, serving_contestant
from flowers_tfx.experiments.experiment import EVALUATION_PAGE, Experiment, read_experiment
from flowers_tfx.experiments.filters import require_key, select_experiments
from flowers_tfx.experiments.latency import Latency, measure_latency
from flowers_tfx.experiments.pairs import Pair, compare_pairs
from flowers_tfx.experiments.run_metrics import ACCURACY, LATENCY, Metric, is_better
from flowers_tfx.experiments.run_settings import differing_settings
from flowers_tfx.orchestration.run_history import past_runs

BEST, SERVING = "best", "serving"


@dataclass(frozen=True)
class Question:
    """The newest `last` runs for which all of `where` hold, or those with these `run_ids`, ordered by `metric`; their models are compared
    with `against`: the best, the one that serves, or that of a run."""

    metric: str = ACCURACY
    where: tuple[str, ...] = ()
    last: int = 20
    against: str = BEST
    latency: bool = False
    run_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """`experiments`: best first, those without the metric last. `pairs`: by run, against `reference`, the name of a run or version;
    `answers` is None where fewer than two models could be asked. `unasked`: why a run has no pair; `same_model`: the run that has the same
    one. `left_out`: older runs that are not shown."""

    metric: str
    experiments: tuple[Experiment, ...]
    reference: str | None = None
    pairs: Mapping[str, Pair] = field(default_factory=dict)
    answers: Answers | None = None
    unasked: Mapping[str, str] = field(default_factory=dict)
    latencies: Mapping[str, Latency] = field(default_factory=dict)
    same_model: Mapping[str, str] = field(default_factory=dict)
    serving: int | None = None
    left_out: int = 0

    @property
    def differing(self) -> list[str]:
        return differing_settings(experiment.settings for experiment in self.experiments)

    @property
    def best(self) -> Experiment | None:
        first = self.experiments[0] if self.experiments else None
        return first if first and first.metric(self.metric) is not None else None

    def as_json(self) -> dict[str, Any]:
        """The JSON contract of `flowers experiments` (docs/interfaces.md)."""
        return {
            "metric": self.metric,
            "best": self.best.run_id if self.best else None,
            "differing": self.differing,
            "against": self.reference,
            "photos": {"asked": self.answers.asked, "of": self.answers.photos} if self.answers else None,
            "missing_spans": list(self.answers.missing) if self.answers else [],
            "serving": self.serving,
            "left_out": self.left_out,
            "runs": [self._run_json(experiment) for experiment in self.experiments],
        }

    def _run_json(self, one: Experiment) -> dict[str, Any]:
        pair, latency = self.pairs.get(one.run_id), self.latencies.get(one.run_id)
        return {
            "run_id": one.run_id,
            "pipeline": one.run.record.pipeline,
            "status": one.run.status,
            "started": one.run.record.started.isoformat(),
            "review": one.run.verdict,
            "blessed": one.blessed,
            "version": one.version,
            "settings": dict(one.settings),
            "data": {
                "spans": [dict(span) for span in one.data.spans],
                "digest": one.data.digest or None,
                "photos": dict(one.data.photos),
                "baseline": one.data.baseline,
            },
            "metrics": {name: _metric_json(metric) for name, metric in one.metrics.items()},
            "model": str(one.model) if one.model else None,
            "evaluation": str(one.evaluation / EVALUATION_PAGE) if one.evaluation else None,
            "same_model_as": self.same_model.get(one.run_id),
            "pair": pair.as_json() if pair else None,
            "no_pair": self.unasked.get(one.run_id),
            "latency": latency.as_json() if latency else None,
            "missing": list(one.missing),
        }


def compare_runs(config: PipelineConfig, question: Question) -> Comparison:
    """Raises InputError if no run is recorded, none fits, or the question names something that no run has."""
    experiments, left_out = _chosen(config, question)
    known = {name for one in experiments for name in one.metrics} | {ACCURACY} | ({LATENCY} if question.latency else set())
    require_key(question.metric, known, "metric")
    versions = registry.versions(config.registry)
    serving = registry.serving_version(config.registry) if versions else None
    comparison = _compare_models(config, question, Comparison(question.metric, tuple(experiments), serving=serving, left_out=left_out))
    experiments = [_with_latency(one, comparison.latencies) for one in comparison.experiments]
    return replace(comparison, experiments=tuple(_ordered(experiments, question.metric)))


def _chosen(config: PipelineConfig, question: Question) -> tuple[list[Experiment], int]:
    runs = past_runs(config)
    if question.run_ids:
        return [read_experiment(run) for run in runs if run.record.run_id in question.run_ids], 0
    if not question.where:
        return [read_experiment(run) for run in runs[: question.last]], max(0, len(runs) - question.last)
    fitting = select_experiments([read_experiment(run) for run in runs], question.where)
    if not fitting:
        raise InputError(f"None of {len(runs)} runs fits {' and '.join(question.where)}.", "`flowers experiments` shows them all.")
    return fitting[: question.last], max(0, len(fitting) - question.last)


def _compare_models(config: PipelineConfig, question: Question, comparison: Comparison) -> Comparison:
    runs = {one.run_id: contestant for one in comparison.experiments if (contestant := contestant_of(one))}
    reference = _reference(config, question, comparison.experiments, runs)
    # Runs that share a model, since Trainer was a cache hit, are asked once.
    by_model: dict[tuple[str, tuple[str, ...]], Contestant] = {}
    for contestant in [*([reference] if reference else []), *runs.values()]:
        by_model.setdefault((str(contestant.folder), contestant.spans), contestant)
    names = {run_id: by_model[str(one.folder), one.spans].name for run_id, one in runs.items()}
    same = {run_id: name for run_id, name in names.items() if name != run_id}
    if len(by_model) < 2 and not question.latency:
        return replace(comparison, same_model=same)
    with load_contestants(list(by_model.values())) as (loaded, reasons):
        approvals = config.review.approvals
        answers = ask_models(config.data_root, loaded, approvals=approvals)
        latencies = measure_latency(config.data_root, loaded, approvals) if question.latency else {}
    asked = [one.contestant.name for one in loaded]
    pairs = {}
    if reference and reference.name in asked:
        pairs = compare_pairs(answers.right, reference.name, [name for name in asked if name != reference.name])
    return replace(
        comparison,
        reference=reference.name if reference else None,
        pairs={run_id: pairs[name] for run_id, name in names.items() if name in pairs},
        answers=answers,
        unasked={run_id: reasons[name] for run_id, name in names.items() if name in reasons},
        latencies={run_id: latencies[name] for run_id, name in names.items() if name in latencies},
        same_model=same,
    )


def _reference(
    config: PipelineConfig, question: Question, experiments: Sequence[Experiment], runs: Mapping[str, Contestant]
) -> Contestant | None:
    """The model of the best run by accuracy, which is what the pairs compare, whatever the order of the table."""
    if question.against == SERVING:
        serving = serving_contestant(config)
        pushed = (runs.get(one.run_id) for one in experiments if f"version {one.version}" == serving.name)
        return next((contestant for contestant in pushed if contestant), serving)
    if question.against == BEST:
        ordered = [one for one in _ordered(experiments, ACCURACY) if one.run_id in runs]
        return runs[ordered[0].run_id] if ordered else None
    if question.against not in runs:
        known = ", ".join(runs) or "none"
        raise InputError(
            f"--against {question.against}: no run of the comparison with this id has a model.", f"best, serving, or one of: {known}."
        )
    return runs[question.against]


def _ordered(experiments: Sequence[Experiment], metric: str) -> list[Experiment]:
    """Best first; of equal ones, and of those without the metric, the newest first."""
    sign = -1.0 if is_better(metric, 1.0, 0.0) else 1.0

    def key(one: Experiment) -> tuple[bool, float, float]:
        value = one.metric(metric)
        return value is None, sign * value if value is not None else 0.0, -one.run.record.started.timestamp()

    return sorted(experiments, key=key)


def _with_latency(one: Experiment, latencies: Mapping[str, Latency]) -> Experiment:
    latency = latencies.get(one.run_id)
    return replace(one, metrics={**one.metrics, LATENCY: Metric(latency.median_ms)}) if latency else one


def _metric_json(metric: Metric) -> dict[str, Any]:
    return {"value": metric.value, "interval": metric.interval, "photos": metric.photos}
