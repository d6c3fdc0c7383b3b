"""What lies in a watched place: a folder per class, and CSV files beside them, on a disk or in a bucket. Nothing is read, moved or deleted
there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from flowers_tfx.data.hidden_names import is_hidden
from flowers_tfx.data.index import folder_class, list_files
from flowers_tfx.errors import InputError
from flowers_tfx.storage import BucketPath, storage_path

CSV_SUFFIX = ".csv"


@dataclass(frozen=True)
class SourceFile:
    """`uri` as a CSV names it; `label` is empty for a CSV, which is a delivery of its own; `stamp` changes when the content may have
    changed."""

    uri: str
    label: str
    stamp: str


@dataclass
class SourceListing:
    """Files by their names in the watched place, and the reasons why others cannot be delivered."""

    files: dict[str, SourceFile] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


class Source(Protocol):
    """`grows`: whether a file is visible before it is complete."""

    uri: str
    grows: bool

    def list(self) -> SourceListing:
        """Raises InputError if the place cannot be read."""
        ...


def open_source(uri: str) -> Source:
    """Raises InputError for anything but a folder on a disk or in a bucket."""
    place = storage_path(uri)
    if isinstance(place, BucketPath):
        return BucketSource(place)
    return FolderSource(Path(os.path.abspath(place)))


class FolderSource:
    grows = True

    def __init__(self, folder: Path) -> None:
        self.uri, self._folder = str(folder), folder

    def list(self) -> SourceListing:
        listing, real_root = SourceListing(), os.path.realpath(self._folder)
        try:
            entries = sorted(os.scandir(self._folder), key=lambda entry: entry.name)
        except OSError as error:
            raise InputError(
                f"{self.uri} can't be read ({error.strerror}).", "Name a folder with a folder per class, or CSV files."
            ) from None
        for entry in entries:
            if is_hidden(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                _add_class(listing, entry, real_root)
            elif entry.is_dir():
                listing.left_out[entry.name] = "a link to a folder"
            elif entry.name.lower().endswith(CSV_SUFFIX) and (stamp := _stamp(entry.path)):
                listing.files[entry.name] = SourceFile(entry.path, "", stamp)
        return listing


def _add_class(listing: SourceListing, entry: os.DirEntry[str], real_root: str) -> None:
    try:
        label = folder_class(entry.name, entry.path)
        below = list_files(entry.path, real_root)
    except InputError as error:
        listing.left_out[entry.name] = error.message
        return
    except OSError as error:
        listing.left_out[entry.name] = f"{error.filename} can't be read ({error.strerror})"
        return
    start = len(entry.path) - len(entry.name)
    for path in below.photos:
        if stamp := _stamp(path):
            listing.files[path[start:]] = SourceFile(path, label, stamp)
    listing.left_out |= {one.path[start:]: one.reason for one in below.left_out}


def _stamp(path: str) -> str:
    """Empty for a file that has gone. The time of the last change of the inode cannot be set: other bytes of the same size and
    modification time have another one."""
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"


class BucketSource:
    # A store shows an object when all of it has arrived.
    grows = False

    def __init__(self, folder: BucketPath) -> None:
        self.uri, self._folder = folder.uri, folder

    def list(self) -> SourceListing:
        listing = SourceListing()
        for name, stamp in self._objects():
            folder, slash, _ = name.partition("/")
            if any(map(is_hidden, name.split("/"))):
                continue
            uri = f"{self._folder.uri}/{name}"
            if "\n" in name or "\r" in name:
                listing.left_out[name] = "a line break in its name"
            elif slash:
                try:
                    listing.files[name] = SourceFile(uri, folder_class(folder, f"{self._folder.uri}/{folder}"), stamp)
                except InputError as error:
                    listing.left_out[name] = error.message
            elif name.lower().endswith(CSV_SUFFIX):
                listing.files[name] = SourceFile(uri, "", stamp)
        return listing

    def _objects(self) -> Iterator[tuple[str, str]]:
        prefix = f"{self._folder.key}/" if self._folder.key else ""
        for entry in self._folder.store.list_objects(prefix):
            if not entry.key.endswith("/"):
                yield entry.key[len(prefix) :], f"{entry.size}:{entry.tag}"
