"""What can go wrong between us and a Pipelines API is one sentence, soon, without secrets and without a second request."""

from __future__ import annotations

import datetime
import ipaddress
import json
import re
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from flowers_tfx.cli import main
from flowers_tfx.orchestration.kubeflow import transport
from tests.unit.pipelines_server import TOKEN
from tests.unit.test_kubeflow_lint import small_spec


def response(status: str, body: str | bytes = "", *headers: str) -> bytes:
    data = body if isinstance(body, bytes) else body.encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(data)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


@contextmanager
def raw_server(answer: bytes, tls: ssl.SSLContext | None = None) -> Iterator[Any]:
    """A server that gives these bytes to everybody. `requests` are those that it got."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                connection = tls.wrap_socket(self.request, server_side=True) if tls else self.request
                server.requests.append(connection.recv(65536).decode("latin-1"))
                connection.sendall(answer)
                connection.close()
            except OSError:  # the client does not trust the certificate, or does not speak TLS
                pass

    server: Any = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.requests = []
    server.address = f"127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A certificate that nobody signed but its owner."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(days=1))
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = builder.add_extension(alternative, critical=False).sign(key, hashes.SHA256())
    home = tmp_path_factory.mktemp("tls")
    (home / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    (home / "key.pem").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(home / "cert.pem", home / "key.pem")
    context.certificate_path = home / "cert.pem"  # type: ignore[attr-defined]
    return context


@pytest.fixture()
def refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """The sentence with which `submit` ends, checked to be one."""
    monkeypatch.setenv("FLOWERS_KUBEFLOW_TOKEN", TOKEN)
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(small_spec()))

    def submit(host: str, *options: str) -> str:
        with pytest.raises(SystemExit) as stopped:
            main(["kubeflow", "submit", str(tmp_path / "p.yaml"), "--host", host, "--json", *options])
        captured = capsys.readouterr()
        assert stopped.value.code == 2, captured.err
        message = str(json.loads(captured.out)["error"])
        assert re.fullmatch(r"[A-Z](?:(?!\. )[^\n])*[^.]\.", message), message
        assert len(message) < 300, message
        assert "Traceback" not in captured.err
        assert TOKEN not in captured.out + captured.err
        return message

    return submit


LONG = json.dumps({"message": f"Failed to list experiments: {'InternalServerError: ' * 500}{TOKEN}"})
ANSWERS = {
    "no token": (response("401 Unauthorized", '{"message": "Unauthenticated"}'), "refuses the token (401): Unauthenticated."),
    "token in the answer": (response("401 Unauthorized", f'{{"message": "bad token {TOKEN}"}}'), "bad token ***."),
    "no rights": (response("403 Forbidden", '{"error": "RBAC: access denied"}'), "forbids this (403): RBAC: access denied."),
    "another path": (response("404 Not Found", "<html>404</html>"), "does not have this (404)."),
    "a bug": (response("500 Internal Server Error", LONG), "failed at the request (500): Failed to list experiments"),
    "a page of a proxy": (response("502 Bad Gateway", "<html>\n<body>bad gateway</body></html>"), "cannot answer now (502)."),
    "later": (response("503 Service Unavailable", "", "Retry-After: 3600"), "cannot answer now (503)."),
    "not text": (response("500 Internal Server Error", b"\xff\xfe\x00"), "failed at the request (500)."),
    "a login page": (response("302 Found", "", "Location: /dex/auth"), "asks for a login (302)."),
    "another server": (response("200 OK", "<html>welcome</html>"), "not as Kubeflow Pipelines does."),
    "another API": (response("200 OK", '{"hello": "world"}'), "not as Kubeflow Pipelines does."),
    "a list": (response("200 OK", "[]"), "not as Kubeflow Pipelines does."),
    "a wrong time": (response("200 OK", '{"experiments": [{"created_at": "noon"}]}'), "not as Kubeflow Pipelines does."),
    "half an answer": (response("200 OK", "{}")[:-1], "broke off its answer."),
    "nothing": (b"", "cannot be reached"),
    "not HTTP": (b"220 mail.example ESMTP\r\n", "does not answer in HTTP."),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_is_not_ours_is_one_sentence_after_one_request(name: str, refusal: Callable[..., str]) -> None:
    answer, sentence = ANSWERS[name]
    with raw_server(answer) as server:
        assert sentence in refusal(f"http://{server.address}")
    # Any object will do as an answer about the installation, and an API without experiments is asked to make one.
    expected = {"another API": ["GET", "GET", "POST"], "a wrong time": ["GET", "GET"]}.get(name, ["GET"])
    assert [request.split()[0] for request in server.requests] == expected


def test_a_long_reason_is_cut_between_words(refusal: Callable[..., str]) -> None:
    words = " ".join(f"reason{number}" for number in range(50))
    with raw_server(response("400 Bad Request", json.dumps({"message": words}))) as server:
        message = refusal(f"http://{server.address}")
    shown = message.partition("(400): ")[2].removesuffix(" [...].")
    assert words.startswith(f"{shown} ")


def test_a_server_that_says_nothing_is_not_waited_for_for_ever(refusal: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "TIMEOUT_S", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert "cannot be reached: timed out." in refusal(f"http://127.0.0.1:{silent.getsockname()[1]}")


def test_hosts_that_are_not_there(refusal: Callable[..., str]) -> None:
    assert "cannot be reached" in refusal("http://nowhere.invalid")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert "cannot be reached: Connection refused." in refusal(f"http://127.0.0.1:{unused.getsockname()[1]}")
    for host in ("localhost:8888", "ftp://localhost", "http://localhost:port", "http://", "http://[::1"):
        assert "is not an address." in refusal(host)
    for host in ("http://me:hunter2@localhost", "me:hunter2@localhost"):
        assert "hunter2" not in refusal(host)


def test_tls(refusal: Callable[..., str], tls: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = response("401 Unauthorized", "{}")
    with raw_server(answer) as plain:
        assert "does not answer in TLS." in refusal(f"https://{plain.address}")
    with raw_server(answer, tls) as server:
        assert "is not trusted: self" in refusal(f"https://{server.address}")
        assert refusal(f"http://{server.address}").endswith(("cannot be reached: Connection reset by peer.", "response.", "in HTTP."))
        assert not server.requests
        monkeypatch.setenv("SSL_CERT_FILE", str(tls.certificate_path))
        assert "refuses the token" in refusal(f"https://{server.address}")


def test_a_token_that_cannot_be_sent_is_not_shown(refusal: Callable[..., str], tmp_path: Path) -> None:
    for text in (f"{TOKEN}\nX-Other: {TOKEN}", f"{TOKEN}\u00e9"):
        (tmp_path / "token").write_text(text, encoding="utf-8")
        assert "does not hold a token" in refusal("http://127.0.0.1:9", "--token-file", str(tmp_path / "token"))


def test_the_systems_proxy_is_used_with_its_login_and_left_out_where_it_says_so(
    refusal: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_server(response("401 Unauthorized", "{}")) as proxy:
        monkeypatch.setenv("http_proxy", f"http://me:hunter2@{proxy.address}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert "refuses the token" in refusal("http://pipelines.invalid")
        assert "GET http://pipelines.invalid/apis/" in proxy.requests[0]
        assert re.search(r"(?i:proxy-authorization: basic) bWU6aHVudGVyMg==", proxy.requests[0])
        with raw_server(response("403 Forbidden", "{}")) as server:
            assert "forbids" in refusal(f"http://{server.address}")
    monkeypatch.setenv("http_proxy", "socks5://me:hunter2@127.0.0.1:9")
    assert "hunter2" not in refusal("http://pipelines.invalid")
