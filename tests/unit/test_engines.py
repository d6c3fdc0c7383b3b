"""Beam's options of each engine, and what is refused before anything starts."""

from __future__ import annotations

import json
import re
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, PortableOptions
from apache_beam.runners.dataflow.internal import apiclient
from apache_beam.runners.portability.flink_runner import FlinkJarJobServer
from apache_beam.runners.portability.spark_runner import SparkJarJobServer
from apache_beam.transforms import environments
from apache_beam.version import __version__ as beam_version
from tfx.utils.dependency_utils import make_beam_dependency_flags

from flowers_tfx.config import BeamConfig, load_config
from flowers_tfx.data.ingest_beam import IngestPhotos, Job
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration import engine_checks
from flowers_tfx.orchestration.engine_checks import check_engine
from flowers_tfx.orchestration.engines import DIRECT_RUNNER, ENGINES, beam_options

PORTABILITY = "apache_beam.runners.portability"
DATAFLOW = {
    "engine": "dataflow",
    "project": "flower-shop",
    "region": "europe-west4",
    "temp_location": "gs://flower-shop/tmp",
    "sdk_container_image": "registry.example/flowers@sha256:0",
}
DIRECT = {"runner": DIRECT_RUNNER, "direct_running_mode": "multi_threading", "sdk_container_image": "none"}
NO_FOLDERS: dict[str, str] = {}


def options(**keys: Any) -> dict[str, Any]:
    """What Beam understands of the engine's options."""
    return dict(PipelineOptions(beam_options(BeamConfig(**keys))).get_all_options(drop_default=True))


def refusal(keys: dict[str, Any], folders: dict[str, str] = NO_FOLDERS) -> InputError:
    with pytest.raises(InputError) as caught:
        check_engine(BeamConfig(**keys), folders)
    return caught.value


@pytest.fixture()
def listener() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture()
def nobody() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"127.0.0.1:{port}"


def jar(folder: Path, name: str) -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
    return path


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, DIRECT),
        ({"workers": 3}, {**DIRECT, "direct_num_workers": 3}),
        ({"engine": "direct-multi"}, {**DIRECT, "direct_running_mode": "multi_processing", "direct_num_workers": 0}),
        (
            {"engine": "portable", "job_endpoint": "jobs:8099", "environment": "loopback"},
            {"runner": f"{PORTABILITY}.portable_runner.PortableRunner", "job_endpoint": "jobs:8099", "environment_type": "LOOPBACK"},
        ),
        (
            {
                **{"engine": "portable", "job_endpoint": "jobs:8099", "artifact_endpoint": "jobs:8098", "workers": 4},
                **{"environment": "external", "environment_config": "pool:50000", "options": ("--job_server_timeout=9",)},
            },
            {
                **{
                    "runner": f"{PORTABILITY}.portable_runner.PortableRunner",
                    "job_endpoint": "jobs:8099",
                    "artifact_endpoint": "jobs:8098",
                },
                **{"environment_type": "EXTERNAL", "environment_config": "pool:50000", "sdk_worker_parallelism": "4"},
                "job_server_timeout": 9,
            },
        ),
        (
            {"engine": "flink", "master": "jobmanager:8081", "environment": "process", "environment_config": "/opt/boot", "workers": 8},
            {
                **{"runner": f"{PORTABILITY}.flink_runner.FlinkRunner", "flink_master": "jobmanager:8081", "parallelism": 8},
                **{"environment_type": "PROCESS", "environment_config": '{"command": "/opt/boot"}'},
            },
        ),
        (
            {
                "engine": "spark",
                "master": "spark://m:7077",
                "environment": "docker",
                "sdk_container_image": "image:1",
                "job_server_jar": "j",
            },
            {
                **{"runner": f"{PORTABILITY}.spark_runner.SparkRunner", "spark_master_url": "spark://m:7077", "spark_job_server_jar": "j"},
                **{"environment_type": "DOCKER", "environment_config": "image:1", "sdk_container_image": "image:1"},
            },
        ),
        (
            {**DATAFLOW, "workers": 20, "machine_type": "n2-standard-4", "service_account": "w@flower-shop.iam.gserviceaccount.com"},
            {
                "runner": "apache_beam.runners.dataflow.dataflow_runner.DataflowRunner",
                **{key: DATAFLOW[key] for key in ("project", "region", "temp_location", "sdk_container_image")},
                **{"staging_location": "gs://flower-shop/tmp/staging", "max_num_workers": 20, "machine_type": "n2-standard-4"},
                "service_account_email": "w@flower-shop.iam.gserviceaccount.com",
            },
        ),
    ],
    ids=lambda value: value.get("engine", "direct") if "runner" not in value else "",
)
def test_options_that_beam_gets(keys: dict[str, Any], expected: dict[str, Any]) -> None:
    assert options(**keys) == expected


