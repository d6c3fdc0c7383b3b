"""How the registry writes to a bucket, where nothing can be renamed.

A version's variables and assets go first, saved_model.pb, which TensorFlow Serving looks for, next to last, and the registry's record last
and only where there is none: a version without it is none. `.<version>.claim` is there from before the first file until after the last, so
that what a killed push left can be told from models that something else put there, and is removed by the next push.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from flowers_tfx.storage import BucketPath, file_sizes
from flowers_tfx.storage.lease import Lease, leased

MODEL_FILE = "saved_model.pb"
UPLOAD_THREADS = 8
_CLAIM = re.compile(r"\.(\d+)\.claim")


class BucketVersions:
    def __init__(self, root: BucketPath, lease: Lease, entry_file: str, baseline_dir: str, baseline_file: str) -> None:
        self._root, self._lease = root, lease
        self._entry_file, self._baseline_dir, self._baseline_file = entry_file, baseline_dir, baseline_file

    def remove_unfinished(self) -> None:
        for version in self._claimed():
            if not (self._root / str(version) / self._entry_file).is_file():
                (self._root / str(version)).remove(first=MODEL_FILE)
            self._claim(version).unlink()

    def taken(self) -> list[int]:
        names = [path.name for path in self._root.iterdir()]
        return [int(name) for name in names if name.isdecimal()] + self._claimed()

    def put_version(self, model: Path, version: int, record: str) -> None:
        """Raises FileExistsError where the version is there, InputError where the lease was lost."""
        home = self._root / str(version)
        self._claim(version).write_new(uuid.uuid4().hex.encode())
        self._upload(model, home, but={MODEL_FILE, self._entry_file})
        self._lease.check()
        (home / MODEL_FILE).upload(model / MODEL_FILE)
        (home / self._entry_file).write_new(record.encode())
        self._claim(version).unlink()

    def put_baseline(self, source: Path, version: int) -> None:
        """The record, baseline.json, goes first when a baseline is removed and comes last when one is put there."""
        home = self._root / str(version) / self._baseline_dir
        home.remove(first=self._baseline_file)
        self._upload(source, home, but={self._baseline_file})
        self._lease.check()
        (home / self._baseline_file).upload(source / self._baseline_file)

    def _upload(self, source: Path, target: BucketPath, but: set[str]) -> None:
        """All but the files that make it visible."""
        with ThreadPoolExecutor(UPLOAD_THREADS) as pool:
            list(pool.map(lambda name: (target / name).upload(source / name), [name for name in file_sizes(source) if name not in but]))

    def _claimed(self) -> list[int]:
        return [int(match[1]) for path in self._root.iterdir() if (match := _CLAIM.fullmatch(path.name))]

    def _claim(self, version: int) -> BucketPath:
        return self._root / f".{version}.claim"


@contextmanager
def writing_versions(root: BucketPath, entry_file: str, baseline_dir: str, baseline_file: str) -> Iterator[BucketVersions]:
    """Waits until no other writer is at work in the registry, and removes what killed ones left."""
    with leased(root.store, (root / ".lock").key, str(root)) as lease:
        writer = BucketVersions(root, lease, entry_file, baseline_dir, baseline_file)
        writer.remove_unfinished()
        yield writer
