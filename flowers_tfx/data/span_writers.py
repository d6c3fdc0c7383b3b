"""How spans are written: as invisible drafts that then become visible as a whole. `span_writer(data_root)` is the only entry point.

On a disk a span appears by a rename. In a bucket its manifest is written last, only if it does not exist, and a folder without one is not
a span. There, `.span-<N>.claim` is written first, only if it does not exist: no two ingests ever have the same number, even if both believe
that they hold the lock. The claim of an ingest that was killed stays, as that of a span that was removed, and its number is not used again.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from flowers_tfx.data import spans
from flowers_tfx.errors import InputError
from flowers_tfx.storage import BucketPath, Lock, StoragePath, lock, remove_unfinished, rename_folder, unfinished_path

COPY_THREADS = 16
_CLAIM = re.compile(r"\.span-([1-9]\d*)\.claim")
_SPAN_NAMES = r"span-\d+"


class Draft(Protocol):
    """A span that is not visible yet. Beam's workers write to `work_uri`; `scratch` is a folder on this machine."""

    work_uri: str
    scratch: Path

    def work_files(self) -> set[str]:
        """Files of the work folder."""
        ...

    def local_file(self, file: str) -> Path:
        """A file of the work folder, by name or by its whole path, on this machine."""
        ...

    def add_file(self, source: str, name: str) -> None:
        """Gives a worker's file, or a local one, its name in the span."""
        ...

    def publish(self, manifest: str) -> None:
        """Makes the span visible. InputError if its number is taken or the lock was lost."""
        ...


class SpanWriter(Protocol):
    """Only one ingest at a time has one."""

    def claim_number(self, requested: int | None, earlier: Sequence[spans.Span]) -> int:
        """Reserves the requested number, or else the next one. Raises InputError for one that is taken."""
        ...

    def check_space(self, photo_bytes: int) -> None:
        """Raises InputError if so many bytes of photos do not fit."""
        ...

    def draft(self, number: int) -> AbstractContextManager[Draft]:
        """The draft is deleted at the end of the block, unless it was published."""
        ...


@contextmanager
def span_writer(root: StoragePath) -> Iterator[SpanWriter]:
    """Waits for other ingests in the data root to end, and removes what killed ones left."""
    with lock(root) as root_lock:
        remove_unfinished(root, _SPAN_NAMES)
        if isinstance(root, Path):
            yield FolderWriter(root)
            return
        writer = BucketWriter(root, root_lock)
        writer.remove_unpublished()
        yield writer


class FolderDraft:
    def __init__(self, folder: Path, span_dir: Path) -> None:
        self._folder, self._span_dir = folder, span_dir
        self.scratch = folder / "work"
        self.work_uri = str(self.scratch)
        self.scratch.mkdir(parents=True)

    def work_files(self) -> set[str]:
        return set(os.listdir(self.scratch))

    def local_file(self, file: str) -> Path:
        return self.scratch / file

    def add_file(self, source: str, name: str) -> None:
        os.rename(source, self._folder / name)

    def publish(self, manifest: str) -> None:
        (self._folder / spans.MANIFEST).write_text(manifest, encoding="utf-8")
        shutil.rmtree(self.scratch)
        try:
            rename_folder(self._folder, self._span_dir, durable=True)
        except FileExistsError:
            raise _number_taken(self._span_dir) from None


