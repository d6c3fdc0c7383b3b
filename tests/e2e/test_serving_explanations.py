"""Explanations of `flowers serve` as a process: many at once, clients that leave, signals, large and broken photos; predictions go on."""

from __future__ import annotations

import base64
import concurrent.futures
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import small_photo
from tests.e2e.test_serving_abuse import WRONG_FILES, ask, request, workers
from tests.serving_process import ServingProcess, push_small_model, serving_process

pytestmark = [pytest.mark.e2e, pytest.mark.one_stack]

PHOTO = small_photo(1, (320, 240))
JPEG = {"Content-Type": "image/jpeg"}
EXPLAIN = "/v1/models/flowers:explain"
PATIENT = ("--set", "serving.explain_timeout_s=600", "--set", "serving.drain_s=250")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serving") / "registry"
    push_small_model(folder)
    return folder


@pytest.fixture(scope="module")
def service(registry: Path) -> Iterator[ServingProcess]:
    with serving_process(registry, "--set", "serving.max_body_mb=12", *PATIENT) as process:
        yield process
        assert ask(process) == 200
        assert "Traceback" not in process.log


def explain(service: ServingProcess, query: str = "", photo: bytes = PHOTO) -> tuple[int, dict[str, Any]]:
    status, body = request(service, "POST", EXPLAIN + query, photo, JPEG)
    return status, json.loads(body)


def metric(service: ServingProcess, name: str) -> float:
    """The sum over all labels."""
    page = request(service, "GET", "/metrics")[1].decode()
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", page, re.MULTILINE))


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_answer_is_explained_with_a_map_and_without(service: ServingProcess) -> None:
    status, answer = explain(service)
    (row,) = answer["explanations"]
    predicted = json.loads(request(service, "POST", "/predict", PHOTO, JPEG)[1])
    assert status == 200
    assert (row["label"], row["probability"], row["model_version"]) == (predicted["label"], predicted["probability"], service.version)
    assert base64.b64decode(row["map"]).startswith(b"\x89PNG")
    body = json.dumps({"instances": [{"b64": base64.b64encode(PHOTO).decode()}] * 2}).encode()
    path = f"/v1/models/flowers/versions/{service.version}:explain?map=none&label=tulips"
    rows = json.loads(request(service, "POST", path, body)[1])["explanations"]
    assert [(one["label"], one["map"]) for one in rows] == [("tulips", None)] * 2


@pytest.mark.parametrize(
    ("query", "status", "sentence"),
    [
        ("?label=violets", 400, "The classes are daisy, roses, tulips."),
        ("?method=ig", 400, "flowers explain --method ig"),
        ("?map=gif", 400, "Choose one of"),
    ],
)
def test_what_cannot_be_explained_gets_one_sentence(service: ServingProcess, query: str, status: int, sentence: str) -> None:
    found, answer = explain(service, query)
    assert found == status and set(answer) == {"error"} and sentence in answer["error"]


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_wrong_file_gets_the_status_that_predict_gives(service: ServingProcess, name: str) -> None:
    data, status = WRONG_FILES[name]
    if name == "more than the limit":
        data += bytes(10_000_000)
    found, answer = explain(service, photo=data)
    assert (found, set(answer)) == (status, {"error"})


def test_a_photo_of_20_megapixels_is_explained(service: ServingProcess) -> None:
    photo = small_photo(3, (5000, 4000))
    status, answer = explain(service, photo=photo)
    (row,) = answer["explanations"]
    assert (status, row["width"], row["height"]) == (200, 5000, 4000)
    assert all(0 <= x0 < x1 <= 5000 and 0 <= y0 < y1 <= 4000 for x0, y0, x1, y1 in (region["box"] for region in row["regions"]))
    assert len(row["map"]) < 500_000


def test_fifty_at_once_are_answered_or_told_to_come_again_and_predictions_go_on(service: ServingProcess) -> None:
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        asked = [pool.submit(explain, service) for _ in range(50)]
        assert [ask(service) for _ in range(20)] == [200] * 20
        statuses = [future.result()[0] for future in asked]
    assert set(statuses) == {200, 429}
    assert statuses.count(200) >= 5
    assert metric(service, "flowers_open_explanations") == 0


def test_a_client_that_leaves_stops_the_work(service: ServingProcess) -> None:
    unfinished, finished = (metric(service, f"flowers_{kind}_total") for kind in ("unfinished_explanations", "explanations"))
    body = json.dumps({"instances": [base64.b64encode(PHOTO).decode()] * 4}).encode()
    with socket.create_connection(("127.0.0.1", service.port), timeout=300) as client:
        client.sendall(
            f"POST {EXPLAIN} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        )
        wait_for(lambda: metric(service, "flowers_open_explanations") == 4)
    wait_for(lambda: metric(service, "flowers_open_explanations") == 0)
    assert metric(service, "flowers_unfinished_explanations_total") == unfinished + 1
    assert metric(service, "flowers_explanations_total") < finished + 4
    assert explain(service)[0] == 200


def test_a_signal_ends_it_with_its_explanations_answered(registry: Path) -> None:
    with serving_process(registry, *PATIENT) as ending, concurrent.futures.ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(explain, ending) for _ in range(3)]
        wait_for(lambda: metric(ending, "flowers_open_explanations") == 3 or any(future.done() for future in asked))
        assert ending.stop(signal.SIGTERM) == 0
        assert [future.result()[0] for future in asked] == [200] * 3


def test_a_worker_that_is_killed_meanwhile_comes_back(registry: Path) -> None:
    with serving_process(registry, "--workers", "2", *PATIENT) as service, concurrent.futures.ThreadPoolExecutor(8) as pool:
        before = workers(service)
        asked = [pool.submit(explain, service) for _ in range(8)]
        wait_for(lambda: metric(service, "flowers_open_explanations") >= 1 or any(future.done() for future in asked))
        os.kill(before[0], signal.SIGKILL)
        for future in asked:
            with contextlib.suppress(OSError, http.client.HTTPException):  # a connection that the killed worker had
                assert future.result()[0] in (200, 429)
        wait_for(lambda: len(workers(service)) == 2 and before[0] not in workers(service))
        wait_for(lambda: metric(service, "flowers_open_explanations") == 0)
        assert explain(service)[0] == 200


def test_they_can_be_switched_off(registry: Path) -> None:
    with serving_process(registry, "--set", "serving.explanations=0") as without:
        status, answer = explain(without)
        assert status == 404 and "switched off" in answer["error"]
        assert json.loads(request(without, "GET", "/about")[1])["explanations"] is False
