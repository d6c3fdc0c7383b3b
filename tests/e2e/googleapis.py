"""Google Cloud Storage on this machine. TensorFlow's client only knows Google's addresses: a proxy redirects them to a fake server and
rewrites requests that it rejects."""

from __future__ import annotations

import contextlib
import datetime
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOSTS = ("www.googleapis.com", "storage.googleapis.com")
HEAD_END = b"\r\n\r\n"


@contextlib.contextmanager
def start_proxy(backend: int, folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a program that finds the store at port `backend`, instead of Google's. `folder` gets a certificate."""
    certificate, key = _certificate(folder)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server, tls, backend), daemon=True).start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        # TensorFlow asks for the continuation of an upload by http.
        proxies = {"http_proxy": address, "https_proxy": address, "no_proxy": "127.0.0.1,localhost"}
        yield {**proxies, "CURL_CA_BUNDLE": str(certificate), "NO_GCE_CHECK": "true", "STORAGE_EMULATOR_HOST": address}


def _accept(server: socket.socket, tls: ssl.SSLContext, backend: int) -> None:
    with contextlib.suppress(OSError):  # it is closed
        while True:
            client, _ = server.accept()
            threading.Thread(target=_serve, args=(client, tls, backend), daemon=True).start()


def _serve(client: socket.socket, tls: ssl.SSLContext, backend: int) -> None:
    with contextlib.suppress(OSError):
        head = _head(client)
        if head.startswith(b"CONNECT "):
            client.sendall(b"HTTP/1.1 200 OK" + HEAD_END)
            client = tls.wrap_socket(client, server_side=True)
            head = _head(client)
        with client, socket.create_connection(("127.0.0.1", backend)) as store:
            store.sendall(_rewrite_request(head, client))
            threading.Thread(target=_pump, args=(store, client), daemon=True).start()
            _pump(client, store)


def _head(connection: socket.socket) -> bytes:
    head = b""
    while HEAD_END not in head:
        head += _receive(connection)
    return head


def _receive(connection: socket.socket) -> bytes:
    piece = connection.recv(1 << 16)
    if not piece:
        raise ConnectionResetError
    return piece


def _rewrite_request(head: bytes, client: socket.socket) -> bytes:
    """A path instead of an address, and one request a connection, so that each comes through here. TensorFlow sends an encoding that Go
    refuses; Google's own library numbers no parts of a batch, and those without a number would be passed over."""
    lines, _, body = head.partition(HEAD_END)
    first, *others = lines.split(b"\r\n")
    method, address, version = first.split(b" ")
    if address.startswith(b"http://"):
        address = b"/" + address.removeprefix(b"http://").partition(b"/")[2]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in others)}
    if headers.get(b"transfer-encoding") == b"identity":
        del headers[b"transfer-encoding"]
    if address.startswith(b"/batch/"):
        while len(body) < int(headers[b"content-length"]):
            body += _receive(client)
        body = re.sub(rb"(?i)content-type: application/http", rb"Content-ID: <1>\n\g<0>", body)
        headers[b"content-length"] = str(len(body)).encode()
    headers[b"connection"] = b"close"
    header_lines = [name + b": " + value for name, value in headers.items()]
    return b"\r\n".join([b" ".join((method, address, version)), *header_lines]) + HEAD_END + body


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(1 << 16):
            target.sendall(piece)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))
    return certificate, private
