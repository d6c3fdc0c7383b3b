"""`flowers serve` and clients that mean no good, or are broken: no 5xx, no dead worker, and good requests go on."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, small_photo
from tests.serving_process import ServingProcess, push_small_model, serving_process

pytestmark = pytest.mark.e2e

PHOTO = small_photo(1)
JPEG = {"Content-Type": "image/jpeg"}
LIMITS = ("--set", "serving.max_body_mb=2", "--set", "serving.timeout_s=5")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serving") / "registry"
    push_small_model(folder)
    return folder


@pytest.fixture(scope="module")
def service(registry: Path) -> Iterator[ServingProcess]:
    with serving_process(registry, *LIMITS) as process:
        yield process
        assert ask(process) == 200


def request(service: ServingProcess, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=300)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def ask(service: ServingProcess) -> int:
    return request(service, "POST", "/predict", PHOTO, JPEG)[0]


def send_at_once(service: ServingProcess, photo: bytes, number: int) -> tuple[list[int], list[threading.Thread]]:
    """The statuses, which arrive one by one, and the threads that wait for them."""
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(request(service, "POST", "/predict", photo, JPEG)[0])) for _ in range(number)
    ]
    for thread in threads:
        thread.start()
    return statuses, threads


def png(width: int, height: int, rows: bytes) -> bytes:
    """A PNG whose header promises so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


