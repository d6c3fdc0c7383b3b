"""Where a span is made before anybody sees it, and how it becomes visible: `writing(data_root)` is the one way to write spans.

On a disk a span appears by a rename. In a bucket its manifest is written last, only where there is none, and a span folder without one is
no span. There, `.span-<N>.claim` is written first, only where there is none: so no two ingests ever have one number, even if the lease
that keeps them apart should fail them. The claim of an ingest that was killed stays, and its number is not used again.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from flowers_tfx.data import publication, spans
from flowers_tfx.errors import InputError
from flowers_tfx.storage import BucketPath, StoragePath
from flowers_tfx.storage.lease import Lease, leased

COPY_THREADS = 16
_CLAIM = re.compile(r"\.span-([1-9]\d*)\.claim")


class Draft(Protocol):
    """A span in the making. Beam's workers write to `work_uri`; `scratch` is a folder on this machine."""

    work_uri: str
    scratch: Path

    def names(self) -> set[str]:
        """Files of the work folder."""
        ...

    def local(self, file: str) -> Path:
        """A file of the work folder, by name or by its whole path, on this machine."""
        ...

    def add_file(self, source: str, name: str) -> None:
        """Gives a worker's file, or a local one, its name in the span."""
        ...

    def publish(self, manifest: str) -> None:
        """Makes the span visible. FileExistsError where it is there already, InputError where the lease was lost."""
        ...


class Writer(Protocol):
    """Held by one ingest at a time."""

    def number(self, wanted: int | None, earlier: Sequence[spans.Span]) -> int:
        """The next number, or the wanted one. Raises InputError for one that is taken."""
        ...

    def check_space(self, photo_bytes: int) -> None:
        """Raises InputError where so many bytes of photos do not fit."""
        ...

    def draft(self, number: int) -> AbstractContextManager[Draft]:
        """What is left of an unpublished span goes with the block."""
        ...


@contextmanager
def writing(root: StoragePath) -> Iterator[Writer]:
    """Waits until no other ingest is at work in the data root, and removes what killed ones left."""
    if isinstance(root, Path):
        with spans.locked(root):
            spans.remove_stale(root)
            yield FolderWriter(root)
        return
    with leased(root.store, (root / ".lock").key, str(root)) as lease:
        writer = BucketWriter(root, lease)
        writer.remove_stale()
        yield writer


class FolderDraft:
    def __init__(self, folder: Path, span_dir: Path) -> None:
        self._folder, self._span_dir = folder, span_dir
        self.scratch = folder / "work"
        self.work_uri = str(self.scratch)
        self.scratch.mkdir(parents=True)

    def names(self) -> set[str]:
        return set(os.listdir(self.scratch))

    def local(self, file: str) -> Path:
        return self.scratch / file

    def add_file(self, source: str, name: str) -> None:
        os.rename(source, self._folder / name)

    def publish(self, manifest: str) -> None:
        (self._folder / spans.MANIFEST).write_text(manifest, encoding="utf-8")
        shutil.rmtree(self.scratch)
        publication.make_visible(self._folder, self._span_dir)


class FolderWriter:
    def __init__(self, root: Path) -> None:
        self._root = root

    def number(self, wanted: int | None, earlier: Sequence[spans.Span]) -> int:
        number = wanted if wanted is not None else spans.next_number(earlier)
        span_dir = self._root / f"span-{number}"
        if span_dir.exists():
            raise _taken(span_dir)
        return number

    def check_space(self, photo_bytes: int) -> None:
        spans.check_space(self._root, photo_bytes)

    @contextmanager
    def draft(self, number: int) -> Iterator[FolderDraft]:
        # On the data root's own file system, so that one rename publishes it.
        folder = self._root / f".span-{number}.{secrets.token_hex(8)}.tmp"
        try:
            yield FolderDraft(folder, self._root / f"span-{number}")
        finally:
            publication.remove(folder)


class BucketDraft:
    def __init__(self, folder: BucketPath, span_dir: BucketPath, scratch: Path, lease: Lease) -> None:
        self._folder, self._span_dir, self._lease = folder, span_dir, lease
        self._placed: list[tuple[str, str]] = []
        self.scratch = scratch
        self.work_uri = str(folder / "work")

    def names(self) -> set[str]:
        return {path.name for path in BucketPath(self.work_uri).iterdir()}

    def local(self, file: str) -> Path:
        name = file.rpartition("/")[2]
        (BucketPath(self.work_uri) / name).download(self.scratch / name)
        return self.scratch / name

    def add_file(self, source: str, name: str) -> None:
        self._placed.append((source, name))

    def publish(self, manifest: str) -> None:
        with ThreadPoolExecutor(COPY_THREADS) as pool:
            list(pool.map(self._put, self._placed))
        self._lease.check()
        (self._span_dir / spans.MANIFEST).write_new(manifest.encode())

    def _put(self, placed: tuple[str, str]) -> None:
        source, name = placed
        target = self._span_dir / name
        if "://" in source:
            BucketPath(source).copy_to(target)
        else:
            target.upload(Path(source))


class BucketWriter:
    def __init__(self, root: BucketPath, lease: Lease) -> None:
        self._root, self._lease = root, lease

    def remove_stale(self) -> None:
        """What killed ingests left: their files, and claims on spans that are there."""
        for path in list(self._root.iterdir()):
            if spans.TEMP_NAME.fullmatch(path.name):
                path.remove()
            elif match := _CLAIM.fullmatch(path.name):
                span_dir = self._root / f"span-{match[1]}"
                if (span_dir / spans.MANIFEST).is_file():
                    path.unlink()
                else:
                    span_dir.remove()

    def number(self, wanted: int | None, earlier: Sequence[spans.Span]) -> int:
        claimed = [int(match[1]) for path in self._root.iterdir() if (match := _CLAIM.fullmatch(path.name))]
        number = wanted if wanted is not None else max([*claimed, spans.next_number(earlier) - 1]) + 1
        span_dir = self._root / f"span-{number}"
        if span_dir.is_dir():
            raise _taken(span_dir)
        try:
            self._claim(number).write_new(uuid.uuid4().hex.encode())
        except FileExistsError:
            raise InputError(
                f"The number {number} belongs to an ingest into {self._root} that did not end.", "Leave --span out to take the next number."
            ) from None
        return number

    def check_space(self, photo_bytes: int) -> None:
        """A bucket has no end."""

    @contextmanager
    def draft(self, number: int) -> Iterator[BucketDraft]:
        folder = self._root / f".span-{number}.{secrets.token_hex(8)}.tmp"
        span_dir = self._root / f"span-{number}"
        with tempfile.TemporaryDirectory() as scratch:
            try:
                yield BucketDraft(folder, span_dir, Path(scratch), self._lease)
            finally:
                folder.remove()
                if not (span_dir / spans.MANIFEST).is_file():
                    span_dir.remove()
                self._claim(number).unlink()

    def _claim(self, number: int) -> BucketPath:
        return self._root / f".span-{number}.claim"


def _taken(span_dir: StoragePath) -> InputError:
    return InputError(f"{span_dir} exists already.", "Leave --span out to take the next number.")
