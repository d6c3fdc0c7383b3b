"""`flowers kubeflow submit` and `schedule` over HTTP, against a double of the Pipelines API."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowers_tfx.cli import main
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.kubeflow import runs
from flowers_tfx.orchestration.kubeflow.cron import check_cron
from tests.unit.pipelines_server import TOKEN, Cluster, serve_cluster
from tests.unit.test_kubeflow_lint import small_spec

PLATFORM = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"first": {"nodeSelector": {"labels": {"a": "b"}}}}}}}}


@pytest.fixture()
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv("FLOWERS_KUBEFLOW_TOKEN", TOKEN)
    monkeypatch.setattr(runs, "POLL_S", 0.01)
    with serve_cluster(Cluster()) as served:
        yield served


@pytest.fixture(params=["single-user", "multi-user"])
def installation(request: pytest.FixtureRequest, cluster: Cluster) -> list[str]:
    """The options that every command needs on this kind of installation."""
    cluster.multi_user = request.param == "multi-user"
    return ["--namespace", "team"] if cluster.multi_user else []


@pytest.fixture()
def package(tmp_path: Path) -> Path:
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump(small_spec()))
    return path


@pytest.fixture()
def flowers(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str, host: str = "", code: int = 0) -> Any:
        with pytest.raises(SystemExit) as stopped:
            main(["kubeflow", *arguments, "--host", host or cluster.host, "--json"])
        captured = capsys.readouterr()
        assert stopped.value.code == code, captured.out + captured.err
        assert TOKEN not in captured.out + captured.err
        run.err = captured.err  # type: ignore[attr-defined]
        return json.loads(captured.out)

    return run


def test_a_run_is_submitted_with_its_parameters_into_an_experiment(
    flowers: Any, cluster: Cluster, package: Path, installation: list[str]
) -> None:
    arguments = [*installation, "--experiment", "roses", "--name", "first", "--param", "data_root=s3://b/other"]
    value = flowers("submit", str(package), *arguments)
    assert (value["run_id"], value["state"], value["error"]) == ("r1", "PENDING", "")
    (run,) = cluster.runs
    assert (run["display_name"], run["experiment_id"]) == ("first", "e1")
    assert run["pipeline_spec"] == small_spec()
    assert run["runtime_config"] == {"parameters": {"data_root": "s3://b/other"}}
    assert "service_account" not in run
    flowers("submit", str(package), *arguments)
    assert len(cluster.experiments) == 1  # found again


def test_an_experiment_is_found_on_any_page(flowers: Any, cluster: Cluster, package: Path) -> None:
    cluster.experiments = [{"display_name": f"other {n}", "experiment_id": f"o{n}"} for n in range(5)]
    cluster.experiments.append({"display_name": "flowers", "experiment_id": "mine"})
    flowers("submit", str(package))
    assert cluster.runs[0]["experiment_id"] == "mine"


def test_the_platform_document_travels_beside_the_spec(flowers: Any, cluster: Cluster, tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    path.write_text(yaml.safe_dump_all([small_spec(), PLATFORM]))
    flowers("submit", str(path))
    assert cluster.runs[0]["pipeline_spec"] == {"pipeline_spec": small_spec(), "platform_spec": PLATFORM}


def test_namespace_and_account_come_from_the_configuration_or_an_option(flowers: Any, cluster: Cluster, package: Path) -> None:
    cluster.multi_user = True
    settings = ["--set", "kubeflow.namespace=team", "--set", "kubeflow.service_account=runner"]
    flowers("submit", str(package), *settings)
    assert cluster.experiments[0]["namespace"] == "team"
    assert cluster.runs[0]["service_account"] == "runner"
    flowers("submit", str(package), *settings, "--service-account", "other")
    assert cluster.runs[1]["service_account"] == "other"


def step_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if ": " in line]


@pytest.mark.parametrize("no_mlmd", [False, True])
@pytest.mark.parametrize("retry_defaults", [True, False])
def test_waiting_shows_the_steps_of_the_package_and_nothing_else(
    retry_defaults: bool, no_mlmd: bool, flowers: Any, cluster: Cluster, package: Path, installation: list[str]
) -> None:
    cluster.retry_defaults, cluster.no_mlmd = retry_defaults, no_mlmd
    value = flowers("submit", str(package), "--wait", *installation)
    assert (value["state"], value["error"]) == ("SUCCEEDED", "")
    assert step_lines(flowers.err) == ["First: running", "First: succeeded", "Second: succeeded"]


@pytest.mark.parametrize(("no_mlmd", "retry_defaults"), [(False, True), (False, False), (True, True)])
def test_a_hit_is_cached(no_mlmd: bool, retry_defaults: bool, flowers: Any, cluster: Cluster, package: Path) -> None:
    cluster.cached, cluster.no_mlmd, cluster.retry_defaults, cluster.states = ("Second",), no_mlmd, retry_defaults, ["SUCCEEDED"]
    flowers("submit", str(package), "--wait")
    assert step_lines(flowers.err) == ["First: succeeded", "Second: cached"]


@pytest.mark.parametrize("no_mlmd", [False, True])
def test_a_step_behind_one_that_failed_is_not_reached(no_mlmd: bool, flowers: Any, cluster: Cluster, package: Path) -> None:
    cluster.failing, cluster.no_mlmd, cluster.states = "First", no_mlmd, ["RUNNING", "FAILED"]
    value = flowers("submit", str(package), "--wait", code=1)
    assert value["state"] == "FAILED"
    assert step_lines(flowers.err) == ["First: running", "First: failed", "Second: not reached"]


@pytest.mark.parametrize("no_mlmd", [False, True])
def test_a_run_that_fails_ends_with_1_and_says_where_and_why(
    no_mlmd: bool, flowers: Any, cluster: Cluster, package: Path, installation: list[str]
) -> None:
    cluster.states, cluster.no_mlmd = ["RUNNING", "FAILED"], no_mlmd
    cluster.log = "Epoch 1\nTraceback (most recent call last):\nstep failed: ValueError: out of memory."
    value = flowers("submit", str(package), "--wait", *installation, code=1)
    assert value["state"] == "FAILED"
    assert value["error"].endswith("in Second: ValueError: out of memory." if not no_mlmd else "ValueError: out of memory.")


def test_without_a_stored_log_the_error_says_where_to_look(flowers: Any, cluster: Cluster, package: Path, installation: list[str]) -> None:
    cluster.states = ["FAILED"]
    value = flowers("submit", str(package), "--wait", *installation, code=1)
    assert "in Second. The step's log says why" in value["error"]
    assert f"kubectl logs -n {'team' if cluster.multi_user else 'kubeflow'} -l pipeline/runid=r1 -c main" in value["error"]


def test_a_run_that_was_terminated_is_canceling_and_then_failed(flowers: Any, cluster: Cluster, package: Path) -> None:
    cluster.states = ["RUNNING", "CANCELING", "FAILED"]
    value = flowers("submit", str(package), "--wait", code=1)
    assert (value["state"], value["error"]) == ("FAILED", "The run was terminated, and ended as FAILED.")
    cluster.states = ["CANCELING"]
    value = flowers("submit", str(package), "--wait", "--timeout", "1", code=1)
    assert (value["state"], value["error"]) == ("CANCELING", "The run is being terminated.")


def test_a_run_that_takes_too_long_is_left_alone_in_time(
    flowers: Any, cluster: Cluster, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "POLL_S", 100.0)
    cluster.states = ["RUNNING"]
    started = time.monotonic()
    value = flowers("submit", str(package), "--wait", "--timeout", "1", code=1)
    assert time.monotonic() - started < 60  # the import of kfp takes some of it
    assert (value["state"], "goes on" in value["error"]) == ("RUNNING", True)


def test_a_server_that_does_not_answer_does_not_prolong_the_wait(
    flowers: Any, cluster: Cluster, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, ended = cluster.answer, threading.Event()

    def hang(method: str, path: str, token: str, body: Any) -> Any:
        if "view=FULL" in path:
            ended.wait(100)
        return answer(method, path, token, body)

    monkeypatch.setattr(cluster, "answer", hang)
    started = time.monotonic()
    value = flowers("submit", str(package), "--wait", "--timeout", "1", code=1)
    took_s = time.monotonic() - started
    ended.set()
    assert took_s < 60
    assert value["state"] == "PENDING"


def test_a_server_that_is_away_for_a_moment_does_not_end_the_wait(
    flowers: Any, cluster: Cluster, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, outages = cluster.answer, [(503, ""), (502, "<html>")]

    def fail(method: str, path: str, token: str, body: Any) -> Any:
        return outages.pop() if outages and "view=FULL" in path else answer(method, path, token, body)

    monkeypatch.setattr(cluster, "answer", fail)
    assert flowers("submit", str(package), "--wait")["state"] == "SUCCEEDED"
    assert not outages


@pytest.mark.parametrize(
    ("code", "expected"),
    [(401, "refuses the token"), (403, "forbids"), (302, "asks for a login"), (503, "cannot answer now"), (500, "failed at")],
)
def test_what_the_server_refuses_is_one_sentence(code: int, expected: str, flowers: Any, cluster: Cluster, package: Path) -> None:
    cluster.answers = [(code, {"message": "no"})]
    value = flowers("submit", str(package), code=2)
    assert expected in value["error"]
    assert "\n" not in value["error"]
    assert not cluster.runs


def test_a_wrong_token_is_refused_and_not_repeated(
    flowers: Any, cluster: Cluster, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_text("wrong-token\n")
    value = flowers("submit", str(package), "--token-file", str(tmp_path / "token"), code=2)
    assert "refuses the token (401)" in value["error"]
    assert "wrong-token" not in json.dumps(value) + flowers.err
    assert flowers("submit", str(package), "--token-file", str(tmp_path / "none"), code=2)["error"].startswith("The token file")


def test_the_token_of_a_file_is_read_for_each_request(flowers: Any, cluster: Cluster, package: Path, tmp_path: Path) -> None:
    """Tokens of service accounts expire while a run is waited for."""
    (tmp_path / "token").write_text(TOKEN)
    assert flowers("submit", str(package), "--token-file", str(tmp_path / "token"))["run_id"] == "r1"


COMMANDS = [["submit", "PACKAGE"], ["schedule", "create", "PACKAGE", "--cron", "@daily"], ["schedule", "list"]]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_namespace_fits_the_installation(command: list[str], flowers: Any, cluster: Cluster, package: Path) -> None:
    command = [part.replace("PACKAGE", str(package)) for part in command]
    for given in (["--namespace", "nowhere"], ["--namespace", "kubeflow"], ["--set", "kubeflow.namespace=team"]):
        assert "single-user installation" in flowers(*command, *given, code=2)["error"]
    flowers(*command)
    cluster.multi_user = True
    assert "multi-user installation, and no namespace was given" in flowers(*command, code=2)["error"]
    value = flowers(*command, "--namespace", "nowhere", code=2)
    assert "forbids this (403): PermissionDenied" in value["error"]
    flowers(*command, "--namespace", "team")


@pytest.mark.parametrize("command", COMMANDS[:2], ids=" ".join)
def test_a_name_that_the_server_cannot_store_is_refused_before_anything_is_sent(
    command: list[str], flowers: Any, cluster: Cluster, package: Path, installation: list[str]
) -> None:
    command = [*(part.replace("PACKAGE", str(package)) for part in command), *installation]
    assert "has 256 characters" in flowers(*command, "--name", "n" * 256, code=2)["error"]
    assert "has 129 characters" in flowers(*command, "--experiment", "e" * 129, code=2)["error"]
    assert "has 0 characters" in flowers(*command, "--experiment", "", code=2)["error"]
    assert (cluster.requests, cluster.workflows) == ([], [])
    flowers(*command, "--name", "n" * 255, "--experiment", "e" * 128)
    assert len(cluster.workflows) == 1


@pytest.mark.parametrize(("command", "resource"), [(COMMANDS[0], "workflows"), (COMMANDS[1], "scheduledworkflows")])
def test_a_server_that_failed_may_have_started_it_all_the_same(
    command: list[str], resource: str, flowers: Any, cluster: Cluster, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_store", lambda body: (500, {"message": "InternalServerError: Error 1406"}))
    value = flowers(*(part.replace("PACKAGE", str(package)) for part in command), code=2)
    assert "failed at the request (500): InternalServerError" in value["error"]
    assert f"kubectl get {resource}" in value["hint"]


def test_a_host_that_cannot_be_reached_is_named(flowers: Any, package: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{free.getsockname()[1]}"
        assert "cannot be reached" in flowers("submit", str(package), host=host, code=2)["error"]
    assert "is not an address" in flowers("submit", str(package), host="localhost:8888", code=2)["error"]
    value = flowers("submit", str(package), host="http://me:hunter2@localhost", code=2)
    assert "contains a password" in value["error"]
    assert "hunter2" not in json.dumps(value)


def test_an_answer_that_is_not_json_comes_from_another_server(flowers: Any, cluster: Cluster, package: Path) -> None:
    cluster.answers = [(200, "<html>hello</html>")]
    assert "not as Kubeflow Pipelines does" in flowers("submit", str(package), code=2)["error"]


def test_nothing_is_sent_of_a_package_that_would_be_refused(flowers: Any, cluster: Cluster, tmp_path: Path) -> None:
    bad, vertex = tmp_path / "bad.yaml", tmp_path / "job.json"
    bad.write_text(yaml.safe_dump({**small_spec(), "schemaVersion": "2.0.0"}))
    vertex.write_text(json.dumps({"pipelineSpec": small_spec(), "runtimeConfig": {}}))
    unknown = tmp_path / "unknown.yaml"
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"first": {"nodeSelektor": {}}}}}}}
    unknown.write_text(yaml.safe_dump_all([small_spec(), platform]))
    assert "nodeSelektor" in flowers("submit", str(unknown), code=2)["error"]
    assert "2.1.0" in flowers("submit", str(bad), code=2)["error"]
    assert "Vertex AI" in flowers("submit", str(vertex), code=2)["error"]
    assert cluster.requests == []


def test_a_field_that_the_installed_kfp_cannot_send_is_named(flowers: Any, cluster: Cluster, tmp_path: Path) -> None:
    path, spec = tmp_path / "newer.yaml", small_spec()
    spec["root"]["dag"]["tasks"]["First"]["somethingNew"] = 1
    path.write_text(yaml.safe_dump(spec))
    assert "somethingNew" in flowers("submit", str(path), code=2)["error"]
    assert cluster.requests == []


def test_a_package_of_any_file_name_is_submitted_as_it_is(flowers: Any, cluster: Cluster, tmp_path: Path) -> None:
    path = tmp_path / "package.json"
    path.write_text(json.dumps(small_spec()))
    flowers("submit", str(path))
    assert cluster.runs[0]["pipeline_spec"] == small_spec()


def test_only_our_own_options_count(flowers: Any, cluster: Cluster, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kfp's client would take its settings from variables and from a file in the home folder, and would ask for the server's health."""
    from kfp.client import Client

    context = tmp_path / "context.json"
    context.write_text(json.dumps({"namespace": "elsewhere", "client_authentication_cookie": "c=1"}))
    monkeypatch.setattr(Client, "_LOCAL_KFP_CONTEXT", str(context))
    for name in ("ENDPOINT", "UI_ENDPOINT", "DEFAULT_EXPERIMENT_NAME", "OVERRIDE_EXPERIMENT_NAME", "IAP_OAUTH2_CLIENT_ID"):
        monkeypatch.setenv(f"KF_PIPELINES_{name}", "http://nowhere.invalid")
    before = context.read_text()
    flowers("submit", str(package), "--experiment", "roses", "--wait")
    assert [experiment["display_name"] for experiment in cluster.experiments] == ["roses"]
    assert not any("elsewhere" in path for _, path in cluster.requests)
    assert [(method, path.partition("?")[0].rpartition("/")[2]) for method, path in cluster.requests[:4]] == [
        ("GET", "healthz"),
        ("GET", "experiments"),
        ("POST", "experiments"),
        ("POST", "runs"),
    ]
    assert context.read_text() == before


