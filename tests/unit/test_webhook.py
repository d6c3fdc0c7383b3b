"""The webhook: what is sent, how it is signed, and that nobody waits for it."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from flowers_tfx.errors import InputError
from flowers_tfx.progress import Progress, listening
from flowers_tfx.webhook import Webhook, WebhookTarget, read_secret


class Receiver:
    """Answers with these codes, then with 200; `delay_s` before each answer."""

    def __init__(self, *codes: int, delay_s: float = 0.0) -> None:
        self.codes, self.delay_s = list(codes), delay_s
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.url = ""


@contextmanager
def receive(receiver: Receiver) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(receiver.delay_s)
            receiver.requests.append((dict(self.headers), body))
            self.send_response(receiver.codes.pop(0) if receiver.codes else 200)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook/in-the-path"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


class Notices:
    def __init__(self) -> None:
        self.messages: list[str] = []

    def report(self, progress: Progress) -> None:
        pass

    def notify(self, message: str) -> None:
        self.messages.append(message)


EVENT = {"event": "pushed", "version": "7", "name": "Gänseblümchen"}


def test_an_event_is_posted_signed_and_tried_again_with_the_same_id() -> None:
    with receive(Receiver(500, 503)) as receiver:
        webhook = Webhook(WebhookTarget(receiver.url, b"secret", wait_s=0.01))
        webhook.send(EVENT)
        deadline = time.monotonic() + 60
        while len(receiver.requests) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        webhook.close()
    assert len(receiver.requests) == 3
    headers, body = receiver.requests[-1]
    assert json.loads(body) == EVENT
    assert headers["Flowers-Signature"] == "sha256=" + hmac.new(b"secret", body, hashlib.sha256).hexdigest()
    assert headers["Flowers-Event"] == "pushed"
    assert len({headers["Flowers-Delivery"] for headers, _ in receiver.requests}) == 1


def test_a_redirect_is_not_followed_and_notices_hold_no_secret() -> None:
    notices = Notices()
    with receive(Receiver(*[302] * 10)) as receiver, listening(notices):
        target = WebhookTarget(receiver.url, b"secret", attempts=2, wait_s=0.01)
        webhook = Webhook(target)
        webhook.send(EVENT)
        webhook.close()
    assert 1 <= len(receiver.requests) <= 2
    assert notices.messages == ["The webhook at 127.0.0.1 did not take the event pushed: it answered 302."]
    assert "secret" not in repr(target)
    assert "in-the-path" not in repr(target)


def test_nobody_waits_for_a_slow_receiver() -> None:
    notices = Notices()
    with receive(Receiver(delay_s=5.0)) as receiver, listening(notices):
        webhook = Webhook(WebhookTarget(receiver.url))
        started = time.monotonic()
        for _ in range(200):
            webhook.send(EVENT)
        webhook.close(wait_s=0.1)
        assert time.monotonic() - started < 4.5
    assert any("dropped" in message for message in notices.messages)


def test_a_receiver_that_is_not_there_is_a_notice() -> None:
    notices = Notices()
    with listening(notices):
        webhook = Webhook(WebhookTarget("http://127.0.0.1:1/", attempts=1))
        webhook.send(EVENT)
        webhook.close()
    assert notices.messages == ["The webhook at 127.0.0.1 did not take the event pushed: Connection refused."]


def test_an_answer_that_is_not_http_does_not_end_the_sending() -> None:
    """Of one event the receiver's answer is garbage; the next one is sent all the same."""
    bodies: list[bytes] = []
    answers = [b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"]
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer_all() -> None:
            for answer in answers:
                connection, _ = server.accept()
                with connection:
                    received = b""
                    while EVENT["version"].encode() not in received.partition(b"\r\n\r\n")[2]:
                        received += connection.recv(4096)
                    bodies.append(received.partition(b"\r\n\r\n")[2])
                    connection.sendall(answer)

        receiver = threading.Thread(target=answer_all, daemon=True)
        receiver.start()
        notices = Notices()
        with listening(notices):
            webhook = Webhook(WebhookTarget(f"http://127.0.0.1:{server.getsockname()[1]}/", attempts=1))
            webhook.send(EVENT)
            webhook.send(EVENT)
            receiver.join(10)
            webhook.close()
    assert [json.loads(body) for body in bodies] == [EVENT, EVENT]
    assert len(notices.messages) == 1 and "BadStatusLine" in notices.messages[0]


def test_the_secret_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWERS_WEBHOOK_SECRET", "from the environment")
    assert read_secret("", "watch.webhook_secret_file") == b"from the environment"
    (tmp_path / "secret").write_text("from a file\n")
    assert read_secret(str(tmp_path / "secret"), "watch.webhook_secret_file") == b"from a file"
    (tmp_path / "empty").write_text("\n")
    for name in ("empty", "absent"):
        with pytest.raises(InputError, match="secret of the webhook"):
            read_secret(str(tmp_path / name), "watch.webhook_secret_file")
