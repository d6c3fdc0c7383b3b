"""Beam's engines: from the configuration section `beam` to Beam's own options.

Each engine takes some of the section's keys and needs some of them; a key that it does not take is refused rather than ignored.
Nothing here connects to an engine: flowers_tfx/orchestration/engine_checks.py does, before a run starts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flowers_tfx.config import BeamConfig
from flowers_tfx.errors import InputError

# By full paths: `DirectRunner` would try to download a Prism binary since Beam 2.68.
DIRECT_RUNNER = "apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner"
_PORTABLE_RUNNER = "apache_beam.runners.portability.portable_runner.PortableRunner"
_FLINK_RUNNER = "apache_beam.runners.portability.flink_runner.FlinkRunner"
_SPARK_RUNNER = "apache_beam.runners.portability.spark_runner.SparkRunner"
_DATAFLOW_RUNNER = "apache_beam.runners.dataflow.dataflow_runner.DataflowRunner"

# Direct workers run on this machine's own installation. Without such an option TFX packs itself into a source distribution for every node
# that runs on Beam: a second each, and a copy of TFX that stays in the folder for temporary files. No container is started.
_NOTHING_TO_INSTALL = "--sdk_container_image=none"

_EVERY = frozenset({"engine", "workers", "options"})
_ENVIRONMENT = frozenset({"environment", "environment_config", "sdk_container_image"})


@dataclass(frozen=True)
class Engine:
    """`takes`: keys of the section `beam` besides those that every engine takes; `needs`: those that must be set."""

    runner: str
    args: Callable[[BeamConfig], list[str]]
    takes: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()


def beam_options(beam: BeamConfig) -> list[str]:
    """Beam's options for the engine. Raises InputError for a key that the engine needs or does not take."""
    engine = ENGINES[beam.engine]
    _check_keys(beam, engine)
    args = [f"--runner={engine.runner}", *engine.args(beam)]
    _check_own_options(beam.options, args)
    return [*args, *beam.options]


def _direct(beam: BeamConfig) -> list[str]:
    return [f"--direct_num_workers={beam.workers or 1}", "--direct_running_mode=multi_threading", _NOTHING_TO_INSTALL]


def _direct_multi(beam: BeamConfig) -> list[str]:
    return [f"--direct_num_workers={beam.workers}", "--direct_running_mode=multi_processing", _NOTHING_TO_INSTALL]


def _portable(beam: BeamConfig) -> list[str]:
    return [f"--job_endpoint={beam.job_endpoint}", *_given(beam, artifact_endpoint="artifact_endpoint"), *_environment(beam), *_sdks(beam)]


def _flink(beam: BeamConfig) -> list[str]:
    jar = _given(beam, job_server_jar="flink_job_server_jar")
    return [f"--flink_master={beam.master}", *jar, *_environment(beam), *_given(beam, workers="parallelism")]


def _spark(beam: BeamConfig) -> list[str]:
    jar = _given(beam, job_server_jar="spark_job_server_jar")
    return [f"--spark_master_url={beam.master}", *jar, *_environment(beam), *_sdks(beam)]


def _dataflow(beam: BeamConfig) -> list[str]:
    if not beam.temp_location.startswith("gs://"):
        raise InputError(f"beam.temp_location is {beam.temp_location}: Dataflow needs a bucket.", "Write gs://BUCKET/PATH.")
    args = _given(beam, project="project", region="region", temp_location="temp_location")
    args += [f"--staging_location={beam.temp_location.rstrip('/')}/staging"]
    args += _given(beam, sdk_container_image="sdk_container_image", workers="max_num_workers", machine_type="machine_type")
    return args + _given(beam, service_account="service_account_email")


