"""TensorFlow's flower photos: downloaded once, resumed after a cut, checked, and then unpacked without trusting the archive."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import re
import shutil
import tarfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import urlsplit

from flowers_tfx import __version__
from flowers_tfx.errors import InputError
from flowers_tfx.progress import ProgressCallback
from flowers_tfx.storage import atomic_folder, require_empty, try_lock

MARKER = ".download.json"  # hidden: indexing leaves it out
_BLOCK = 1 << 20
_ATTEMPTS = 5  # connections in a row that brought nothing
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_NOT_THE_FILE = "It is another file now, or something between here and the server changes it: try again, or from another network."
_BAD_ARCHIVE = "Nothing of it was kept. Fetch the archive anew, from a source that you trust."


@dataclass(frozen=True)
class Archive:
    """A .tgz on a web server."""

    url: str
    size: int
    sha256: str
    unpacked: int  # no more bytes than this come out of it

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or self.url


# Size and sha256 as recorded by tensorflow_datasets (url_checksums/tf_flowers.txt). 3,670 photos, CC-BY 2.0.
FLOWER_PHOTOS = Archive(
    url="https://storage.googleapis.com/download.tensorflow.org/example_images/flower_photos.tgz",
    size=228_813_984,
    sha256="4c54ace7911aaffe13a365c34f650e71dd5bf1be0a58b464e5a7183e3e595d9c",
    unpacked=350_000_000,
)


def download_flower_photos(
    out: Path,
    progress: ProgressCallback | None = None,
    *,
    archive: Archive = FLOWER_PHOTOS,
    pause_s: float = 1.0,
    timeout_s: float = 30.0,
) -> Path:
    """Fills `out` with a folder per class, and returns it.

    A partial download stays beside `out` as a hidden file and is resumed. A folder that was filled by an
    earlier call stays as it is.
    """
    if _is_complete(out, archive):
        return out
    require_empty(out)
    part = out.parent / f".{out.name}.tgz.part"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _require_space(out.parent, archive, part)
        with _locked(part, out) as file:
            _fetch(archive, file, progress, pause_s, timeout_s)
            _verify(archive, file, part)
            with atomic_folder(out) as folder:
                unpack(part, folder, max_bytes=archive.unpacked)
                (folder / MARKER).write_text(json.dumps({"url": archive.url, "sha256": archive.sha256}) + "\n", encoding="utf-8")
            file.truncate(0)
    except OSError as error:
        raise InputError(
            f"The photos can't be written to {out} ({error.strerror or error}).", "Check the disk and its permissions."
        ) from error
    return out


def _is_complete(out: Path, archive: Archive) -> bool:
    try:
        return bool(json.loads((out / MARKER).read_text(encoding="utf-8"))["sha256"] == archive.sha256)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _require_space(parent: Path, archive: Archive, part: Path) -> None:
    fetched = part.stat().st_size if part.exists() else 0
    needed, free = archive.size + archive.unpacked - fetched, shutil.disk_usage(parent).free
    if free < needed:
        raise InputError(
            f"The disk under {parent} has {free / 1e9:.1f} GB free, and {needed / 1e9:.1f} GB are needed for a while.",
            "Free some space, or name a folder on another disk.",
        )


@contextmanager
def _locked(part: Path, out: Path) -> Iterator[IO[bytes]]:
    """The file with what was fetched so far, open at its end and locked; an empty one is deleted."""
    with part.open("ab") as file:
        if not try_lock(file):
            raise InputError(f"Another process is downloading to {out}.", "Wait until it is done.")
        try:
            yield file
        finally:
            if _length(file) == 0:
                part.unlink(missing_ok=True)


def _fetch(archive: Archive, file: IO[bytes], progress: ProgressCallback | None, pause_s: float, timeout_s: float) -> None:
    """Appends what is missing. A broken connection is reopened while bytes arrive, and _ATTEMPTS times without any."""
    idle, largest = 0, _length(file)
    while _length(file) != archive.size:
        try:
            _fetch_rest(archive, file, progress, timeout_s)
        except (OSError, HTTPException) as error:
            if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
                raise
            idle = 0 if _length(file) > largest else idle + 1
            largest = max(largest, _length(file))
            if idle >= _ATTEMPTS or largest == 0:
                reason = error.reason if isinstance(error, urllib.error.URLError) else error
                raise _no_network(archive, _length(file), reason) from error
            time.sleep(pause_s)


def _length(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_size


def _no_network(archive: Archive, fetched: int, reason: object) -> InputError:
    if fetched:
        return InputError(
            f"{archive.host} broke off after {fetched / 1e6:.1f} of {archive.size / 1e6:.1f} MB ({reason}).",
            "Run the same command again: it goes on from there.",
        )
    return InputError(
        f"{archive.host} can't be reached ({reason}).",
        "Check the network and its proxy settings; `flowers dataset sample` needs none.",
    )


def _fetch_rest(archive: Archive, file: IO[bytes], progress: ProgressCallback | None, timeout_s: float) -> None:
    start = _length(file)
    agent = {"User-Agent": f"flowers_tfx/{__version__}"}
    request = urllib.request.Request(archive.url, headers=agent)  # noqa: S310 - the URL is our own constant
    if 0 < start < archive.size:
        request.add_header("Range", f"bytes={start}-")
    try:
        response: HTTPResponse = urllib.request.urlopen(request, timeout=timeout_s)  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (429, 500, 502, 503, 504):
            raise
        hint = "Check the proxy settings; `flowers dataset sample` needs no network."
        raise InputError(f"{archive.host} answered {error.code} ({error.reason}) to {archive.url}.", hint) from error
    with response:
        first, total = _range(response, archive)
        if total != archive.size:
            raise InputError(f"{archive.host} offers a file of {total} bytes, and the archive has {archive.size}.", _NOT_THE_FILE)
        if first != start:
            file.truncate(0)  # a server without range support sends the whole file again
        while block := response.read(min(_BLOCK, archive.size - _length(file) + 1)):
            file.write(block)
            file.flush()
            if progress:
                progress(_length(file), archive.size)
    if _length(file) < archive.size:
        raise ConnectionError("the server closed it")


def _range(response: HTTPResponse, archive: Archive) -> tuple[int, int]:
    """The first byte that the response holds, and the size of the whole file (if not said: the archive's)."""
    if response.status == 206 and (found := re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))):
        return int(found[1]), archive.size if found[2] == "*" else int(found[2])
    return 0, int(response.headers.get("Content-Length") or archive.size)


