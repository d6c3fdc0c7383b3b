"""Runs and schedules on a cluster: which cluster, and the requests that people make of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from flowers_tfx.config import PipelineConfig
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.kubeflow import schedules
from flowers_tfx.orchestration.kubeflow.client import Client
from flowers_tfx.orchestration.kubeflow.lint import lint
from flowers_tfx.orchestration.kubeflow.package import Package, read_package
from flowers_tfx.orchestration.kubeflow.runs import SUCCEEDED, RunTarget, failure_of, submit, wait_for_run

TOKEN = "FLOWERS_KUBEFLOW_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(frozen=True)
class Connection:
    """How to reach the cluster, and where there. What is None comes from the configuration."""

    config: PipelineConfig
    host: str
    token_file: Path | None
    namespace: str | None
    experiment: str = ""
    service_account: str | None = None

    def client(self) -> Client:
        """Raises InputError when the host is no address or the token cannot be read."""
        client = Client(self.host, self._token)
        self._token()
        return client

    def target(self) -> RunTarget:
        kubeflow = self.config.kubeflow
        namespace = kubeflow.namespace if self.namespace is None else self.namespace
        account = kubeflow.service_account if self.service_account is None else self.service_account
        return RunTarget(self.experiment, namespace, account)

    def _token(self) -> str:
        if self.token_file is None:
            return os.environ.get(TOKEN, "").strip()
        try:
            return self.token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            cause = getattr(error, "strerror", None) or "it is no text"
            raise InputError(f"The token file {self.token_file} cannot be read: {cause}.", "Name another one with --token-file.") from None


def submit_run(
    where: Connection,
    path: Path,
    name: str | None,
    parameters: Mapping[str, str],
    wait: bool,
    timeout_s: float | None,
    watch: Callable[[str, str], None],
) -> dict[str, Any]:
    """Starts a run and, if asked to, waits for its end. `error` is empty unless a run that was waited for did not succeed."""
    package, client = _package(path), where.client()
    name = name or f"{package.name}-{datetime.now(timezone.utc):%Y%m%dT%H%M%S}"
    run_id = submit(client, package, name, where.target(), parameters)
    value = {"run_id": run_id, "name": name, "experiment": where.experiment, "state": "PENDING", "error": ""}
    if not wait:
        return value
    run = wait_for_run(client, run_id, watch, timeout_s)
    state = str(run.get("state", "PENDING"))
    return {**value, "state": state, "error": "" if state == SUCCEEDED else failure_of(run)}


def create_schedule(
    where: Connection,
    path: Path,
    name: str | None,
    parameters: Mapping[str, str],
    cron: str | None,
    interval_s: int | None,
    max_concurrency: int,
) -> dict[str, Any]:
    trigger = schedules.trigger_of(cron, interval_s)
    package, client = _package(path), where.client()
    name = name or package.name
    schedule_id = schedules.create(client, package, name, where.target(), parameters, trigger, max_concurrency)
    said = trigger.get("cron_schedule", {}).get("cron")
    return {"id": schedule_id, "name": name, "cron": said, "interval_s": interval_s, "status": "active", "max_concurrency": max_concurrency}


def list_schedules(where: Connection) -> list[dict[str, Any]]:
    return schedules.list_all(where.client(), where.target().namespace)


def change_schedule(where: Connection, schedule_id: str, what: str) -> None:
    """`what` is pause, resume or delete."""
    client = where.client()
    if what == "delete":
        schedules.delete(client, schedule_id)
    else:
        schedules.switch(client, schedule_id, what)


def _package(path: Path) -> Package:
    """Raises InputError for a package that the backend would refuse."""
    package = read_package(path)
    if package.job:
        raise InputError(
            f"The package {path} is for Vertex AI, and this talks to open-source Pipelines.",
            "Compile with --target kfp; docs/kubeflow.md shows how a job is given to Vertex AI.",
        )
    errors = [problem for problem in lint(package) if problem.level == "error"]
    if errors:
        raise InputError(
            f"The package {path} would be refused: {errors[0].where}: {errors[0].message}", "`flowers kubeflow lint` says all."
        )
    return package
