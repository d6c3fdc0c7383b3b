"""A double of the Pipelines API (v2beta1) that answers as the API server of Kubeflow Pipelines 2.17 did, single-user and multi-user, and
that checks every request body with the models of `kfp_server_api`."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kfp_server_api

TOKEN = "good-token"
PREFIX = "/apis/v2beta1/"
MODELS = {"experiments": "V2beta1Experiment", "runs": "V2beta1Run", "recurringruns": "V2beta1RecurringRun"}
PAGE = 2
WORKFLOW = "flowers-j8trd"
# What KubernetesExecutorConfig has in 2.17 of that which a test sends; another key is a 500.
PLATFORM_KEYS = {"nodeSelector", "tolerations", "secretAsEnv", "activeDeadlineSeconds"}
Answer = tuple[int, Any]


def assert_valid(model: str, body: Any) -> None:
    """The body must be the same after a round trip through the model, which drops every field that it does not know."""
    api = kfp_server_api.ApiClient(kfp_server_api.Configuration(host="http://nowhere.invalid"))
    read = api.deserialize(SimpleNamespace(data=json.dumps(body)), model)
    assert api.sanitize_for_serialization(read) == body


def matches_filter(text: str, item: dict[str, Any]) -> bool:
    """Whether an item passes a filter (api/v2beta1/filter.proto in JSON), of which only EQUALS is supported."""
    for predicate in json.loads(text)["predicates"] if text else []:
        assert predicate["operation"] in ("EQUALS", 1)
        if item.get(predicate["key"]) != predicate["stringValue"]:
            return False
    return True


def node_id(name: str) -> str:
    """Argo's id of a node: the workflow's name and the FNV-1a hash (32 bits) of the node's name."""
    value = 2166136261
    for byte in name.encode():
        value = (value ^ byte) * 16777619 % 2**32
    return WORKFLOW if name == WORKFLOW else f"{WORKFLOW}-{value}"


