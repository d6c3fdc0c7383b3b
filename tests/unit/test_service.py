"""What happens to a version of the model whose answer cannot be used, and to requests that take too long."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from flowers_tfx.inference.answer import Answer
from flowers_tfx.inference.engines import LiteRtEngine
from tests.conftest import small_photo
from tests.serving_process import push_small_model
from tests.unit.served_app import served_app

PHOTO = small_photo(1)


def ask(client: TestClient) -> Any:
    return client.post("/predict", content=PHOTO, headers={"Content-Type": "image/jpeg"})


@pytest.fixture
def versions(tmp_path: Path) -> tuple[str, str]:
    return str(push_small_model(tmp_path / "registry", 1)), str(push_small_model(tmp_path / "registry", 2))


def not_finite(self: LiteRtEngine, picture: Any) -> Answer:
    return Answer(np.full(len(self.labels), np.nan, np.float32))


def fails(self: LiteRtEngine, picture: Any) -> Answer:
    raise RuntimeError("the interpreter is out of order")


@pytest.mark.parametrize(("answer", "reason"), [(not_finite, "not finite"), (fails, "the interpreter is out of order")])
def test_a_version_that_fails_is_500_once_and_the_one_before_it_answers(
    tmp_path: Path, versions: tuple[str, str], monkeypatch: pytest.MonkeyPatch, answer: Any, reason: str
) -> None:
    older, newer = versions
    right, asked = LiteRtEngine.answer_picture, []

    def wrong_once(self: LiteRtEngine, picture: Any) -> Answer:
        """The older version may warm up before the patch is undone."""
        asked.append(picture)
        return answer(self, picture) if len(asked) == 1 else right(self, picture)

    with served_app(tmp_path / "registry", poll_s=0.05) as client:
        assert ask(client).json()["model_version"] == newer
        with monkeypatch.context() as patched:
            patched.setattr(LiteRtEngine, "answer_picture", wrong_once)
            failed = ask(client)
        assert failed.status_code == 500
        assert reason in failed.json()["error"] and newer in failed.json()["error"]
        deadline = time.monotonic() + 120
        while (reply := ask(client)).status_code == 503 and time.monotonic() < deadline:
            assert reply.headers["retry-after"]
            time.sleep(0.05)
        assert reply.json()["model_version"] == older
        states = {state["version"]: state for state in client.get("/v1/models/flowers").json()["model_version_status"]}
        assert states[newer]["state"] == "END" and reason in states[newer]["status"]["error_message"]
        assert f'flowers_model_errors_total{{version="{newer}"}} 1.0' in client.get("/metrics").text


def test_a_photo_that_needs_too_much_memory_leaves_the_version_in_service(
    tmp_path: Path, versions: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(self: LiteRtEngine, photo: bytes) -> Any:
        raise MemoryError

    with served_app(tmp_path / "registry") as client:
        with monkeypatch.context() as patched:
            patched.setattr(LiteRtEngine, "prepare", no_memory)
            answer = ask(client)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert ask(client).json()["model_version"] == versions[1]


def test_an_answer_that_takes_too_long_is_503_and_the_next_one_is_right(
    tmp_path: Path, versions: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def slow(self: LiteRtEngine, picture: Any) -> Answer:
        released.wait(60)
        return Answer(np.ones(len(self.labels), np.float32))

    with served_app(tmp_path / "registry", timeout_s=2) as client:
        with monkeypatch.context() as patched:
            patched.setattr(LiteRtEngine, "answer_picture", slow)
            late = ask(client)
        released.set()
        assert late.status_code == 503
        assert "no answer within 2 s" in late.json()["error"]
        assert ask(client).json()["model_version"] == versions[1]