WRONG_FILES = {
    "cut off": (PHOTO[: len(PHOTO) // 2], 400),
    "not a picture": (b"<html>hello</html>", 400),
    "empty": (b"", 400),
    "zeros": (bytes(10_000), 400),
    "a text that begins as a JPEG": (b"\xff\xd8\xff" + b"hello " * 100, 400),
    "GIF": (b"GIF89a" + bytes(50), 415),
    "HEIC": (b"\0\0\0\x18ftypheic" + bytes(50), 415),
    "promises 400 megapixels": (png(20_000, 20_000, b"\0" * 100), 413),
    "more than the limit": (b"\xff\xd8" + bytes(3_000_000), 413),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_wrong_file_gets_its_status_and_a_sentence(service: ServingProcess, name: str) -> None:
    data, status = WRONG_FILES[name]
    found, body = request(service, "POST", "/predict", data, JPEG)
    answer = json.loads(body)
    assert found == status, answer
    assert set(answer) == {"error", "hint"} and answer["error"].endswith(".") and answer["hint"].endswith(".")


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/examples/..%2f..%2f..%2fetc%2fpasswd",
        "/card/../../registry.json",
        "//etc/passwd",
        "/%00",
        "/static-offline-docs/..%2f..%2fapp.py",
        "/v1/models/..%2f..%2fetc/versions/1",
        "/v2/models/flowers/versions/..%2f1",
        "/\\..\\..\\windows",
    ],
)
def test_no_path_leads_to_a_file(service: ServingProcess, path: str) -> None:
    status, body = request(service, "GET", path)
    assert status in (400, 404)
    assert b"root:" not in body and b"import " not in body


def test_what_is_not_a_request_is_refused(service: ServingProcess) -> None:
    heads = [
        b"Content-Length: -5",
        b"Content-Length: 99999999999999999999999",
        b"Content-Length: 5\r\nContent-Length: 50",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\n\r\nZZZ",
        b"Expect: something",
    ]
    for head in heads:
        with socket.create_connection(("127.0.0.1", service.port), timeout=120) as client:
            client.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\nhello")
            client.shutdown(socket.SHUT_WR)
            answer = client.recv(1000)
        assert not answer or 400 <= int(answer.split()[1]) < 500, (head, answer)


def test_random_bytes_and_damaged_photos_never_make_it_fail(service: ServingProcess) -> None:
    chance = random.Random(7)
    for _ in range(150):
        data = bytearray(PHOTO)
        for _ in range(chance.randrange(1, 20)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        status, body = request(service, "POST", "/predict", bytes(data), JPEG)
        assert status in (200, 400, 413, 415), body
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", service.port), timeout=120) as client:
            client.sendall(chance.randbytes(200))
            client.shutdown(socket.SHUT_WR)
            answer = client.recv(1000)
        assert not answer or 400 <= int(answer.split()[1]) < 500


@pytest.mark.parametrize("charset", ["undefined", "punycode", "unicode_escape", "utf-7", "no-such-charset"])
def test_a_form_in_a_strange_charset_is_answered(service: ServingProcess, charset: str) -> None:
    for name in (b"\\ud800", b"+2AA-", b"\xff"):
        part = b'Content-Disposition: form-data; name="photo"; filename="%s"' % name
        body = b"--x\r\n" + part + b"\r\n\r\n" + PHOTO + b"\r\n--x--\r\n"
        status, answer = request(service, "POST", "/predict", body, {"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"})
        assert status in (200, 400), answer


def test_an_answered_request_gets_no_second_answer(service: ServingProcess) -> None:
    """Whose body is still to come when its time is over."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=120) as client:
        client.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
        data = b""
        while part := client.recv(10_000):
            data += part
    assert data.startswith(b"HTTP/1.1 413") and data.count(b"HTTP/1.1") == 1


def test_a_thousand_slow_clients_hold_up_nobody(service: ServingProcess) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: 50000\r\n\r\n\xff\xd8"
    slow = []
    for _ in range(1000):
        client = socket.create_connection(("127.0.0.1", service.port), timeout=120)
        client.sendall(head)
        slow.append(client)
    assert [ask(service) for _ in range(30)] == [200] * 30
    assert slow[0].recv(1000).startswith(b"HTTP/1.1 408") and slow[-1].recv(1000).startswith(b"HTTP/1.1 408")
    for client in slow:
        client.close()


def test_more_requests_than_it_can_take_are_told_to_come_again(registry: Path) -> None:
    with serving_process(registry, "--set", "serving.queue=2", "--set", "serving.threads=1") as small:
        statuses, threads = send_at_once(small, small_photo(2, (3000, 2500)), 24)
        for thread in threads:
            thread.join()
        assert set(statuses) == {200, 429}
        assert ask(small) == 200


def _open_requests(service: ServingProcess) -> int:
    """Without the one that asks."""
    lines = request(service, "GET", "/metrics")[1].decode().splitlines()
    [line] = [line for line in lines if line.startswith("flowers_open_requests ")]
    return int(float(line.split()[1])) - 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_open_requests_are_answered_after_a_signal(registry: Path, number: int) -> None:
    with serving_process(registry, "--set", "serving.threads=1") as ending:
        statuses, threads = send_at_once(ending, small_photo(2, (4000, 3500)), 8)
        while len(statuses) + _open_requests(ending) < 8:  # until all have come; counted in this order, none counts twice
            time.sleep(0.01)
        assert ending.stop(number) == 0
        for thread in threads:
            thread.join()
        assert statuses == [200] * 8
        with pytest.raises(ConnectionRefusedError):
            ask(ending)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_while_it_starts_ends_it_with_0(registry: Path, workers: str) -> None:
    command = [sys.executable, "-m", "flowers_tfx", "serve", "--json", "--set", f"registry={registry}", "--port", "0", "--workers", workers]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as starting:
        assert starting.stderr is not None
        while "serves" not in starting.stderr.readline():  # a version is loaded, and the socket not yet open, or just so
            assert starting.poll() is None
        starting.send_signal(signal.SIGTERM)
        assert starting.wait(300) == 0


def test_a_killed_worker_comes_back_while_the_others_answer(registry: Path) -> None:
    with serving_process(registry, "--workers", "2") as service:
        before = workers(service)
        assert len(before) == 2
        stop, failed, answered = threading.Event(), [], []

        def go_on() -> None:
            while not stop.is_set():
                try:
                    answered.append(ask(service))
                except OSError as error:  # a connection that the killed worker had
                    failed.append(error)

        client = threading.Thread(target=go_on)
        client.start()
        os.kill(before[0], signal.SIGKILL)
        deadline = time.monotonic() + 300
        while not _are_whole(workers(service), before[0]) and time.monotonic() < deadline:
            time.sleep(0.1)
        count = len(answered)
        while len(answered) < count + 50 and time.monotonic() < deadline:
            time.sleep(0.05)
        stop.set()
        client.join()
        assert _are_whole(workers(service), before[0])
        assert set(answered) == {200} and len(answered) >= count + 50
        assert len(failed) <= 2, failed
        text = request(service, "GET", "/metrics")[1].decode()
        assert "flowers_queue_photos 0.0" in text
        assert f'flowers_requests_total{{code="200",route="/predict"}} {len(answered)}.0' in text.replace("'", '"')


def test_workers_that_start_slowly_are_waited_for(registry: Path, tmp_path: Path) -> None:
    """As on a busy machine: they were killed after five silent seconds, again and again."""
    (tmp_path / "sitecustomize.py").write_text("import sys, time\nif any('spawn_main' in word for word in sys.orig_argv): time.sleep(8)\n")
    with serving_process(registry, "--workers", "2", environment={"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}) as service:
        before = workers(service)
        os.kill(before[0], signal.SIGKILL)
        deadline = time.monotonic() + 120
        while not (len(now := workers(service)) == 2 and set(now) - set(before)) and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(10)  # longer than a start takes
        assert workers(service) == now and ask(service) == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_workers_start_is_no_failure(registry: Path, number: int) -> None:
    """To the whole group, as a terminal sends Ctrl-C."""
    command = [sys.executable, "-m", "flowers_tfx", "serve", "--set", f"registry={registry}", "--port", "0", "--workers", "2"]

    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=pipe, stderr=pipe, start_new_session=True)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 300
    while (
        len(children.read_text(encoding="ascii").split()) < 3 and time.monotonic() < deadline
    ):  # two workers, and multiprocessing's tracker
        time.sleep(0.01)
    os.killpg(process.pid, number)
    output, errors = process.communicate(timeout=300)
    assert b"did not start" not in errors and b"error" not in output, errors.decode()
    assert process.returncode == 0


def test_workers_end_when_their_supervisor_is_killed(registry: Path) -> None:
    with serving_process(registry, "--workers", "2") as service:
        pids = workers(service)
        service.process.kill()
        service.process.wait()
        deadline = time.monotonic() + 300
        while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.1)
        with pytest.raises(ConnectionRefusedError):
            ask(service)
        service.code = 0  # nothing is left to stop


def _are_whole(pids: list[int], killed: int) -> bool:
    """One look at the processes: between two, the killed one can go."""
    return len(pids) == 2 and killed not in pids


def workers(service: ServingProcess) -> list[int]:
    """Processes that answer; multiprocessing's own tracker is a child too."""
    children = Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text(encoding="ascii").split()
    command = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children if Path(f"/proc/{child}").exists()}
    return [child for child, line in command.items() if b"spawn_main" in line]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--port", "{taken}"], "Port {taken} of 127.0.0.1 is in use."),
        (["--set", "registry={empty}"], "holds no model"),
        (["--version", "1"], "version 1: It is not in the registry."),
        (["--host", "no.such.host.invalid"], "is not an address of this machine"),
        (["--token-file", "{empty}/none"], "token file"),
        (["--set", "serving.canary={version: 5}"], "canary needs a version and a share"),
    ],
)
@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_cannot_be_served_ends_with_one_sentence_and_2(
    registry: Path, tmp_path: Path, options: list[str], sentence: str, workers: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        names = {"taken": str(taken.getsockname()[1]), "empty": str(tmp_path)}

        def fill(text: str) -> str:
            return text.replace("{taken}", names["taken"]).replace("{empty}", names["empty"])

        command = [
            sys.executable,
            "-m",
            "flowers_tfx",
            "serve",
            "--json",
            "--set",
            f"registry={registry}",
            "--port",
            "0",
            "--workers",
            workers,
        ]
        ended = subprocess.run([*command, *map(fill, options)], check=False, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 2, ended.stderr
    answer = json.loads(ended.stdout)
    assert fill(sentence) in answer["error"]
    assert "Traceback" not in ended.stderr