@dataclass
class Cluster:
    """`states` are those of a run, one a request; `answers` overrides the next answers as (code, body). `workflows` are the Kubernetes
    objects, also of runs that the server then could not store.

    `cached` are hits, `failing` is the step that fails a run (the last one by default), `log` what its container wrote. `no_mlmd` answers
    as the branch of Pipelines without ML Metadata.
    """

    multi_user: bool = False
    namespaces: tuple[str, ...] = ("team",)
    no_mlmd: bool = False
    states: list[str] = field(default_factory=lambda: ["PENDING", "RUNNING", "SUCCEEDED"])
    cached: tuple[str, ...] = ()
    failing: str = ""
    log: str = ""
    retry_defaults: bool = True
    answers: list[Answer] = field(default_factory=list)
    experiments: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    schedules: list[dict[str, Any]] = field(default_factory=list)
    workflows: list[str] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    host: str = ""

    def answer(self, method: str, path: str, token: str, body: Any) -> Answer:
        self.requests.append((method, path))
        parts = urlsplit(path)
        if parts.path == f"{PREFIX}healthz" and not self.answers:
            return 200, {"commit_sha": "unknown", "tag_name": "2.17.0", **({"multi_user": True} if self.multi_user else {})}
        if self.answers:
            return self.answers.pop(0)
        if token != f"Bearer {TOKEN}":
            return 401, {"error": "Unauthenticated", "code": 16, "message": "Unauthenticated"}
        if not parts.path.startswith(PREFIX):
            return 404, {}
        what, _, rest = parts.path.removeprefix(PREFIX).partition("/")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if method == "POST" and not rest:
            assert_valid(MODELS[what], body)
        if not rest:
            refusal = self._refuse_namespace(what, method, query.get("namespace", "") if method == "GET" else body.get("namespace", ""))
            if refusal:
                return refusal
        return getattr(self, f"_{what}")(method, rest, query, body)

    def _refuse_namespace(self, what: str, method: str, namespace: str) -> Answer | None:
        if not self.multi_user:
            # Runs and experiments ignore it.
            if what == "recurringruns" and namespace:
                return 400, {"message": f"Invalid input error: Experiment e1 belongs to namespace '' instead of '{namespace}'"}
            return None
        if method == "POST" and what != "experiments":  # it is the experiment's
            return None
        if not namespace:
            return 400, {"message": "Failed to list: Invalid input error: A namespace must not be empty in multi-user mode"}
        if namespace not in self.namespaces:
            return 403, {"message": f"PermissionDenied: User 'me' is not authorized with reason: (request: namespace: {namespace})"}
        return None

    def _experiments(self, method: str, rest: str, query: dict[str, str], body: Any) -> Answer:
        if method == "GET":
            visible = [one for one in self.experiments if not self.multi_user or one.get("namespace") == query.get("namespace")]
            return 200, self._page("experiments", [one for one in visible if matches_filter(query.get("filter", ""), one)], query)
        name = body.get("display_name", "")
        if not name:
            return 400, {"message": "Invalid input error: Experiment must have a non-empty name"}
        if len(name) > 128:
            return 500, {"message": "InternalServerError: Error 1406 (22001): Data too long for column 'Name' at row 1"}
        namespace = {"namespace": body["namespace"]} if self.multi_user else {}
        stored = {key: value for key, value in body.items() if key != "namespace"}
        self.experiments.append({**stored, **namespace, "experiment_id": f"e{len(self.experiments) + 1}"})
        return 200, self.experiments[-1]

    def _runs(self, method: str, rest: str, query: dict[str, str], body: Any) -> Answer:
        if method == "POST" and not rest:
            return self._store(body) or self._new_run(body)
        if not rest:
            return 200, self._page("runs", [run for run in self.runs if matches_filter(query.get("filter", ""), run)], query)
        run_id, _, rest = rest.partition("/")
        run = next((run for run in self.runs if run["run_id"] == run_id), None)
        if run is None:
            return 404, {"message": f"ResourceNotFoundError: Run {run_id} not found"}
        if rest:
            return self._artifact(run, rest)
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return 200, {**self._details(run, state, query), "run_id": run_id, "state": state}

    def _store(self, body: Any) -> Answer | None:
        """The object first, then the row of the database."""
        platform = body["pipeline_spec"].get("platform_spec", {}).get("platforms", {})
        executors = platform.get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {})
        unknown = {key for settings in executors.values() for key in set(settings) - PLATFORM_KEYS} | (set(platform) - {"kubernetes"})
        if unknown:
            return 500, {"message": f'InternalServerError: unknown field "{sorted(unknown)[0]}"'}
        self.workflows.append(body["display_name"][:20])
        if len(body["display_name"]) > 255:
            return 500, {"message": "InternalServerError: Error 1406 (22001): Data too long for column 'DisplayName' at row 1"}
        return None

    def _new_run(self, body: Any) -> Answer:
        self.runs.append({**body, "run_id": f"r{len(self.runs) + 1}"})
        return 200, {"run_id": self.runs[-1]["run_id"]}

    def _details(self, run: dict[str, Any], state: str, query: dict[str, str]) -> dict[str, Any]:
        steps = self._steps(self._in_order(run), state)
        if self.no_mlmd:
            return {"tasks": self._tasks(steps)} if query.get("view") == "FULL" else {}
        return {} if state == "PENDING" else {"run_details": {"task_details": self._nodes(steps, state)}}

    @staticmethod
    def _in_order(run: dict[str, Any]) -> list[str]:
        """The tasks of a run's package, each behind those that it waits for."""
        spec = run["pipeline_spec"].get("pipeline_spec", run["pipeline_spec"])
        tasks = spec["root"]["dag"]["tasks"]
        names: list[str] = []
        while len(names) < len(tasks):
            free = [name for name in tasks if name not in names and set(tasks[name].get("dependentTasks", [])) <= set(names)]
            names.append(min(free))
        return names

    def _steps(self, names: list[str], state: str) -> dict[str, str]:
        """The state of each step: PENDING where the run has not come to it."""
        if state == "PENDING":
            return dict.fromkeys(names, "PENDING")
        stop = (self.failing or names[-1]) if state == "FAILED" else names[0]
        last = {"RUNNING": "RUNNING", "CANCELING": "RUNNING", "FAILED": "FAILED"}.get(state, "SUCCEEDED")
        finished_count = len(names) if state == "SUCCEEDED" else names.index(stop)
        return {
            name: "SUCCEEDED" if index < finished_count else last if index == finished_count else "PENDING"  # no step has an error
            for index, name in enumerate(names)
        }

    def _nodes(self, steps: dict[str, str], state: str) -> list[dict[str, Any]]:
        """Argo's nodes: each with a twin `(0)`, since the manifests give every template a retry strategy. No node has its own id."""
        rows: list[dict[str, Any]] = []

        def node(name: str, display: str, state: str, *children: str) -> None:
            own = {"state": state} if state else {}
            rows.append({"display_name": display, **own, "child_tasks": [{"pod_name": node_id(child)} for child in children]})

        def twin(name: str, display: str, state: str, *children: str) -> str:
            """A node and its first attempt; the name in which its children live."""
            if not self.retry_defaults:
                node(name, display, state, *children)
                return name
            node(name, display, state, f"{name}(0)")
            node(f"{name}(0)", f"{display}(0)", state, *children)
            return f"{name}(0)"

        suffix = "(0)" if self.retry_defaults else ""
        twin(WORKFLOW, WORKFLOW, state, f"{WORKFLOW}{suffix}.root-driver")
        inner = f"{WORKFLOW}{suffix}"
        twin(f"{inner}.root-driver", "root-driver", "SUCCEEDED", f"{inner}.root")
        twin(f"{inner}.root", "root", state, *(f"{inner}.root{suffix}.{step}-driver" for step in steps))
        for step, step_state in steps.items():
            name = f"{inner}.root{suffix}.{step}"
            if step_state == "PENDING":
                node(f"{name}-driver", f"{step}-driver", "", name)
                node(name, step, "PENDING")
                continue
            twin(f"{name}-driver", f"{step}-driver", "SUCCEEDED", name)
            twin(name, step, step_state, f"{name}{suffix}.executor")
            if step in self.cached:
                node(f"{name}{suffix}.executor", "executor", "SKIPPED")
            else:
                node(f"{name}{suffix}.executor", "executor", step_state, f"{name}{suffix}.executor(0)")
                node(f"{name}{suffix}.executor(0)", "executor(0)", step_state)
        return rows

    def _tasks(self, steps: dict[str, str]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = [{"task_id": "t0", "name": "ROOT", "type": "ROOT", "state": "RUNNING"}]
        for step, state in steps.items():
            if state == "PENDING":
                continue
            row = {"task_id": f"t-{step}", "name": step, "display_name": step, "type": "RUNTIME", "parent_task_id": "t0"}
            row["state"] = "CACHED" if step in self.cached else state
            message = {"status_metadata": {"message": self.log.splitlines()[-1]}} if state == "FAILED" and self.log else {}
            rows.append({**row, **message})
        return rows

    def _artifact(self, run: dict[str, Any], rest: str) -> Answer:
        """Argo's log of a pod: runs/RUN/nodes/NODE/artifacts/main-logs:read."""
        _, node, _, artifact = rest.split("/")
        suffix = "(0)" if self.retry_defaults else ""
        step = self.failing or self._in_order(run)[-1]
        pod = node_id(f"{WORKFLOW}{suffix}.root{suffix}.{step}{suffix}.executor(0)")
        if artifact != "main-logs:read" or node != pod or not self.log:
            return 404, {"error_message": "artifact not found"}
        return 200, {"data": base64.b64encode(self.log.encode()).decode()}

    def _recurringruns(self, method: str, rest: str, query: dict[str, str], body: Any) -> Answer:
        if method == "GET":
            visible = [schedule for schedule in self.schedules if schedule["namespace"] == query.get("namespace", "")]
            return 200, self._page("recurringRuns", visible, query)
        if method == "POST" and not rest:
            refusal = self._store(body)
            if refusal:
                return refusal
            # The server takes the namespace of a schedule from its experiment.
            experiment = next(one for one in self.experiments if one["experiment_id"] == body["experiment_id"])
            server_fields = {
                "recurring_run_id": f"s{len(self.schedules) + 1}",
                "status": "ENABLED",
                "namespace": experiment.get("namespace", ""),
            }
            self.schedules.append({**body, **server_fields})
            return 200, self.schedules[-1]
        schedule_id, _, verb = rest.partition(":")
        found = next((s for s in self.schedules if s["recurring_run_id"] == schedule_id), None)
        if found is None:
            return 404, {"message": f"ResourceNotFoundError: {schedule_id}"}
        if method == "DELETE":
            self.schedules.remove(found)
        else:
            found["status"] = {"enable": "ENABLED", "disable": "DISABLED"}[verb]
        return 200, {}

    def _page(self, key: str, items: list[Any], query: dict[str, str]) -> dict[str, Any]:
        first = int(query.get("page_token", 0))
        page = {key: items[first : first + PAGE]} if items else {}
        return {**page, "next_page_token": str(first + PAGE)} if first + PAGE < len(items) else page


@contextmanager
def serve_cluster(cluster: Cluster) -> Iterator[Cluster]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            try:
                code, answer = cluster.answer(self.command, self.path, self.headers.get("Authorization", ""), body)
            except Exception as error:  # noqa: BLE001 - a failed check must reach the test
                cluster.problems.append(repr(error))
                code, answer = 500, {"message": repr(error)}
            data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(code)
            if 300 <= code < 400:
                self.send_header("Location", "http://login.invalid/")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _serve

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    cluster.host = f"http://127.0.0.1:{server.server_port}"
    try:
        yield cluster
    finally:
        server.shutdown()
        server.server_close()
    assert not cluster.problems
    assert TOKEN not in json.dumps([cluster.runs, cluster.schedules, cluster.experiments])