def _environment(beam: BeamConfig) -> list[str]:
    """Where the Python workers run."""
    config = beam.environment_config
    if beam.environment == "docker":
        _need(beam, "sdk_container_image", "environment docker")
        # Beam takes the first; from the second TFX sees that nothing has to be installed there.
        return [
            "--environment_type=DOCKER",
            f"--environment_config={beam.sdk_container_image}",
            f"--sdk_container_image={beam.sdk_container_image}",
        ]
    if beam.sdk_container_image:
        raise InputError(f"beam.sdk_container_image does not belong to environment {beam.environment}.", "Set beam.environment=docker.")
    if beam.environment == "loopback":
        if config:
            raise InputError("beam.environment_config does not belong to environment loopback.", "Leave it out.")
        return ["--environment_type=LOOPBACK"]
    _need(beam, "environment_config", f"environment {beam.environment}")
    return [
        f"--environment_type={beam.environment.upper()}",
        f"--environment_config={_boot(config) if beam.environment == 'process' else config}",
    ]


def _boot(config: str) -> str:
    """Beam's JSON of a process environment; a path stands for the command alone."""
    if not config.lstrip().startswith("{"):
        return json.dumps({"command": config})
    try:
        command = json.loads(config).get("command")
    except json.JSONDecodeError:
        command = None
    if not command:
        # Not repeated in the message: it may hold variables of the environment.
        raise InputError('beam.environment_config is not a JSON object with a "command".', "Name the program that starts a worker.")
    return config


def _sdks(beam: BeamConfig) -> list[str]:
    return _given(beam, workers="sdk_worker_parallelism")


def _given(beam: BeamConfig, **names: str) -> list[str]:
    """Options of the keys that are set."""
    return [f"--{option}={value}" for key, option in names.items() if (value := getattr(beam, key))]


def _check_keys(beam: BeamConfig, engine: Engine) -> None:
    for key in engine.needs:
        _need(beam, key, f"engine {beam.engine}")
    for key, field in BeamConfig.model_fields.items():
        if key not in _EVERY | engine.takes and getattr(beam, key) != field.default:
            takers = [name for name, other in ENGINES.items() if key in other.takes]
            raise InputError(
                f"beam.{key} does not belong to engine {beam.engine}.", f"Leave it out, or set beam.engine to {' or '.join(takers)}."
            )


def _need(beam: BeamConfig, key: str, what: str) -> None:
    if not getattr(beam, key):
        description = BeamConfig.model_fields[key].description
        raise InputError(f"beam.{key} is missing: {what} needs it.", f"beam.{key}: {description}.")


def _check_own_options(options: tuple[str, ...], args: list[str]) -> None:
    """An option that this section sets itself must not be set twice: which value wins would be unclear."""
    taken = {arg.partition("=")[0] for arg in args}
    for option in options:
        name = option.partition("=")[0]
        if not name.startswith("--"):
            raise InputError(f"beam.options holds {name!r}, which is not an option.", "Write options as --name=value.")
        if name in taken:
            raise InputError(f"beam.options holds {name}, which follows from the other keys of beam.", "Set it there, or leave it out.")


ENGINES: Mapping[str, Engine] = {
    "direct": Engine(DIRECT_RUNNER, _direct),
    "direct-multi": Engine(DIRECT_RUNNER, _direct_multi),
    "portable": Engine(
        _PORTABLE_RUNNER, _portable, _ENVIRONMENT | {"job_endpoint", "artifact_endpoint"}, needs=("job_endpoint", "environment")
    ),
    "flink": Engine(_FLINK_RUNNER, _flink, _ENVIRONMENT | {"master", "job_server_jar"}, needs=("master", "environment")),
    "spark": Engine(_SPARK_RUNNER, _spark, _ENVIRONMENT | {"master", "job_server_jar"}, needs=("master", "environment")),
    "dataflow": Engine(
        _DATAFLOW_RUNNER,
        _dataflow,
        frozenset({"project", "region", "temp_location", "service_account", "machine_type", "sdk_container_image"}),
        needs=("project", "region", "temp_location", "sdk_container_image"),
    ),
}