def test_the_token_is_read_again_while_a_run_is_waited_for(
    flowers: Any, cluster: Cluster, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    tokens = []
    answer = cluster.answer

    def renew(method: str, path: str, token: str, body: Any) -> Any:
        """The server takes only the token that is in the file now, and the next request needs the next one."""
        current = f"Bearer {file.read_text()}"
        tokens.append(token)
        file.write_text(f"token-{len(tokens)}")
        return answer(method, path, f"Bearer {TOKEN}" if token == current else "", body)

    monkeypatch.setattr(cluster, "answer", renew)
    assert flowers("submit", str(package), "--token-file", str(file), "--wait")["state"] == "SUCCEEDED"
    assert len(set(tokens)) == len(tokens) > 4


def test_without_a_token_there_is_no_header(flowers: Any, cluster: Cluster, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOWERS_KUBEFLOW_TOKEN")
    value = flowers("submit", str(package), code=2)
    assert "wants a token (401), and no token was given" in value["error"]
    assert "--audience=pipelines.kubeflow.org" in value["hint"]


def test_a_parameter_that_there_is_not_is_refused(flowers: Any, cluster: Cluster, package: Path) -> None:
    assert "no run parameter x" in flowers("submit", str(package), "--param", "x=1", code=2)["error"]
    assert "has no value" in flowers("submit", str(package), "--param", "x", code=2)["error"]


def test_a_schedule_lives_its_life(flowers: Any, cluster: Cluster, package: Path, installation: list[str]) -> None:
    value = flowers("schedule", "create", str(package), "--cron", "0 30 2 * * *", "--name", "nightly", *installation)
    assert (value["id"], value["cron"], value["status"]) == ("s1", "0 30 2 * * *", "active")
    (made,) = cluster.schedules
    assert made["trigger"] == {"cron_schedule": {"cron": "0 30 2 * * *"}}
    assert (made["max_concurrency"], made["no_catchup"], made["mode"]) == ("1", True, "ENABLE")
    assert made["namespace"] == ("team" if cluster.multi_user else "")
    assert flowers("schedule", "pause", "s1", *installation)["status"] == "paused"
    (row,) = flowers("schedule", "list", *installation)
    assert (row["name"], row["status"], row["cron"], row["interval_s"]) == ("nightly", "paused", "0 30 2 * * *", None)
    flowers("schedule", "resume", "s1", *installation)
    assert flowers("schedule", "list", *installation)[0]["status"] == "active"
    flowers("schedule", "delete", "s1", *installation)
    assert flowers("schedule", "list", *installation) == []
    assert "does not have this" in flowers("schedule", "pause", "s1", *installation, code=2)["error"]


def test_a_schedule_by_interval(flowers: Any, cluster: Cluster, package: Path) -> None:
    value = flowers("schedule", "create", str(package), "--interval", "3600", "--max-concurrency", "2")
    assert (value["interval_s"], value["max_concurrency"]) == (3600, 2)
    assert cluster.schedules[0]["trigger"] == {"periodic_schedule": {"interval_second": "3600"}}
    assert flowers("schedule", "list")[0]["interval_s"] == 3600


def test_two_schedules_of_a_name_would_start_every_run_twice(flowers: Any, cluster: Cluster, package: Path) -> None:
    flowers("schedule", "create", str(package), "--cron", "@daily")
    assert "already, s1" in flowers("schedule", "create", str(package), "--cron", "@hourly", code=2)["error"]


@pytest.mark.parametrize(
    "cron",
    [
        "0 30 2 * * *",
        "0 */5 * * * *",
        "0  0 6 * * MON-FRI",
        "0 0 0 1,15 JAN-jun ?",
        "@daily",
        "@every 1h30m",
        "@every 2s",
        "30 0 0 31 12 0",
        "*/10 * * * * *",
    ],
)
def test_schedules_that_are_right(cron: str) -> None:
    assert check_cron(cron) == " ".join(cron.split())


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("30 2 * * *", "`0 30 2 * * *`"),
        ("", "has 1 fields"),
        ("0 30 2 * * * *", "has 7 fields"),
        ("* 30 2 * * *", "every second"),
        ("*/1 30 2 * * *", "every second"),
        ("0-59 30 2 * * *", "every second"),
        ("@every 0s", "every second"),
        ("@every 1s", "every second"),
        ("@every 1.5s", "every second"),
        ("0 60 2 * * *", "60 is not a valid minute"),
        ("0 30 24 * * *", "24 is not a valid hour"),
        ("0 30 2 0 * *", "0 is not a valid day"),
        ("0 30 2 * 13 *", "13 is not a valid month"),
        ("0 30 2 * * 7", "7 is not a valid weekday"),
        ("0 30 5-2 * * *", "5-2 is not a valid hour"),
        ("0 */0 * * * *", "*/0 is not a valid minute"),
        ("0 ? * * * *", "? is not a valid minute"),
        ("@fortnightly", "has 1 fields"),
        ("@every day", "has 2 fields"),
    ],
)
def test_schedules_that_are_wrong_are_explained(cron: str, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        check_cron(cron)
    assert expected in caught.value.message
    assert "seconds first" in caught.value.hint


def test_an_interval_of_a_second_is_refused_like_such_an_expression(flowers: Any, cluster: Cluster, package: Path) -> None:
    assert "every second" in flowers("schedule", "create", str(package), "--interval", "1", code=2)["error"]
    assert cluster.requests == []


@pytest.mark.parametrize("when", [[], ["--cron", "@daily", "--interval", "5"]])
def test_a_schedule_has_one_trigger(when: list[str], flowers: Any, cluster: Cluster, package: Path) -> None:
    assert "either --cron or --interval" in flowers("schedule", "create", str(package), *when, code=2)["error"]
    assert cluster.requests == []
