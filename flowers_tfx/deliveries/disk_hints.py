"""What the disk reports about a watched folder, so that new files are seen before the next look at it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from flowers_tfx.progress import notify

_READS = ("opened", "closed_no_write")


class _Handler(FileSystemEventHandler):
    def __init__(self, hint: threading.Event) -> None:
        self._hint = hint

    def on_any_event(self, event: FileSystemEvent) -> None:
        # Reading is no change: the watcher itself reads, and so does ingest.
        if event.event_type not in _READS:
            self._hint.set()


@contextlib.contextmanager
def disk_hints(folder: str, hint: threading.Event, poll_s: float) -> Iterator[None]:
    """Inside the `with` block, `hint` is set when something changes in the folder or below it.

    Hints can be missing: NFS and other network disks do not report what another machine writes, and the system drops reports that come too
    fast. Nothing is lost by it, since the folder is also listed every `poll_s` seconds.
    """
    observer = Observer()
    try:
        observer.schedule(_Handler(hint), folder, recursive=True)
        observer.start()
    except OSError as error:  # the limit of inotify, for example
        notify(f"The system does not report changes of {folder} ({error.strerror or error}): it is listed every {poll_s:g} s.")
        yield
        return
    try:
        yield
    finally:
        observer.stop()
        observer.join()