@pytest.mark.parametrize("engine", ["direct", "direct-multi"])
def test_tfx_packs_no_copy_of_itself_for_workers_on_this_machine(engine: str) -> None:
    args = beam_options(BeamConfig(engine=engine))
    assert make_beam_dependency_flags(args) == args


@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "direct"])
def test_runners_are_named_by_classes_that_are_there(engine: str) -> None:
    module, _, name = ENGINES[engine].runner.rpartition(".")
    assert isinstance(getattr(__import__(module, fromlist=[name]), name), type)


def test_the_worker_environment_is_the_one_that_beam_builds() -> None:
    keys = {"engine": "portable", "job_endpoint": "j:1", "environment": "process"}
    config = '{"command": "/opt/boot", "env": {"A": "b"}}'
    found = environments.ProcessEnvironment.from_options(
        PipelineOptions(beam_options(BeamConfig(**keys, environment_config=config))).view_as(PortableOptions)
    )
    assert (found.command, dict(found.env)) == ("/opt/boot", {"A": "b"})


@pytest.mark.parametrize(
    ("keys", "word"),
    [
        ({"engine": "portable", "environment": "loopback"}, "beam.job_endpoint is missing"),
        ({"engine": "portable", "job_endpoint": "j:1"}, "beam.environment is missing"),
        ({"engine": "portable", "job_endpoint": "j:1", "environment": "external"}, "beam.environment_config is missing"),
        ({"engine": "portable", "job_endpoint": "j:1", "environment": "docker"}, "beam.sdk_container_image is missing"),
        ({"engine": "portable", "job_endpoint": "j:1", "environment": "loopback", "environment_config": "x"}, "does not belong"),
        ({"engine": "portable", "job_endpoint": "j:1", "environment": "loopback", "sdk_container_image": "x"}, "does not belong"),
        (
            {"engine": "portable", "job_endpoint": "j:1", "environment": "process", "environment_config": '{"env": {"K": "hush"}}'},
            "command",
        ),
        ({"engine": "portable", "job_endpoint": "j:1", "environment": "process", "environment_config": '{"hush'}, "command"),
        ({"engine": "portable", "job_endpoint": "nohost", "environment": "loopback"}, "not HOST:PORT"),
        ({"engine": "portable", "job_endpoint": "j:99999", "environment": "loopback"}, "not HOST:PORT"),
        ({"engine": "flink", "environment": "loopback"}, "beam.master is missing"),
        ({"engine": "flink", "environment": "loopback", "master": "jobmanager"}, "not HOST:PORT"),
        ({"engine": "spark", "master": "local[2]"}, "beam.environment is missing"),
        ({"engine": "spark", "master": "yarn", "environment": "loopback"}, "not a Spark master"),
        ({**DATAFLOW, "project": ""}, "beam.project is missing"),
        ({**DATAFLOW, "region": ""}, "beam.region is missing"),
        ({**DATAFLOW, "sdk_container_image": ""}, "beam.sdk_container_image is missing"),
        ({**DATAFLOW, "temp_location": "/tmp/x"}, "needs a bucket"),
        ({**DATAFLOW, "temp_location": "gs://Bad Bucket/x"}, "Invalid GCS bucket"),
        ({**DATAFLOW, "project": "123"}, "project number"),
        ({"job_endpoint": "j:1"}, "does not belong to engine direct"),
        ({"engine": "direct-multi", "region": "x"}, "does not belong to engine direct-multi"),
        ({**DATAFLOW, "master": "x"}, "does not belong to engine dataflow"),
        ({"options": ("nothing",)}, "not an option"),
        ({"options": ("--runner=DirectRunner",)}, "--runner"),
        ({"options": ("--direct_num_workers=2",)}, "--direct_num_workers"),
        ({"options": ("--num_workers=many",)}, "num_workers"),
    ],
)
def test_keys_that_do_not_fit_are_refused(keys: dict[str, Any], word: str) -> None:
    error = refusal(keys)
    assert word in error.message
    assert error.hint
    assert "\n" not in error.message
    assert "hush" not in error.message + error.hint


