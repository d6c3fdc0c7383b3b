"""Versions change while requests come in: pushes, a rollback, a canary, models that are broken. No request may fail."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowers_tfx import registry
from flowers_tfx.artifact_files import LITERT_FILE
from flowers_tfx.model.signatures import export
from tests.conftest import small_photo
from tests.serving_process import ServingProcess, serving_process
from tests.unit.small_network import LABELS, SIZE, SmallNetwork

pytestmark = pytest.mark.e2e

CLIENTS = 4
OFTEN = ("--set", "serving.poll_s=0.2")


def predict(connection: http.client.HTTPConnection, photo: bytes) -> dict[str, Any]:
    """The answer to a photo, which must have status 200."""
    connection.request("POST", "/predict", photo, {"Content-Type": "image/jpeg"})
    response = connection.getresponse()
    body = response.read()
    assert response.status == 200, body
    answer: dict[str, Any] = json.loads(body)
    return answer


def connect(server: ServingProcess) -> contextlib.closing[http.client.HTTPConnection]:
    return contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=120))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("models")
    for seed in range(3):
        export(SmallNetwork(seed), SIZE, LABELS, {}, str(folder / str(seed)))
    return sorted(folder.iterdir())


class Clients:
    """They ask without a pause during the block, and count the answers by version."""

    def __init__(self, server: ServingProcess) -> None:
        self._server = server
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)]
        self.versions: Counter[str] = Counter()
        self.failures: list[BaseException] = []

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, version: int) -> None:
        """Until new requests are answered by this version."""
        with connect(self._server) as connection:
            self.wait(lambda: predict(connection, small_photo(0))["model_version"] == str(version))
        before = self.versions[str(version)]
        self.wait(lambda: self.versions[str(version)] >= before + 20)

    def wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline, f"it did not happen; answers: {self.versions}, failures: {self.failures}"
            time.sleep(0.05)

    def _ask(self, number: int) -> None:
        with connect(self._server) as connection:
            while not self._stopped.is_set():
                try:
                    answer = predict(connection, small_photo(number))
                    self.versions[answer["model_version"]] += 1
                except Exception as error:  # noqa: BLE001
                    self.failures.append(error)
                    return


def test_no_request_fails_while_versions_change(models: list[Path], tmp_path: Path) -> None:
    root = str(tmp_path / "registry")
    first = registry.publish(models[0], root, "a", (), "").version
    with serving_process(root, *OFTEN) as server, Clients(server) as clients:
        assert server.version == str(first)
        clients.wait_for(first)
        second = registry.publish(models[1], root, "b", (), "").version
        clients.wait_for(second)
        spoilt = Path(shutil.copytree(models[2], tmp_path / "spoilt"))
        (spoilt / LITERT_FILE).write_bytes(b"broken")
        broken = registry.publish(spoilt, root, "c", (), "").version
        registry.pin_version(root, first)
        clients.wait_for(first)
        registry.remove_pin(root)
        clients.wait_for(second)
        third = registry.publish(models[2], root, "d", (), "").version
        clients.wait_for(third)
    assert clients.failures == []
    assert set(clients.versions) == {str(first), str(second), str(third)}, f"the broken one is {broken}"


def test_a_canary_gets_its_share_and_a_shadow_answers_nobody(models: list[Path], tmp_path: Path) -> None:
    root = str(tmp_path / "registry")
    serving, canary, shadow = (registry.publish(model, root, model.name, (), "").version for model in models)
    settings = (f"serving.canary.version={canary}", "serving.canary.share=0.3", f"serving.shadow={shadow}")
    with serving_process(root, *OFTEN, *(word for setting in settings for word in ("--set", setting))) as server:
        with Clients(server) as clients:
            clients.wait_for(serving)
            clients.wait(lambda: sum(clients.versions.values()) > 500)
        with connect(server) as connection:
            connection.request("GET", "/metrics")
            metrics = connection.getresponse().read().decode()
    assert clients.failures == []
    assert set(clients.versions) == {str(serving), str(canary)}
    assert clients.versions[str(canary)] / sum(clients.versions.values()) == pytest.approx(0.3, abs=0.1)
    for version, role in ((serving, "serving"), (canary, "canary"), (shadow, "shadow")):
        assert f'flowers_version{{role="{role}",version="{version}"}} 1.0' in metrics
    assert "flowers_shadow_photos_total{result=" in metrics
