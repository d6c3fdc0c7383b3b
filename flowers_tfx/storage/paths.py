"""Storage paths: folders and files on a disk or in a bucket. On a disk a storage path is a `pathlib.Path`, and nothing here adds to it.

A bucket has no rename and no lock (docs/adr/0008): who writes there puts a marker last, and takes a lease first.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

from flowers_tfx.errors import InputError
from flowers_tfx.storage.lease import leased
from flowers_tfx.storage.store import ABSENT, Changed, Store, endpoint_url, open_store, split_uri, write_bound

_BUFFER_BYTES, _PIECE_BYTES = 1 << 16, 1 << 20


@dataclass(frozen=True, order=True)
class BucketPath:
    """As much of `pathlib.Path` as the program needs, for gs:// and s3://. A folder is there when an object lies below it.

    Methods raise InputError, FileNotFoundError and RuntimeError as `Store` does.
    """

    uri: str

    def __str__(self) -> str:
        return self.uri

    def __truediv__(self, name: str | Path) -> BucketPath:
        return BucketPath(f"{self.uri}/{name}")

    @property
    def name(self) -> str:
        return self.uri.rpartition("/")[2]

    @property
    def parent(self) -> BucketPath:
        return BucketPath(self.uri.rpartition("/")[0])

    @property
    def key(self) -> str:
        return split_uri(self.uri)[2]

    @property
    def store(self) -> Store:
        return open_store(*split_uri(self.uri)[:2])

    def is_file(self) -> bool:
        # Stores list in the order of keys: of those that start with this one, it is the first.
        first = next(self.store.listed(self.key), None)
        return first is not None and first.key == self.key

    def is_dir(self) -> bool:
        return next(self.store.listed(self._prefix), None) is not None

    def iterdir(self) -> Iterator[BucketPath]:
        """What lies directly in the folder, files and folders."""
        for found in self.store.listed(self._prefix, below=False):
            if name := found.key[len(self._prefix) :].rstrip("/"):
                yield self / name

    def read_bytes(self) -> bytes:
        return self.store.read(self.key)[0]

    def read_text(self, encoding: str = "utf-8") -> str:
        return self.read_bytes().decode(encoding)

    def open(self, mode: str = "r", encoding: str | None = None) -> IO[Any]:
        """For reading: an unnamed copy on this machine's disk, as readers of Parquet jump about in it."""
        copy = tempfile.TemporaryFile()  # noqa: SIM115
        with self.stream() as source:
            shutil.copyfileobj(source, copy, _PIECE_BYTES)
        copy.seek(0)
        return copy if "b" in mode else io.TextIOWrapper(copy, encoding=encoding)

    def stream(self) -> io.BufferedReader:
        """For reading in order."""
        return io.BufferedReader(self.store.stream(self.key), _BUFFER_BYTES)

    def download(self, target: Path) -> None:
        with self.stream() as source, target.open("wb") as out:
            shutil.copyfileobj(source, out, _PIECE_BYTES)

    def write_bytes(self, data: bytes) -> None:
        self.store.write(self.key, data)

    def write_new(self, data: bytes) -> None:
        """Raises FileExistsError where there is a file; of several writers one succeeds. `data` must be this writer's alone."""
        try:
            write_bound(self.store, self.key, data, ABSENT)
        except Changed:
            raise FileExistsError(str(self)) from None

    def upload(self, source: Path) -> None:
        self.store.upload(source, self.key)

    def copy_to(self, target: BucketPath) -> None:
        """Within one bucket."""
        self.store.copy(self.key, target.key)

    def unlink(self) -> None:
        self.store.delete([self.key])

    def file_sizes(self) -> dict[str, int]:
        """Names below the folder, with slashes, and sizes in bytes."""
        found = self.store.listed(self._prefix)
        return {file.key[len(self._prefix) :]: file.size for file in found if not file.key.endswith("/")}

    def remove(self, first: str = "") -> None:
        """Deletes all files below the folder, the one called `first` before the others."""
        names = self.file_sizes()
        if first in names:
            (self / first).unlink()
        self.store.delete(f"{self._prefix}{name}" for name in names if name != first)

    @property
    def _prefix(self) -> str:
        return f"{self.key}/" if self.key else ""


