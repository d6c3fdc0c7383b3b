"""Storage paths: folders and files on a disk or in a bucket. On a disk a storage path is a `pathlib.Path`, and nothing here adds to it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from flowers_tfx.errors import InputError
from flowers_tfx.storage.bucket_path import BucketPath, split_uri

StoragePath: TypeAlias = Path | BucketPath


def storage_path(uri: str | os.PathLike[str] | BucketPath) -> StoragePath:
    """A `pathlib.Path`, or for gs://, s3:// and minio:// a BucketPath. Raises InputError for another scheme."""
    if isinstance(uri, BucketPath):
        return uri
    text = os.fspath(uri)
    if text.startswith("file://"):
        text = text.removeprefix("file://")
    if "://" not in text:
        return Path(text)
    scheme, bucket, key = split_uri(text)
    if "//" in key:
        raise InputError(f"{uri} is not a folder in a bucket.", f"Write it as {scheme}://BUCKET/PATH.")
    return BucketPath(f"{scheme}://{bucket}/{key}".rstrip("/"))


def in_bucket(uri: str | os.PathLike[str]) -> bool:
    return isinstance(storage_path(uri), BucketPath)


def file_sizes(folder: StoragePath) -> dict[str, int]:
    """Relative name to size in bytes, of all files below the folder, in pathlib's order."""
    if isinstance(folder, BucketPath):
        sizes = folder.file_sizes()
    else:
        sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    return {name: sizes[name] for name in sorted(sizes, key=lambda name: name.split("/"))}


def file_sha256(file: Path) -> str:
    """The digest of a file on this machine, in hexadecimal. Reads 1 MiB at a time."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


@contextlib.contextmanager
def local_file(file: StoragePath) -> Iterator[Path]:
    """The file itself, or a copy of one in a bucket, which is deleted at the end of the block. FileNotFoundError."""
    if isinstance(file, Path):
        yield file
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / file.name
        file.download(copy)
        yield copy


def fetch(folder: StoragePath, target: Path, wanted: Callable[[str], bool] = lambda _: True) -> None:
    """Copies those files of a folder into a local one, which may exist, for which `wanted(name)` is true."""
    target.mkdir(parents=True, exist_ok=True)
    for name in filter(wanted, file_sizes(folder)):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(folder, Path):
            shutil.copy2(folder / name, target / name)
        else:
            (folder / name).download(target / name)