def _verify(archive: Archive, file: IO[bytes], part: Path) -> None:
    digest = hashlib.sha256()
    with part.open("rb") as reader:
        while block := reader.read(_BLOCK):
            digest.update(block)
    if digest.hexdigest() != archive.sha256:
        file.truncate(0)
        raise InputError(
            f"The file from {archive.host} has the wrong checksum ({digest.hexdigest()[:12]}...); it was deleted.",
            _NOT_THE_FILE,
        )


def unpack(archive: Path, folder: Path, max_bytes: int, max_members: int = 10_000) -> None:
    """Unpacks a .tgz into `folder`, without the one top folder that its members lie in.

    It writes the members' bytes itself: a member can set no owner, no mode, no link and no path outside of `folder`, on
    any Python (`tarfile`'s own filters are missing in some versions of 3.10).
    """
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for number, member in enumerate(tar):
                max_bytes -= member.size
                if max_bytes < 0 or number >= max_members:
                    raise InputError("The archive unpacks to more than it should.", _BAD_ARCHIVE)
                _write(tar, member, folder)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, FileExistsError, NotADirectoryError) as error:
        raise InputError(f"The archive can't be unpacked ({error}).", _BAD_ARCHIVE) from error


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    path = PurePosixPath(member.name)
    if not (member.isreg() or member.isdir()) or path.is_absolute() or ".." in path.parts or "\\" in member.name:
        raise InputError(f"The archive holds {member.name!r}, which is not a plain file inside it.", _BAD_ARCHIVE)
    stream = tar.extractfile(member) if member.isreg() else None
    if stream is None or len(path.parts) < 2:
        return  # a folder, which its files make; or a file beside the top folder
    target = folder.joinpath(*path.parts[1:])
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        shutil.copyfileobj(stream, file)