class FolderWriter:
    def __init__(self, root: Path) -> None:
        self._root = root

    def claim_number(self, requested: int | None, earlier: Sequence[spans.Span]) -> int:
        number = requested if requested is not None else spans.next_number(earlier)
        span_dir = self._root / f"span-{number}"
        if span_dir.exists():
            raise _number_taken(span_dir)
        return number

    def check_space(self, photo_bytes: int) -> None:
        # A tenth more than the photos.
        need, free = int(photo_bytes * 1.1), shutil.disk_usage(self._root).free
        if need > free:
            raise InputError(
                f"The disk of {self._root} has {free / 1e9:.2f} GB free and this delivery can need {need / 1e9:.2f} GB.",
                "Free some space, or name a data root on another disk.",
            )

    @contextmanager
    def draft(self, number: int) -> Iterator[FolderDraft]:
        span_dir = self._root / f"span-{number}"
        folder = unfinished_path(span_dir)
        try:
            yield FolderDraft(folder, span_dir)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class BucketDraft:
    def __init__(self, folder: BucketPath, span_dir: BucketPath, scratch: Path, root_lock: Lock) -> None:
        self._span_dir, self._lock = span_dir, root_lock
        self._files: list[tuple[str, str]] = []  # source, name
        self.scratch = scratch
        self.work_uri = str(folder / "work")

    def work_files(self) -> set[str]:
        return {path.name for path in BucketPath(self.work_uri).iterdir()}

    def local_file(self, file: str) -> Path:
        name = file.rpartition("/")[2]
        (BucketPath(self.work_uri) / name).download(self.scratch / name)
        return self.scratch / name

    def add_file(self, source: str, name: str) -> None:
        self._files.append((source, name))

    def publish(self, manifest: str) -> None:
        with ThreadPoolExecutor(COPY_THREADS) as pool:
            list(pool.map(self._copy, self._files))
        self._lock.renew_or_fail()
        try:
            (self._span_dir / spans.MANIFEST).write_new(manifest.encode())
        except FileExistsError:
            raise _number_taken(self._span_dir) from None

    def _copy(self, file: tuple[str, str]) -> None:
        source, name = file
        target = self._span_dir / name
        if "://" in source:
            BucketPath(source).copy_to(target)
        else:
            target.upload(Path(source))


class BucketWriter:
    def __init__(self, root: BucketPath, root_lock: Lock) -> None:
        self._root, self._lock = root, root_lock

    def remove_unpublished(self) -> None:
        """Deletes the files of spans that were claimed and not published, and the claims on those that were."""
        for path in list(self._root.iterdir()):
            if match := _CLAIM.fullmatch(path.name):
                span_dir = self._root / f"span-{match[1]}"
                if (span_dir / spans.MANIFEST).is_file():
                    path.unlink()
                else:
                    span_dir.remove()

    def claim_number(self, requested: int | None, earlier: Sequence[spans.Span]) -> int:
        claimed = claimed_numbers(self._root)
        number = requested if requested is not None else max([*claimed, spans.next_number(earlier) - 1]) + 1
        span_dir = self._root / f"span-{number}"
        if span_dir.is_dir():
            raise _number_taken(span_dir)
        try:
            self._claim(number).write_new(uuid.uuid4().hex.encode())
        except FileExistsError:
            raise InputError(
                f"The number {number} belongs to an ingest into {self._root} that did not end.", "Leave --span out to take the next number."
            ) from None
        return number

    def check_space(self, photo_bytes: int) -> None:
        """Buckets have no size limit."""

    @contextmanager
    def draft(self, number: int) -> Iterator[BucketDraft]:
        span_dir = self._root / f"span-{number}"
        folder = unfinished_path(span_dir)
        with tempfile.TemporaryDirectory() as scratch:
            try:
                yield BucketDraft(folder, span_dir, Path(scratch), self._lock)
            finally:
                folder.remove()
                if not (span_dir / spans.MANIFEST).is_file():
                    span_dir.remove()
                self._claim(number).unlink()

    def _claim(self, number: int) -> BucketPath:
        return claim_path(self._root / f"span-{number}")


def claimed_numbers(root: BucketPath) -> list[int]:
    """Numbers of spans that an ingest has begun to write, or that were removed."""
    return [int(match[1]) for path in root.iterdir() if (match := _CLAIM.fullmatch(path.name))]


def claim_path(span_dir: BucketPath) -> BucketPath:
    return span_dir.parent / f".{span_dir.name}.claim"


def _number_taken(span_dir: StoragePath) -> InputError:
    return InputError(f"{span_dir} exists already.", "Leave --span out to take the next number.")
