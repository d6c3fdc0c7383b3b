"""Checks of Beam's engine before a run starts: that it answers, that its job server can be started, that there are Google credentials."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import socket
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from apache_beam.options.pipeline_options import GoogleCloudOptions, JobServerOptions, PipelineOptions
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.runners.dataflow.dataflow_runner import DataflowRunner
from apache_beam.runners.portability.flink_runner import FlinkJarJobServer
from apache_beam.runners.portability.job_server import JavaJarJobServer
from apache_beam.runners.portability.spark_runner import SparkJarJobServer
from apache_beam.version import __version__ as beam_version

from flowers_tfx.config import BeamConfig
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.engines import beam_options

CONNECT_S = 5.0
_LOCAL_FLINK = "[local]"
_LOCAL_SPARK = re.compile(r"local(\[(\d+|\*)\])?")
_JAR = re.compile(r"beam-runners-(?P<engine>flink|spark)-(?P<engine_version>[\d.]+)-job-server-(?P<version>[\w.]+?)\.jar")


def check_engine(beam: BeamConfig, folders: Mapping[str, str]) -> None:
    """Raises InputError for anything that would stop the engine later. `folders`: configuration key to a folder that its workers use."""
    options = _parsed(beam_options(beam))
    if beam.engine == "portable":
        here = [_connect("beam.job_endpoint", _address("beam.job_endpoint", beam.job_endpoint))]
        if beam.artifact_endpoint:
            _connect("beam.artifact_endpoint", _address("beam.artifact_endpoint", beam.artifact_endpoint))
        _check_loopback(beam, here)
    elif beam.engine in ("flink", "spark"):
        masters = _flink_masters(beam.master) if beam.engine == "flink" else _spark_masters(beam.master)
        _check_job_server(beam, options)
        _check_loopback(beam, [_connect_any("beam.master", masters)] if masters else [])
    elif beam.engine == "dataflow":
        _check_dataflow(beam, options, folders)
    if beam.environment == "external":
        # The engine connects there, maybe from another network: only its form can be checked from here.
        _address("beam.environment_config", beam.environment_config)


def _parsed(args: Sequence[str]) -> PipelineOptions:
    """Raises InputError for a wrong value, for which argparse would exit."""
    stderr = io.StringIO()
    options = PipelineOptions(list(args))
    try:
        with contextlib.redirect_stderr(stderr):
            options.get_all_options()
    except SystemExit:
        reason = stderr.getvalue().strip().rpartition("error: ")[2]
        raise InputError(f"Beam does not take these options: {reason}.", "Correct beam.options.") from None
    return options


def _address(key: str, value: str) -> tuple[str, int]:
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16 or "/" in host:
        raise InputError(f"{key} is {value}: that is not HOST:PORT.", "Such as localhost:8099.")
    return host.strip("[]"), int(port)


def _connect(key: str, address: tuple[str, int]) -> bool:
    """Whether the server at the address is this machine. Raises InputError if none answers."""
    host, port = address
    try:
        with socket.create_connection(address, CONNECT_S) as connection:
            return bool(connection.getpeername()[0] == connection.getsockname()[0])
    except OSError as error:
        reason = "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
        raise InputError(f"Nothing can be reached at {host}:{port} ({key}): {reason}.", f"Start it, or correct {key}.") from None


def _connect_any(key: str, addresses: Sequence[tuple[str, int]]) -> bool:
    """As `_connect`, for several masters, of which only the leader answers."""
    for address in addresses[:-1]:
        with contextlib.suppress(InputError):
            return _connect(key, address)
    return _connect(key, addresses[-1])


def _check_loopback(beam: BeamConfig, on_this_machine: Sequence[bool]) -> None:
    if beam.environment == "loopback" and not all(on_this_machine):
        raise InputError(
            "beam.environment is loopback, but the engine runs on another machine: it cannot reach workers in this process.",
            "Use external, process or docker.",
        )


def _flink_masters(master: str) -> list[tuple[str, int]]:
    return [] if master == _LOCAL_FLINK else [_address("beam.master", re.sub(r"^https?://", "", master).rstrip("/"))]


def _spark_masters(master: str) -> list[tuple[str, int]]:
    if _LOCAL_SPARK.fullmatch(master):
        return []
    if not master.startswith("spark://"):
        raise InputError(
            f"beam.master is {master}: that is not a Spark master that Beam's job server can use from here.",
            "Write spark://HOST:PORT or local[N]; for any other cluster start the job server there and use engine portable.",
        )
    return [_address("beam.master", part) for part in master.removeprefix("spark://").split(",")]


def _check_job_server(beam: BeamConfig, options: PipelineOptions) -> None:
    launcher = options.view_as(JobServerOptions).job_server_java_launcher
    if shutil.which(launcher) is None:
        raise InputError(f"Engine {beam.engine} needs Java: the program {launcher} is missing.", "Install a JRE, version 11 or later.")
    if beam.job_server_jar:
        _check_jar(beam.engine, Path(beam.job_server_jar))
        return
    server: JavaJarJobServer = FlinkJarJobServer(options) if beam.engine == "flink" else SparkJarJobServer(options)
    url = server.path_to_jar()
    try:
        server.local_jar(url, options.view_as(JobServerOptions).jar_cache_dir)
    except (RuntimeError, OSError):
        raise InputError(
            f"Beam's job server for {beam.engine} cannot be fetched from {url}.", "Name its file with beam.job_server_jar."
        ) from None


def _check_jar(engine: str, path: Path) -> None:
    if not path.is_file():
        raise InputError(
            f"The job-server jar {path} does not exist.", "Correct beam.job_server_jar, or leave it out: Beam then fetches it."
        )
    if not zipfile.is_zipfile(path):
        raise InputError(f"The job-server jar {path} is not a jar file.", "Download it again.")
    match = _JAR.fullmatch(path.name)
    if match and match["engine"] != engine:
        raise InputError(
            f"The jar {path} is the job server of {match['engine']}, not of {engine}.", "Correct beam.job_server_jar or beam.engine."
        )
    if match and match["version"] != beam_version:
        raise InputError(
            f"The job-server jar {path} is of Beam {match['version']}, but Beam {beam_version} is installed: they must be the same.",
            "Take the jar of that version, or leave beam.job_server_jar out: Beam then fetches it.",
        )


def _check_dataflow(beam: BeamConfig, options: PipelineOptions, folders: Mapping[str, str]) -> None:
    # A dry run: Beam's requests over the network happen only when the job is submitted.
    validator = PipelineOptionsValidator(PipelineOptions([*beam_options(beam), "--dry_run=True"]), DataflowRunner())
    # First, since Beam would invent a bucket for an invalid one.
    wrong: list[Any] = validator.validate_gcs_path(options.view_as(GoogleCloudOptions), "temp_location") or validator.validate()
    if wrong:
        raise InputError(f"Dataflow would refuse the job: {str(wrong[0]).rstrip('.')}.", "Correct the keys below beam.")
    for key, folder in folders.items():
        if "://" not in folder:
            raise InputError(f"Dataflow's machines cannot reach the local folder {folder} ({key}).", f"Set {key} to gs://BUCKET/PATH.")
    _check_credentials(options)


def _check_credentials(options: PipelineOptions) -> None:
    import google.auth
    from google.auth.exceptions import GoogleAuthError

    if options.view_as(GoogleCloudOptions).no_auth:
        return
    try:
        google.auth.default()
    except GoogleAuthError:
        raise InputError(
            "There are no Google Cloud credentials on this machine.",
            "Run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS.",
        ) from None