def test_an_unknown_engine_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError) as caught:
        load_config(None, ["beam.engine=flonk"])
    assert all(engine in caught.value.message for engine in ENGINES)


def test_nothing_that_answers_is_refused(listener: str, nobody: str) -> None:
    portable = {"engine": "portable", "environment": "loopback"}
    check_engine(BeamConfig(**portable, job_endpoint=listener), NO_FOLDERS)
    for key in ("job_endpoint", "artifact_endpoint"):
        error = refusal({**portable, "job_endpoint": listener, key: nobody})
        assert f"{nobody} (beam.{key})" in error.message
    assert "nowhere.invalid:1" in refusal({**portable, "job_endpoint": "nowhere.invalid:1"}).message
    assert (
        "not HOST:PORT" in refusal({**portable, "job_endpoint": listener, "environment": "external", "environment_config": "pool"}).message
    )


def test_a_master_that_does_not_answer_is_refused(listener: str, nobody: str, tmp_path: Path) -> None:
    for engine, name, scheme in (("flink", "flink-1.19", ""), ("flink", "flink-1.19", "http://"), ("spark", "spark-3", "spark://")):
        keys = {"engine": engine, "environment": "loopback", "options": ("--job_server_java_launcher=true",)}
        keys["job_server_jar"] = str(jar(tmp_path, f"beam-runners-{name}-job-server-{beam_version}.jar"))
        assert nobody in refusal({**keys, "master": f"{scheme}{nobody}"}).message
        check_engine(BeamConfig(**keys, master=f"{scheme}{listener}"), NO_FOLDERS)
    # Of several masters one leads.
    check_engine(BeamConfig(**keys, master=f"spark://{nobody},{listener}"), NO_FOLDERS)


def test_workers_in_this_process_cannot_serve_an_engine_elsewhere(listener: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_checks, "_connect", lambda key, address: False)
    error = refusal({"engine": "portable", "environment": "loopback", "job_endpoint": "jobs.example:8099"})
    assert "another machine" in error.message


@pytest.mark.parametrize("engine", ["flink", "spark"])
def test_jars_that_cannot_serve_are_refused(engine: str, tmp_path: Path) -> None:
    own, other = ("flink-1.19", "spark-3") if engine == "flink" else ("spark-3", "flink-1.19")
    base = {"engine": engine, "environment": "loopback", "master": {"flink": "[local]", "spark": "local[2]"}[engine]}
    good = jar(tmp_path, f"beam-runners-{own}-job-server-{beam_version}.jar")
    text = tmp_path / "page.jar"
    text.write_text("<html>")
    for path, word in (
        (tmp_path / "absent.jar", "does not exist"),
        (text, "not a jar file"),
        (jar(tmp_path, f"beam-runners-{own}-job-server-2.1.0.jar"), "of Beam 2.1.0"),
        (jar(tmp_path, f"beam-runners-{other}-job-server-{beam_version}.jar"), f"not of {engine}"),
    ):
        error = refusal({**base, "job_server_jar": str(path), "options": ("--job_server_java_launcher=true",)})
        assert word in error.message
        assert path.name in error.message
    check_engine(BeamConfig(**base, job_server_jar=str(good), options=("--job_server_java_launcher=true",)), NO_FOLDERS)
    check_engine(
        BeamConfig(**base, job_server_jar=str(jar(tmp_path, "mine.jar")), options=("--job_server_java_launcher=true",)), NO_FOLDERS
    )
    assert "needs Java" in refusal({**base, "job_server_jar": str(good), "options": ("--job_server_java_launcher=no-such-java",)}).message


