"""A connection of the web service: bounded in size and time, whatever a client sends."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from flowers_tfx.serving.http_protocol import MAX_HEADER_BYTES, ServerConfig

SECONDS = 1.0
CONNECTIONS = 20
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the size of the body."""
    if scope["type"] != "http":
        return
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message["body"]), message["more_body"]
    body = str(size).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def port() -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = ServerConfig(
        echo,
        seconds_to_arrive=SECONDS,
        max_connections=CONNECTIONS,
        lifespan="off",
        log_config=None,
        ws="none",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def read_all(connection: socket.socket) -> bytes:
    """Until the server closes."""
    data = b""
    try:
        while part := connection.recv(65_536):
            data += part
    except ConnectionResetError:
        pass
    return data


def answer(data: bytes) -> tuple[int, dict[str, str]]:
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def test_a_request_that_does_not_arrive_in_time_gets_408(port: int) -> None:
    for beginning in (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Le", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc"):
        with connect(port) as slow:
            slow.sendall(beginning)
            status, body = answer(read_all(slow))
        assert status == 408
        assert "did not arrive within 1 s" in body["error"]


def test_a_slow_client_that_goes_on_sending_is_cut_off_too(port: int) -> None:
    with connect(port) as slow:
        slow.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        with pytest.raises(OSError):  # the server has closed
            for _ in range(1000):
                slow.sendall(b"x")
                time.sleep(0.05)


def test_a_silent_connection_is_closed_without_an_answer(port: int) -> None:
    with connect(port) as silent:
        assert read_all(silent) == b""


def test_headers_are_bounded_while_they_arrive_and_when_they_are_whole(port: int) -> None:
    filler = b"X-Filler: " + b"x" * MAX_HEADER_BYTES + b"\r\n"
    for request in (
        b"GET / HTTP/1.1\r\n" + filler + b"\r\n",
        b"GET / HTTP/1.1\r\n" + filler,
        b"GET /" + b"a" * MAX_HEADER_BYTES + b" HTTP/1.1\r\n\r\n",
    ):
        with connect(port) as client:
            client.sendall(request)
            status, body = answer(read_all(client))
        assert status == 431, request[:40]
        assert "KiB" in body["error"]


@pytest.mark.parametrize(
    "junk", [b"\x16\x03\x01\x02\x00\x01\x00", b"hello\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"]
)
def test_what_is_not_http_gets_400_or_is_closed(port: int, junk: bytes) -> None:
    with connect(port) as client:
        client.sendall(junk)
        data = read_all(client)
    assert data == b"" or answer(data)[0] in (400, 408)
    with connect(port) as client:
        client.sendall(GET)
        assert client.recv(1000).startswith(b"HTTP/1.1 200")


def test_a_client_that_closes_its_sending_half_gets_its_answer(port: int) -> None:
    with connect(port) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
        client.shutdown(socket.SHUT_WR)
        data = read_all(client)
    assert data.startswith(b"HTTP/1.1 200") and data.endswith(b"\r\n\r\n5")


def test_a_client_that_closes_half_way_through_its_request_is_let_go(port: int) -> None:
    with connect(port) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhello")
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == b""


def test_requests_on_one_connection_are_answered_in_order(port: int) -> None:
    with connect(port) as client:
        client.sendall(b"".join(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (n, b"x" * n) for n in (1, 22, 333)))
        data = b""
        while not data.endswith(b"\r\n\r\n333"):
            data += client.recv(1000)
    assert [part.partition(b"\r\n\r\n")[2] for part in data.split(b"HTTP/1.1 200")[1:]] == [b"1", b"22", b"333"]


def test_small_requests_in_one_piece_are_not_one_long_head(port: int) -> None:
    number = 2 * MAX_HEADER_BYTES // len(GET)
    with connect(port) as client:
        client.sendall(GET * number + GET[:20])
        client.sendall(GET[20:-4] + b"\r\nConnection: close\r\n\r\n")
        assert read_all(client).count(b"HTTP/1.1 200") == number + 1


def test_a_head_in_two_pieces_is_counted_once(port: int) -> None:
    head = b"GET / HTTP/1.1\r\nConnection: close\r\n" + b"X: y\r\n" * (MAX_HEADER_BYTES * 3 // 4 // 6)
    with connect(port) as client:
        client.sendall(head)
        time.sleep(0.1)
        client.sendall(b"\r\n")
        assert read_all(client).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("trailer", [b"X: y\r\n", b"x"])
def test_trailers_and_extensions_of_chunks_are_bounded(port: int, trailer: bytes) -> None:
    for beginning in (b"1\r\na\r\n0\r\n", b"1;"):
        with connect(port) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + beginning)
            time.sleep(0.1)
            client.sendall(trailer * (MAX_HEADER_BYTES + 1))
            assert answer(read_all(client))[0] in ((400, 431) if beginning.endswith(b";") else (431,))


def test_short_trailers_are_passed_over(port: int) -> None:
    with connect(port) as client:
        client.sendall(b"POST / HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Digest: 1\r\n\r\n")
        data = read_all(client)
    assert data.startswith(b"HTTP/1.1 200") and data.endswith(b"\r\n\r\n5")


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
def test_a_client_that_would_rather_speak_another_protocol_gets_its_answer(port: int, protocol: bytes) -> None:
    with connect(port) as client:
        client.sendall(b"POST / HTTP/1.1\r\nConnection: Upgrade, close\r\nUPGRADE: " + protocol + b"\r\nContent-Length: 5\r\n\r\nhello")
        data = read_all(client)
    assert data.startswith(b"HTTP/1.1 200") and data.endswith(b"\r\n\r\n5")


def test_connections_above_the_limit_are_closed_and_others_answer(port: int) -> None:
    held = [connect(port) for _ in range(CONNECTIONS)]
    held[0].sendall(GET)
    assert held[0].recv(1000).startswith(b"HTTP/1.1 200")
    with connect(port) as further:
        assert read_all(further) == b""
    for connection in held:
        connection.close()
    deadline = time.monotonic() + 60
    while not _answers(port):  # until the server has seen that they are closed
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _answers(port: int) -> bool:
    with connect(port) as client, contextlib.suppress(ConnectionError):
        client.sendall(GET)
        return client.recv(1000).startswith(b"HTTP/1.1 200")
    return False
