import hashlib
import io
import socket
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random

import pytest

from flowers_tfx.errors import InputError
from flowers_tfx.samples import download
from flowers_tfx.samples.download import FLOWER_PHOTOS, Archive, download_flower_photos

FILES = {
    "flower_photos/LICENSE.txt": b"CC-BY",
    "flower_photos/daisy/a.jpg": Random(1).randbytes(150_000),
    "flower_photos/daisy/b.jpg": Random(2).randbytes(50_000),
    "flower_photos/roses/c.jpg": Random(3).randbytes(100_000),
}


def tgz(files: dict[str, bytes], *others: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in ("flower_photos", "flower_photos/daisy"):
            folder = tarfile.TarInfo(name)
            folder.type = tarfile.DIRTYPE
            tar.addfile(folder)
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for member in others:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return buffer.getvalue()


@dataclass
class Server:
    """What a web server does, and what it was asked for."""

    body: bytes = b""
    url: str = ""
    ranges: bool = True
    cut_after: list[int] = field(default_factory=list)  # bytes of the first, second, ... answer; the rest are whole
    status: int = 0  # answer with this error
    asked: list[str] = field(default_factory=list)

    def archive(self) -> Archive:
        return Archive(self.url, len(self.body), hashlib.sha256(self.body).hexdigest(), unpacked=1_000_000)


@pytest.fixture
def server() -> Iterator[Server]:
    plan = Server(tgz(FILES))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range", "")
            plan.asked.append(asked)
            if plan.status:
                self.send_error(plan.status)
                return
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and plan.ranges else 0
            body = plan.body[start:]
            self.send_response(206 if asked and plan.ranges else 200)
            if asked and plan.ranges:
                self.send_header("Content-Range", f"bytes {start}-{len(plan.body) - 1}/{len(plan.body)}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: plan.cut_after.pop(0)] if plan.cut_after else body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    plan.url = f"http://127.0.0.1:{httpd.server_port}/flower_photos.tgz"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield plan
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture
def fetch(server: Server, tmp_path: Path) -> Callable[..., Path]:
    def call(archive: Archive | None = None) -> Path:
        return download_flower_photos(tmp_path / "out", archive=archive or server.archive(), pause_s=0, timeout_s=5)

    return call


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_complete(tmp_path: Path) -> None:
    found = content(tmp_path / "out")
    found.pop(download.MARKER)
    assert found == {name.removeprefix("flower_photos/"): data for name, data in FILES.items()}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_set_is_the_one_that_everybody_knows() -> None:
    assert FLOWER_PHOTOS.url.startswith("https://")
    assert (FLOWER_PHOTOS.size, len(FLOWER_PHOTOS.sha256)) == (228_813_984, 64)


def test_it_fetches_checks_and_unpacks(server: Server, tmp_path: Path) -> None:
    progress: list[tuple[int, int]] = []
    out = download_flower_photos(tmp_path / "out", lambda *step: progress.append(step), archive=server.archive())
    assert out == tmp_path / "out"
    assert_complete(tmp_path)
    assert progress[-1] == (len(server.body), len(server.body))


def test_a_second_call_asks_nobody(server: Server, fetch: Callable[..., Path]) -> None:
    assert fetch() == fetch()
    assert server.asked == [""]


def test_a_cut_is_resumed_where_it_happened(server: Server, fetch: Callable[..., Path], tmp_path: Path) -> None:
    server.cut_after = [1000, 5000]
    fetch()
    assert server.asked == ["", "bytes=1000-", "bytes=6000-"]
    assert_complete(tmp_path)


def test_a_later_call_goes_on_from_what_an_earlier_one_fetched(server: Server, fetch: Callable[..., Path], tmp_path: Path) -> None:
    server.cut_after = [70_000] + [0] * 20
    with pytest.raises(InputError, match=r"broke off after 0\.1 of 0\.3 MB") as caught:
        fetch()
    assert "Run the same command again" in caught.value.hint
    assert (tmp_path / ".out.tgz.part").stat().st_size == 70_000
    assert not (tmp_path / "out").exists()
    server.cut_after, server.asked = [], []
    fetch()
    assert server.asked == ["bytes=70000-"]
    assert_complete(tmp_path)


def test_a_server_without_ranges_sends_all_of_it_again(server: Server, fetch: Callable[..., Path], tmp_path: Path) -> None:
    server.ranges, server.cut_after = False, [1000]
    fetch()
    assert server.asked == ["", "bytes=1000-"]
    assert_complete(tmp_path)


def test_a_server_without_ranges_that_always_cuts_is_given_up(server: Server, fetch: Callable[..., Path]) -> None:
    server.ranges, server.cut_after = False, [9000, 4000] * 20
    with pytest.raises(InputError, match="broke off"):
        fetch()
    assert len(server.asked) < 10


def test_a_wrong_checksum_is_refused_before_anything_is_unpacked(server: Server, fetch: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="wrong checksum"):
        fetch(replace(server.archive(), sha256="0" * 64))
    assert list(tmp_path.iterdir()) == []


def test_a_stale_part_is_found_by_its_checksum_and_the_next_call_succeeds(
    server: Server, fetch: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / ".out.tgz.part").write_bytes(b"something else")
    with pytest.raises(InputError, match="wrong checksum"):
        fetch()
    fetch()
    assert_complete(tmp_path)


@pytest.mark.parametrize("extra", [0, 7])
def test_a_part_that_is_complete_or_too_long(server: Server, fetch: Callable[..., Path], tmp_path: Path, extra: int) -> None:
    (tmp_path / ".out.tgz.part").write_bytes(server.body + b"x" * extra)
    fetch()
    assert len(server.asked) == (1 if extra else 0)
    assert_complete(tmp_path)


def test_another_file_is_refused_before_it_is_fetched(server: Server, fetch: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match=f"offers a file of {len(server.body)} bytes"):
        fetch(replace(server.archive(), size=len(server.body) + 1))


@pytest.mark.parametrize("status", [403, 404, 503])
def test_an_http_error_is_one_sentence(server: Server, fetch: Callable[..., Path], tmp_path: Path, status: int) -> None:
    server.status = status
    with pytest.raises(InputError) as caught:
        fetch()
    assert len(str(caught.value).splitlines()) == 1
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_no_server_is_one_sentence(server: Server, fetch: Callable[..., Path], tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/x.tgz"
        with pytest.raises(InputError, match=r"127\.0\.0\.1 can't be reached") as caught:
            fetch(replace(server.archive(), url=url))
    assert "network" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_reported_before_the_download(server: Server, fetch: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="are needed"):
        fetch(replace(server.archive(), unpacked=10**18))
    assert server.asked == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_somebody_else_is_refused(server: Server, fetch: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(InputError, match="not empty"):
        fetch()
    assert server.asked == []


def test_two_at_once(server: Server, fetch: Callable[..., Path], tmp_path: Path) -> None:
    part = tmp_path / ".out.tgz.part"
    with download._locked(part, tmp_path / "out"), pytest.raises(InputError, match="Another process"):
        fetch()
    fetch()
    assert_complete(tmp_path)


def evil(name: str, kind: bytes = tarfile.REGTYPE, size: int = 1, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.size, member.linkname = kind, size if kind == tarfile.REGTYPE else 0, link
    return member


@pytest.mark.parametrize(
    "member",
    [
        evil("/etc/escaped"),
        evil("../escaped"),
        evil("flower_photos/../../escaped"),
        evil("flower_photos/daisy/..\\escaped"),
        evil("flower_photos/link", tarfile.SYMTYPE, link="/etc/passwd"),
        evil("flower_photos/hard", tarfile.LNKTYPE, link="flower_photos/daisy/a.jpg"),
        evil("flower_photos/device", tarfile.CHRTYPE),
        evil("flower_photos/pipe", tarfile.FIFOTYPE),
        evil("flower_photos/daisy/a.jpg"),  # a second one of that name
        evil("flower_photos/daisy/a.jpg/x"),  # a file as a folder
        evil("flower_photos/huge", size=1_000_001),
    ],
    ids=lambda member: member.name.rpartition("/")[2],
)
def test_evil_members_leave_nothing_behind(server: Server, fetch: Callable[..., Path], tmp_path: Path, member: tarfile.TarInfo) -> None:
    server.body = tgz(FILES, member)
    with pytest.raises(InputError) as caught:
        fetch()
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "out").exists()
    assert not (tmp_path.parent / "escaped").exists()
    assert [path.name for path in tmp_path.iterdir()] in ([], [".out.tgz.part"])


@pytest.mark.parametrize("body", [b"no archive at all", tgz(FILES)[:-4000]])
def test_a_damaged_archive_is_one_sentence(server: Server, fetch: Callable[..., Path], tmp_path: Path, body: bytes) -> None:
    server.body = body
    with pytest.raises(InputError, match="can't be unpacked"):
        fetch()
    assert not (tmp_path / "out").exists()
