"""The configuration as the other checks see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flowers_tfx.doctor.check_result import CheckResult, fail, ok

# What the configuration has by default, for installations that cannot read one.
_DEFAULTS = {"data_root": "data", "pipeline_root": "pipeline", "registry": "registry"}


@dataclass(frozen=True)
class Configuration:
    """`locations`: configuration key to folder or URI; `namespace`: of runs on Kubeflow."""

    result: CheckResult
    locations: Mapping[str, str] = field(default_factory=lambda: dict(_DEFAULTS))
    namespace: str = ""


def read_configuration(path: Path | None, overrides: Sequence[str]) -> Configuration:
    try:
        from flowers_tfx.config import load_config
    except Exception as error:  # noqa: BLE001 - a broken package can raise anything when it is imported
        return Configuration(fail(f"No configuration can be read: {error}.", "Install the packages again: `make setup`, in the checkout."))
    from flowers_tfx.errors import InputError

    try:
        config = load_config(path, overrides)
    except InputError as error:
        return Configuration(fail(error.message, error.hint or "See docs/configuration.md."))
    result = ok(f"{path} is valid." if path else "The defaults.")
    return Configuration(result, {key: getattr(config, key) for key in _DEFAULTS}, config.kubeflow.namespace)
