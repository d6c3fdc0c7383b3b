"""How the registry writes to a bucket, where nothing can be renamed.

A version's variables, assets and card go first, then saved_model.pb, which TensorFlow Serving looks for, and last the registry's record,
only if it does not exist: without it there is no version. `.<version>.claim` exists from before the first file until after the last. It
marks the files of a killed push or removal, which the next push removes; models of other programs have no claim.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flowers_tfx.registry.versions import ENTRY_FILE, MODEL_FILE, version_number
from flowers_tfx.storage import BucketPath, Lock, file_sizes

UPLOAD_THREADS = 8
_CLAIM = re.compile(r"\.(\d+)\.claim")


class BucketVersions:
    def __init__(self, root: BucketPath, lock: Lock) -> None:
        self._root, self._lock = root, lock

    def remove_unpublished(self) -> None:
        for version in self._claimed():
            if not (self._root / str(version) / ENTRY_FILE).is_file():
                (self._root / str(version)).remove(first=MODEL_FILE)
            self._claim(version).unlink()

    def used_numbers(self) -> list[int]:
        numbers = (version_number(path.name) for path in self._root.iterdir())
        return [number for number in numbers if number is not None] + self._claimed()

    def write_version(self, model: Path, version: int, card: Mapping[str, bytes], record: str) -> None:
        """Raises FileExistsError if the version exists, InputError if the lock was lost."""
        folder = self._root / str(version)
        self._claim(version).write_new(uuid.uuid4().hex.encode())
        self._upload(model, folder, omit={MODEL_FILE, ENTRY_FILE, *card})
        for name, content in card.items():
            (folder / name).write_bytes(content)
        self._lock.renew_or_fail()
        (folder / MODEL_FILE).upload(model / MODEL_FILE)
        (folder / ENTRY_FILE).write_new(record.encode())
        self._claim(version).unlink()

    def write_beside(self, source: Path, version: int, name: str, record: str) -> None:
        """The record, a file of `source`, is deleted first and written last."""
        folder = self._root / str(version) / name
        folder.remove(first=record)
        self._upload(source, folder, omit={record})
        self._lock.renew_or_fail()
        (folder / record).upload(source / record)

    def _upload(self, source: Path, target: BucketPath, omit: set[str]) -> None:
        """Uploads all files except those in `omit`, which make the version visible."""
        with ThreadPoolExecutor(UPLOAD_THREADS) as pool:
            list(pool.map(lambda name: (target / name).upload(source / name), [name for name in file_sizes(source) if name not in omit]))

    def _claimed(self) -> list[int]:
        return claimed_versions(self._root)

    def _claim(self, version: int) -> BucketPath:
        return claim_path(self._root, version)


def claimed_versions(root: BucketPath) -> list[int]:
    """Versions whose files a push has begun to write, or somebody to remove."""
    return [int(match[1]) for path in root.iterdir() if (match := _CLAIM.fullmatch(path.name))]


def claim_path(root: BucketPath, version: int) -> BucketPath:
    return root / f".{version}.claim"
