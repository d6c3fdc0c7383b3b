"""`flowers kubeflow submit` and `schedule` over HTTP, against a double of the Pipelines API."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowers_tfx.cli import main
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.kubeflow import runs
from flowers_tfx.orchestration.kubeflow.cron import check_cron
from tests.unit.pipelines_server import TOKEN, Cluster, cluster_served
from tests.unit.test_kubeflow_lint import small_spec

PLATFORM = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"first": {"nodeSelector": {"labels": {"a": "b"}}}}}}}}


@pytest.fixture()
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv("FLOWERS_KUBEFLOW_TOKEN", TOKEN)
    monkeypatch.setattr(runs, "POLL_S", 0.01)
    with cluster_served(Cluster()) as served:
        yield served


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


def test_a_run_is_submitted_with_its_parameters_into_an_experiment(flowers: Any, cluster: Cluster, package: Path) -> None:
    arguments = ["--experiment", "roses", "--name", "first", "--param", "data_root=s3://b/other"]
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
    settings = ["--set", "kubeflow.namespace=team", "--set", "kubeflow.service_account=runner"]
    flowers("submit", str(package), *settings)
    assert cluster.experiments[0]["namespace"] == "team"
    assert cluster.runs[0]["service_account"] == "runner"
    flowers("submit", str(package), *settings, "--service-account", "other")
    assert cluster.runs[1]["service_account"] == "other"


def test_waiting_shows_each_step_and_ends_with_the_run(flowers: Any, cluster: Cluster, package: Path) -> None:
    value = flowers("submit", str(package), "--wait")
    assert (value["state"], value["error"]) == ("SUCCEEDED", "")
    lines = flowers.err.splitlines()
    assert lines.index("Trainer: RUNNING") < lines.index("Trainer: SUCCEEDED")
    assert not any("driver" in line for line in lines)


def test_a_run_that_fails_ends_with_1_and_says_where(flowers: Any, cluster: Cluster, package: Path) -> None:
    cluster.states = ["RUNNING", "FAILED"]
    value = flowers("submit", str(package), "--wait", code=1)
    assert value["state"] == "FAILED"
    assert "Trainer" in value["error"]
    assert "out of memory" in value["error"]


def test_a_run_that_takes_too_long_is_left_alone(flowers: Any, cluster: Cluster, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.states = ["RUNNING"]
    value = flowers("submit", str(package), "--wait", "--timeout", "1", code=1)
    assert (value["state"], "goes on" in value["error"]) == ("RUNNING", True)


def test_a_server_that_is_away_for_a_moment_does_not_end_the_wait(flowers: Any, cluster: Cluster, package: Path) -> None:
    answers = [(200, {"experiments": [{"display_name": "flowers", "experiment_id": "e"}]}), (200, {"run_id": "r1"}), (503, "")]
    cluster.answers = [*answers, (502, "<html>")]
    assert flowers("submit", str(package), "--wait")["state"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("code", "said"),
    [(401, "refuses the token"), (403, "forbids"), (302, "asks for a login"), (503, "cannot answer now"), (500, "refuses")],
)
def test_what_the_server_refuses_is_one_sentence(code: int, said: str, flowers: Any, cluster: Cluster, package: Path) -> None:
    cluster.answers = [(code, {"message": "no"})]
    value = flowers("submit", str(package), code=2)
    assert said in value["error"]
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


def test_a_namespace_that_is_not_there_is_named(flowers: Any, cluster: Cluster, package: Path) -> None:
    value = flowers("submit", str(package), "--namespace", "nowhere", code=2)
    assert "no namespace nowhere" in value["error"]


def test_a_host_that_cannot_be_reached_is_named(flowers: Any, package: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{free.getsockname()[1]}"
        assert "cannot be reached" in flowers("submit", str(package), host=host, code=2)["error"]
    assert "is not an address" in flowers("submit", str(package), host="localhost:8888", code=2)["error"]
    value = flowers("submit", str(package), host="http://me:hunter2@localhost", code=2)
    assert "contains a password" in value["error"]
    assert "hunter2" not in json.dumps(value)


def test_an_answer_that_is_no_json_is_another_server(flowers: Any, cluster: Cluster, package: Path) -> None:
    cluster.answers = [(200, "<html>hello</html>")]
    assert "not as Kubeflow Pipelines does" in flowers("submit", str(package), code=2)["error"]


def test_nothing_is_sent_of_a_package_that_would_be_refused(flowers: Any, cluster: Cluster, tmp_path: Path) -> None:
    bad, vertex = tmp_path / "bad.yaml", tmp_path / "job.json"
    bad.write_text(yaml.safe_dump({**small_spec(), "schemaVersion": "2.0.0"}))
    vertex.write_text(json.dumps({"pipelineSpec": small_spec(), "runtimeConfig": {}}))
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
    assert [(method, path.partition("?")[0].rpartition("/")[2]) for method, path in cluster.requests[:3]] == [
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


def test_no_token_is_no_header(flowers: Any, cluster: Cluster, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOWERS_KUBEFLOW_TOKEN")
    assert "refuses the token (401)" in flowers("submit", str(package), code=2)["error"]


def test_a_parameter_that_there_is_not_is_refused(flowers: Any, cluster: Cluster, package: Path) -> None:
    assert "no run parameter x" in flowers("submit", str(package), "--param", "x=1", code=2)["error"]
    assert "has no value" in flowers("submit", str(package), "--param", "x", code=2)["error"]


def test_a_schedule_lives_its_life(flowers: Any, cluster: Cluster, package: Path) -> None:
    value = flowers("schedule", "create", str(package), "--cron", "0 30 2 * * *", "--name", "nightly", "--namespace", "team")
    assert (value["id"], value["cron"], value["status"]) == ("s1", "0 30 2 * * *", "active")
    (made,) = cluster.schedules
    assert made["trigger"] == {"cron_schedule": {"cron": "0 30 2 * * *"}}
    assert (made["max_concurrency"], made["no_catchup"], made["mode"], made["namespace"]) == ("1", True, "ENABLE", "team")
    there = ["--namespace", "team"]
    assert flowers("schedule", "pause", "s1", *there)["status"] == "paused"
    (row,) = flowers("schedule", "list", *there)
    assert (row["name"], row["status"], row["cron"], row["interval_s"]) == ("nightly", "paused", "0 30 2 * * *", None)
    flowers("schedule", "resume", "s1", *there)
    assert flowers("schedule", "list", *there)[0]["status"] == "active"
    flowers("schedule", "delete", "s1", *there)
    assert flowers("schedule", "list", *there) == []
    assert "does not have this" in flowers("schedule", "pause", "s1", *there, code=2)["error"]


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
        "30 0 0 31 12 0",
        "*/10 * * * * *",
    ],
)
def test_schedules_that_are_right(cron: str) -> None:
    assert check_cron(cron) == " ".join(cron.split())


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("30 2 * * *", "`0 30 2 * * *`"),
        ("", "has 1 fields"),
        ("0 30 2 * * * *", "has 7 fields"),
        ("* 30 2 * * *", "every second"),
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
def test_schedules_that_are_wrong_are_explained(cron: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        check_cron(cron)
    assert said in caught.value.message
    assert "seconds first" in caught.value.hint


@pytest.mark.parametrize("when", [[], ["--cron", "@daily", "--interval", "5"]])
def test_a_schedule_has_one_trigger(when: list[str], flowers: Any, cluster: Cluster, package: Path) -> None:
    assert "either --cron or --interval" in flowers("schedule", "create", str(package), *when, code=2)["error"]
    assert cluster.requests == []
