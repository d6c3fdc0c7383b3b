"""Runs as runs of MLflow: settings are parameters, metrics are metrics, and the id of the run is a tag by which it is found again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from flowers_tfx.experiments.comparison import Comparison
from flowers_tfx.experiments.experiment import EVALUATION_PAGE, Experiment
from flowers_tfx.experiments.mlflow_client import MlflowClient, MlflowError
from flowers_tfx.experiments.run_settings import setting_text

RUN_ID = "flowers.run_id"
_STATUS = {"succeeded": "FINISHED", "failed": "FAILED", "blocked": "FAILED", "unfinished": "RUNNING"}
# MLflow's limits: items of one request, and characters of a value.
_PARAMETERS_A_REQUEST, _METRICS_A_REQUEST = 100, 500
_LONGEST_PARAMETER, _LONGEST_NAME = 500, 250
_FORBIDDEN = re.compile(r"[^\w./ -]")


def export_runs(comparison: Comparison, experiment: str, client: MlflowClient) -> dict[str, Any]:
    """Into the experiment of this name. A run that was exported before gets what it lacks: it stays one run."""
    experiment_id = _experiment_id(client, experiment)
    created = 0
    for one in comparison.experiments:
        run_id = _find_run(client, experiment_id, one.run_id)
        if run_id is None:
            run_id, created = _create_run(client, experiment_id, one), created + 1
        _log(client, run_id, one)
    return {"experiment": experiment, "experiment_id": experiment_id, "created": created, "updated": len(comparison.experiments) - created}


def _experiment_id(client: MlflowClient, name: str) -> str:
    try:
        return str(client.call("GET", "experiments/get-by-name", {"experiment_name": name})["experiment"]["experiment_id"])
    except MlflowError as error:
        if error.code != "RESOURCE_DOES_NOT_EXIST":
            raise
    return str(client.call("POST", "experiments/create", {"name": name})["experiment_id"])


def _find_run(client: MlflowClient, experiment_id: str, run_id: str) -> str | None:
    query = {"experiment_ids": [experiment_id], "filter": f"tags.`{RUN_ID}` = '{run_id}'", "max_results": 1}
    runs = client.call("POST", "runs/search", query).get("runs", [])
    return str(runs[0]["info"]["run_id"]) if runs else None


def _create_run(client: MlflowClient, experiment_id: str, one: Experiment) -> str:
    values = {
        "experiment_id": experiment_id,
        "run_name": one.run_id,
        "start_time": _milliseconds(one),
        "tags": [{"key": RUN_ID, "value": one.run_id}],
    }
    return str(client.call("POST", "runs/create", values)["run"]["info"]["run_id"])


def _log(client: MlflowClient, run_id: str, one: Experiment) -> None:
    ended = _milliseconds(one) + int(1000 * one.run.record.seconds)
    # The same time and step at every export: MLflow stores an equal value once.
    metrics = [{"key": _name(name), "value": metric.value, "timestamp": ended, "step": 0} for name, metric in one.metrics.items()]
    settings = {key: setting_text(value)[:_LONGEST_PARAMETER] for key, value in one.settings.items()}
    parameters = [{"key": _name(key), "value": value} for key, value in settings.items() if value]  # MLflow refuses empty ones
    client.call("POST", "runs/log-batch", {"run_id": run_id, "tags": _tags(one)})
    for part in _parts(parameters, _PARAMETERS_A_REQUEST):
        client.call("POST", "runs/log-batch", {"run_id": run_id, "params": part})
    for part in _parts(metrics, _METRICS_A_REQUEST):
        client.call("POST", "runs/log-batch", {"run_id": run_id, "metrics": part})
    status = _STATUS[one.run.status]
    client.call("POST", "runs/update", {"run_id": run_id, "status": status, **({} if status == "RUNNING" else {"end_time": ended})})


def _tags(one: Experiment) -> list[dict[str, str]]:
    tags: Mapping[str, Any] = {
        "flowers.pipeline": one.run.record.pipeline,
        "flowers.status": one.run.status,
        "flowers.review": one.run.verdict,
        "flowers.blessed": None if one.blessed is None else setting_text(one.blessed),
        "flowers.version": one.version,
        "flowers.data": one.data.digest,
        "flowers.spans": ",".join(str(span["span"]) for span in one.data.spans),
        "flowers.evaluation": one.evaluation / EVALUATION_PAGE if one.evaluation else None,
    }
    return [{"key": key, "value": str(value)} for key, value in tags.items() if value not in (None, "")]


def _name(name: str) -> str:
    """What MLflow allows in a name: names of classes may hold anything."""
    return _FORBIDDEN.sub("_", name)[:_LONGEST_NAME]


def _milliseconds(one: Experiment) -> int:
    return int(1000 * one.run.record.started.timestamp())


def _parts(items: Sequence[Any], size: int) -> Iterator[list[Any]]:
    remaining: Iterable[Any] = iter(items)
    while part := list(islice(remaining, size)):
        yield part
