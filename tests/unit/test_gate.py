"""The door of the web service: tokens, sizes and numbers, judged before the application sees a request."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from flowers_tfx.errors import InputError
from flowers_tfx.serving.gate import Gate
from flowers_tfx.serving.metrics import Metrics
from flowers_tfx.serving.requests import RequestError
from flowers_tfx.serving.responses import error_response
from flowers_tfx.serving.token import read_token

TOKEN = "a-token-of-24-characters"
MAX_BODY = 1000


def gate(metrics: Metrics, token: str = "", max_requests: int = 2, wait: asyncio.Event | None = None) -> Gate:
    async def size(request: Request) -> Response:
        body = await request.body()
        if wait is not None:
            await wait.wait()
        return PlainTextResponse(str(len(body)))

    async def refusal(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestError)
        return error_response(request.url.path, error)

    app = Starlette(
        routes=[Route(path, size, methods=["GET", "POST"]) for path in ("/predict", "/open", "/v2/x")],
        exception_handlers={RequestError: refusal},
    )
    return Gate(app, metrics, token=token, max_body=MAX_BODY, max_requests=max_requests, open_paths=frozenset({"/open"}))


def client(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


def test_a_token_is_asked_for_except_on_open_paths() -> None:
    async def check() -> None:
        async with client(gate(Metrics(), TOKEN)) as asked:
            for headers in ({}, {"Authorization": TOKEN}, {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": "Bearer "}):
                answer = await asked.post("/predict", headers=headers)
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert (await asked.post("/predict", headers={"Authorization": f"Bearer {TOKEN}"})).status_code == 200
            assert (await asked.get("/open")).status_code == 200

    asyncio.run(check())


async def parts(number: int) -> AsyncIterator[bytes]:
    for _ in range(number):
        yield b"x" * 100


@pytest.mark.parametrize(("number", "status"), [(10, 200), (11, 413)])
def test_bodies_are_bounded_with_a_length_and_in_chunks(number: int, status: int) -> None:
    async def check() -> None:
        async with client(gate(Metrics())) as asked:
            assert (await asked.post("/predict", content=b"x" * 100 * number)).status_code == status
            assert (await asked.post("/predict", content=parts(number))).status_code == status

    asyncio.run(check())


def test_errors_have_the_shape_of_their_protocol() -> None:
    async def check() -> None:
        async with client(gate(Metrics())) as asked:
            plain = (await asked.post("/predict", content=b"x" * 2000)).json()
            tensors = (await asked.post("/v2/x", content=b"x" * 2000)).json()
        assert set(plain) == {"error", "hint"}
        assert set(tensors) == {"error"}

    asyncio.run(check())


def test_requests_above_the_limit_are_told_to_come_again() -> None:
    async def check() -> None:
        metrics, wait = Metrics(), asyncio.Event()
        async with client(gate(metrics, max_requests=2, wait=wait)) as asked:
            waiting = [asyncio.create_task(asked.post("/predict", content=b"1")) for _ in range(2)]
            await asyncio.sleep(0.05)
            refused = await asked.post("/predict", content=b"1")
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            assert b"flowers_open_requests 2.0" in metrics.text()
            wait.set()
            assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [200, 200]
        text = metrics.text().decode()
        assert 'flowers_requests_total{code="200",route="/predict"} 2.0' in text
        assert 'flowers_requests_total{code="429",route="/predict"} 1.0' in text
        assert "flowers_open_requests 0.0" in text

    asyncio.run(check())


def test_bodies_that_arrive_slowly_hold_up_nobody_and_are_bounded_together() -> None:
    async def check() -> None:
        go_on = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield b"x" * MAX_BODY
            await go_on.wait()

        asked_gate = gate(Metrics(), max_requests=1)
        async with client(asked_gate) as asked:
            waiting = [asyncio.create_task(asked.post("/predict", content=slow())) for _ in range(7)]
            await asyncio.sleep(0.05)
            assert (await asked.post("/predict", content=b"1")).status_code == 200
            waiting.append(asyncio.create_task(asked.post("/predict", content=slow())))
            await asyncio.sleep(0.05)
            full = await asked.post("/predict", content=b"1")
            assert (full.status_code, full.headers["retry-after"]) == (429, "1")
            go_on.set()
            assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}
            assert (await asked.post("/predict", content=b"x" * MAX_BODY)).status_code == 200

    asyncio.run(check())


@pytest.mark.parametrize("content", ["", "short", "two words in a token", "ümlaut-in-a-long-token", "x" * 5000])
def test_a_token_file_holds_one_long_token(tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="token file"):
        read_token(tmp_path / "token")
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="utf-8")
    assert read_token(tmp_path / "token") == TOKEN


def test_a_missing_token_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_token(tmp_path / "none")


def test_each_metric_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "interfaces.md").read_text(encoding="utf-8")
    names = re.findall(r"^# HELP (flowers_\S+)", Metrics().text().decode(), re.MULTILINE)
    assert len(names) > 10
    assert [name for name in names if f"`{name}`" not in page] == []
