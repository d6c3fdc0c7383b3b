"""A double of the Pipelines API (v2beta1) that checks every request body with the models of `kfp_server_api`."""

from __future__ import annotations

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


def checked(model: str, body: Any) -> None:
    """What the model does not know is lost on the way through it, and so found out."""
    api = kfp_server_api.ApiClient(kfp_server_api.Configuration(host="http://nowhere.invalid"))
    read = api.deserialize(SimpleNamespace(data=json.dumps(body)), model)
    assert api.sanitize_for_serialization(read) == body


def passes(text: str, item: dict[str, Any]) -> bool:
    """Whether an item passes a filter (api/v2beta1/filter.proto in JSON), of which this knows EQUALS alone."""
    for predicate in json.loads(text)["predicates"] if text else []:
        assert predicate["operation"] in ("EQUALS", 1)
        if item.get(predicate["key"]) != predicate["stringValue"]:
            return False
    return True


@dataclass
class Cluster:
    """`states` are what a run is in at each look at it; `answers` overrides the next answers as (code, body)."""

    namespaces: tuple[str, ...] = ("", "team")
    states: list[str] = field(default_factory=lambda: ["PENDING", "RUNNING", "SUCCEEDED"])
    answers: list[tuple[int, Any]] = field(default_factory=list)
    experiments: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    schedules: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    host: str = ""

    def answer(self, method: str, path: str, token: str, body: Any) -> tuple[int, Any]:
        self.requests.append((method, path))
        if self.answers:
            return self.answers.pop(0)
        if token != f"Bearer {TOKEN}":
            return 401, {"message": "Unauthenticated"}
        parts = urlsplit(path)
        if not parts.path.startswith(PREFIX):
            return 404, {}
        what, _, rest = parts.path.removeprefix(PREFIX).partition("/")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if method == "POST" and not rest:
            checked(MODELS[what], body)
        namespace = query.get("namespace", "") if method == "GET" else (body or {}).get("namespace", "")
        if namespace not in self.namespaces:
            return 404, {"message": f"namespaces {namespace} not found"}
        return getattr(self, f"_{what}")(method, rest, query, body)

    def _experiments(self, method: str, rest: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        if method == "GET":
            return 200, self._page("experiments", [one for one in self.experiments if passes(query.get("filter", ""), one)], query)
        self.experiments.append({**body, "experiment_id": f"e{len(self.experiments) + 1}"})
        return 200, self.experiments[-1]

    def _runs(self, method: str, rest: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        if method == "POST":
            self.runs.append({**body, "run_id": f"r{len(self.runs) + 1}"})
            return 200, {"run_id": self.runs[-1]["run_id"]}
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        tasks = [
            {"display_name": "root-driver", "state": "SUCCEEDED"},
            {"display_name": "SelectInputs", "state": "SUCCEEDED" if state == "SUCCEEDED" else state},
            {"display_name": "Trainer", "state": state, "error": {"message": "out of memory"} if state == "FAILED" else None},
        ]
        return 200, {"run_id": rest, "state": state, "run_details": {"task_details": tasks}}

    def _recurringruns(self, method: str, rest: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        if method == "GET":
            there = [schedule for schedule in self.schedules if schedule["namespace"] == query.get("namespace", "")]
            return 200, self._page("recurringRuns", there, query)
        if method == "POST" and not rest:
            # Like the API server, which takes the namespace of a schedule from its experiment.
            experiment = next(one for one in self.experiments if one["experiment_id"] == body["experiment_id"])
            given = {"recurring_run_id": f"s{len(self.schedules) + 1}", "status": "ENABLED", "namespace": experiment.get("namespace", "")}
            self.schedules.append({**body, **given})
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
def cluster_served(cluster: Cluster) -> Iterator[Cluster]:
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
