"""Runs all checks, side by side: the slowest, an import of TensorFlow or a server that does not answer, sets the time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowers_tfx.doctor.buckets import bucket_locations, check_buckets, check_credentials
from flowers_tfx.doctor.check_result import STATES, CheckResult, State, fail
from flowers_tfx.doctor.configuration import read_configuration
from flowers_tfx.doctor.kubeflow_endpoint import check_kubeflow
from flowers_tfx.doctor.memory import check_memory
from flowers_tfx.doctor.packages import check_packages
from flowers_tfx.doctor.ports import check_port
from flowers_tfx.doctor.python_version import check_python
from flowers_tfx.doctor.roots import check_clock, check_disk, check_permissions, local_folders
from flowers_tfx.doctor.tensorflow_devices import check_tensorflow
from flowers_tfx.doctor.terminal import check_terminal

LIMIT_S = 90.0
SERVE_PORT = 8501  # the default of `flowers serve`

Check = Callable[[], CheckResult]


@dataclass(frozen=True)
class Diagnosis:
    """By the name of the check, in the order in which they are shown."""

    results: Mapping[str, CheckResult]

    @property
    def state(self) -> State:
        return max((result.state for result in self.results.values()), key=STATES.index)

    def as_json(self) -> dict[str, Any]:
        rows = [{"name": name, "state": one.state, "found": one.found, "advice": one.advice or None} for name, one in self.results.items()]
        return {"state": self.state, "checks": rows}


def diagnose(config_path: Path | None = None, overrides: Sequence[str] = (), host: str = "", port: int = SERVE_PORT) -> Diagnosis:
    configuration = read_configuration(config_path, overrides)
    folders, buckets = local_folders(configuration.locations), bucket_locations(configuration.locations)
    checks: dict[str, Check] = {
        "python": check_python,
        "packages": check_packages,
        "tensorflow": check_tensorflow,
        "configuration": lambda: configuration.result,
        "disk": lambda: check_disk(folders),
        "memory": check_memory,
        "folders": lambda: check_permissions(folders),
        "clock": lambda: check_clock(folders),
        "credentials": lambda: check_credentials(buckets),
        "buckets": lambda: check_buckets(buckets),
        "kubeflow": lambda: check_kubeflow(host, configuration.namespace),
        "port": lambda: check_port(port),
        "terminal": check_terminal,
    }
    return Diagnosis(run_checks(checks))


def run_checks(checks: Mapping[str, Check], limit_s: float = LIMIT_S) -> dict[str, CheckResult]:
    """A check that raises, or that does not end in time, has failed; it is not waited for."""
    results: dict[str, CheckResult] = {}

    def run(name: str, check: Check) -> None:
        try:
            results[name] = check()
        except Exception as error:  # noqa: BLE001 - whatever is broken here is what the check is for
            reason = f"{type(error).__name__}: {error}"
            results[name] = fail(f"The check itself failed: {reason[:300]}", "Install the packages again: `make setup`, in the checkout.")

    # Threads of a pool would be waited for at the end of the process.
    threads = [threading.Thread(target=run, args=(name, check), daemon=True) for name, check in checks.items()]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + limit_s
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = fail(f"No answer within {limit_s:.0f} s.", "Look at the network, and at disks of other machines.")
    return {name: results.get(name, late) for name in checks}
