"""What an object of a bucket is to the trigger: a photo, a marker, a CSV, or nothing. Pure rules on names.

A delivery has a root, a folder: the class of a photo is the first folder below it, as `flowers dataset index` takes it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from fnmatch import fnmatchcase

from flowers_tfx.class_names import class_name
from flowers_tfx.config import TriggerConfig
from flowers_tfx.data.hidden_names import is_hidden
from flowers_tfx.deliveries.cloud_events import StoredObject
from flowers_tfx.errors import InputError
from flowers_tfx.storage import BucketPath, storage_path
from flowers_tfx.storage.bucket_path import split_uri

# Control characters, line and paragraph separators, halves of characters: a name with one could not be a line of the CSV.
_NO_LINE = frozenset({"Cc", "Zl", "Zp", "Cs"})


class Role(Enum):
    OUTSIDE = auto()  # of another bucket or folder, or with a name that no delivery has
    OTHER = auto()  # in the folder, and neither of the following
    PHOTO = auto()
    MARKER = auto()
    CSV = auto()


@dataclass(frozen=True)
class Source:
    """The folder in a bucket where deliveries arrive; `prefix` ends with a slash, or is empty for a whole bucket."""

    scheme: str
    bucket: str
    prefix: str
    markers: tuple[str, ...]
    waits_for_quiet: bool

    @classmethod
    def from_config(cls, trigger: TriggerConfig) -> Source:
        """Raises InputError unless `trigger.source` is a folder in a bucket."""
        path = storage_path(trigger.source) if trigger.source else None
        if not isinstance(path, BucketPath):
            raise InputError(
                f"Configuration key trigger.source: {trigger.source or 'nothing'} is not a folder in a bucket.",
                "Write gs://BUCKET/PATH or s3://BUCKET/PATH, the folder where deliveries arrive.",
            )
        scheme, bucket, key = split_uri(path.uri)
        return cls(scheme, bucket, f"{key}/" if key else "", trigger.markers, trigger.start == "quiet")

    @property
    def uri(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.prefix}".rstrip("/")

    def role(self, stored: StoredObject) -> Role:
        if (stored.scheme, stored.bucket) != (self.scheme, self.bucket) or not _is_plain(stored.name, self.prefix):
            return Role.OUTSIDE
        name = stored.name.rpartition("/")[2]
        if any(fnmatchcase(name, pattern) for pattern in self.markers):
            if name.lower().endswith(".csv"):
                return Role.CSV
            # Where photos are taken from the source itself, a folder in it is a class, and no delivery.
            return Role.MARKER if not self.waits_for_quiet or delivery_root(stored.name) == self.prefix else Role.OTHER
        return Role.PHOTO if label_of(stored.name, self.prefix) else Role.OTHER

    def photos(self, listed: Iterator[StoredObject], root: str) -> Iterator[tuple[StoredObject, str]]:
        """The photos among the objects of a delivery, with their classes."""
        for stored in listed:
            if self.role(stored) is Role.PHOTO and (label := label_of(stored.name, root)):
                yield stored, label


def delivery_root(marker_name: str) -> str:
    """The folder of a marker, with a slash at its end; empty at the top of a bucket."""
    folder, slash, _ = marker_name.rpartition("/")
    return folder + slash


def label_of(name: str, root: str) -> str:
    """The class of a photo in a delivery; empty for what is in no class folder, hidden, or in a folder whose name cannot be a class."""
    folders = name.removeprefix(root).split("/")
    if not name.startswith(root) or len(folders) < 2 or any(is_hidden(folder) for folder in folders):
        return ""
    label = folders[0]
    return class_name(label) if label == label.strip() else ""


def _is_plain(name: str, prefix: str) -> bool:
    """Whether a name lies below the prefix, is a file and has no part that a program could read as another place or as a line's end."""
    below = name.removeprefix(prefix)
    parts = below.split("/")
    return (
        name.startswith(prefix)
        and all(part not in ("", ".", "..") for part in parts)
        and not any(unicodedata.category(letter) in _NO_LINE for letter in name)
        and "\\" not in below
    )