StoragePath: TypeAlias = Path | BucketPath


def storage_path(uri: str | os.PathLike[str] | BucketPath) -> StoragePath:
    """Raises InputError for what is neither a path nor a URI of a bucket that is known here."""
    if isinstance(uri, BucketPath):
        return uri
    text = os.fspath(uri)
    if text.startswith("file://"):
        text = text.removeprefix("file://")
    if "://" not in text:
        return Path(text)
    scheme, bucket, key = split_uri(text)
    if "//" in key:
        raise InputError(f"{uri} names no folder in a bucket.", f"Write it as {scheme}://BUCKET/PATH.")
    return BucketPath(f"{scheme}://{bucket}/{key}".rstrip("/"))


def in_bucket(uri: str | os.PathLike[str]) -> bool:
    return isinstance(storage_path(uri), BucketPath)


def file_sizes(folder: StoragePath) -> dict[str, int]:
    """Names below the folder, with slashes, and sizes in bytes; in the order in which pathlib sorts them."""
    if isinstance(folder, BucketPath):
        found = folder.file_sizes()
    else:
        found = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    return {name: found[name] for name in sorted(found, key=lambda name: name.split("/"))}


@contextlib.contextmanager
def on_disk(file: StoragePath) -> Iterator[Path]:
    """The file itself, or a copy of one in a bucket, which goes with the block. FileNotFoundError."""
    if isinstance(file, Path):
        yield file
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / file.name
        file.download(copy)
        yield copy


def check_target(path: Path, option: str) -> None:
    """Before the work is done. Raises InputError where no file can be written to: a rename would put one in the place of /dev/null, too."""
    try:
        if not path.parent.is_dir():
            raise InputError(f"The folder {path.parent} is not there.", f"Make it, or name another file with {option}.")
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is no file.", f"Name a file with {option}.")
    except OSError as error:
        raise InputError(f"{path} can't be written: {error.strerror}.", f"Name another file with {option}.") from None


@contextlib.contextmanager
def written_whole(path: Path, option: str) -> Iterator[Path]:
    """A name beside `path`, which takes its place when the block is through. Raises InputError where it can't be written."""
    check_target(path, option)
    unfinished = path.with_name(f".{path.name[:200]}.{uuid.uuid4().hex}.tmp")
    try:
        yield unfinished
        os.replace(unfinished, path)
    except OSError as error:
        raise InputError(f"{path} can't be written: {error.strerror or error}.", f"Name another file with {option}.") from None
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def fetch(folder: StoragePath, target: Path, wanted: Callable[[str], bool] = lambda _: True) -> None:
    """Copies what lies in a folder into a local one, which may be there; of a bucket only the files whose names are `wanted`."""
    if isinstance(folder, Path):
        shutil.copytree(folder, target, dirs_exist_ok=True)
        return
    for name in filter(wanted, folder.file_sizes()):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).download(target / name)


def check_bucket(folder: BucketPath) -> None:
    """Writes, reads, lists and deletes a probe: what would fail after hours of work fails now.

    Raises InputError for a bucket that is not there or cannot be written to, wrong credentials, a store that cannot be reached, and one
    that ignores the conditions of writes: in such a one two writers could take the same number.
    """
    probe = folder / ".probe"
    with leased(probe.store, probe.key, str(folder)):
        if not probe.read_bytes() or not probe.is_file():
            raise RuntimeError(f"{probe} was written and is not there")


def reach_buckets(endpoint: str) -> None:
    """To be called on a worker of Beam's before it reads or writes: `endpoint` is where s3:// lies, "" for what the worker's own
    environment says. Workers of a pool are started without the job's options, and without any Beam's file systems fail."""
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.options.pipeline_options import PipelineOptions

    if FileSystems._pipeline_options is None:
        FileSystems.set_options(PipelineOptions([f"--s3_endpoint_url={endpoint}"] if endpoint else []))


def beam_args() -> list[str]:
    """Options that tell Beam, on whatever machine, where the environment of this process says that s3:// lies. Credentials are no part
    of them: options end in logs and job records, and each worker has an environment of its own."""
    endpoint = endpoint_url()
    return [f"--s3_endpoint_url={endpoint}"] if endpoint else []