@pytest.mark.parametrize(("engine", "master"), [("flink", "[local]"), ("spark", "local[2]")])
def test_a_job_server_that_cannot_be_fetched(engine: str, master: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(url: str) -> None:
        raise OSError("no network")

    monkeypatch.setattr("apache_beam.utils.subprocess_server.urlopen", refuse)
    launcher = ("--job_server_java_launcher=true", f"--jar_cache_dir={tmp_path}")
    error = refusal({"engine": engine, "environment": "loopback", "master": master, "options": launcher})
    assert re.search(rf"https://\S+{engine}\S+{re.escape(beam_version)}\.jar", error.message)
    assert "beam.job_server_jar" in error.hint


def test_the_command_line_of_the_job_servers(tmp_path: Path) -> None:
    for engine, name, server, flag, master in (
        ("flink", "flink-1.19", FlinkJarJobServer, "--flink-master", "jobmanager:8081"),
        ("spark", "spark-3", SparkJarJobServer, "--spark-master-url", "spark://master:7077"),
    ):
        path = jar(tmp_path, f"beam-runners-{name}-job-server-{beam_version}.jar")
        keys = {"engine": engine, "environment": "loopback", "master": master, "job_server_jar": str(path)}
        command, endpoint = server(PipelineOptions(beam_options(BeamConfig(**keys)))).subprocess_cmd_and_endpoint()
        assert command[0] == "java"
        assert command[command.index("-jar") :].count(str(path)) == 1
        assert command[command.index(flag) + 1] == master
        assert str(command[command.index("--job-port") + 1]) == endpoint.rpartition(":")[2]


def test_dataflow_reads_no_local_folder_and_wants_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    error = refusal(DATAFLOW, {"data_root": "data"})
    assert "local folder data (data_root)" in error.message
    # No file, no metadata server to ask.
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))
    error = refusal(DATAFLOW, {"data_root": "gs://flower-shop/data"})
    assert "no Google Cloud credentials" in error.message
    assert "GOOGLE_APPLICATION_CREDENTIALS" in error.hint
    check_engine(BeamConfig(**DATAFLOW, options=("--no_auth",)), {"data_root": "gs://flower-shop/data"})


def test_the_request_that_dataflow_would_get(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Built by Beam's own DataflowRunner; what would go over the network stays here."""
    sent: list[Any] = []
    client = apiclient.DataflowApplicationClient

    class Stop(Exception):
        pass

    def submit(self: Any, job: Any) -> None:
        sent.append(job)
        raise Stop

    monkeypatch.setattr(client, "submit_job_description", submit)
    monkeypatch.setattr(client, "stage_file_with_retry", lambda *_, **__: None)
    monkeypatch.setattr(client, "_stage_resources", lambda *_, **__: [])
    monkeypatch.setattr(GoogleCloudOptions, "_warn_if_soft_delete_policy_enabled", lambda *_: None)
    keys = {**DATAFLOW, "workers": 20, "machine_type": "n2-standard-4", "service_account": "w@flower-shop.iam.gserviceaccount.com"}
    pipeline = beam.Pipeline(options=PipelineOptions(beam_options(BeamConfig(**keys, options=("--no_auth",)))))
    _ = pipeline | IngestPhotos(Job("gs://flower-shop/all.csv", ("daisy",), "gs://flower-shop/data/work", 1, "", 1, 1_000_000), [], [])
    with pytest.raises(Stop):
        pipeline.run()

    job = json.loads(sent[0].json())
    pool = job["environment"]["workerPools"][0]
    assert job["type"] == "JOB_TYPE_BATCH"
    assert pool["machineType"] == "n2-standard-4"
    assert pool["autoscalingSettings"]["maxNumWorkers"] == 20
    assert [image["containerImage"] for image in pool["sdkHarnessContainerImages"]] == [DATAFLOW["sdk_container_image"]]
    assert job["environment"]["serviceAccountEmail"] == "w@flower-shop.iam.gserviceaccount.com"
    assert job["environment"]["tempStoragePrefix"].startswith("storage.googleapis.com/flower-shop/tmp/")
    serialized = json.dumps(job["environment"]["sdkPipelineOptions"])
    assert all(word in serialized for word in ("flower-shop", "europe-west4", "gs://flower-shop/tmp/staging"))
    names = {transform.unique_name for transform in sent[0].proto_pipeline.components.transforms.values()}
    assert any("WriteShard" in name or "Write" in name for name in names)
