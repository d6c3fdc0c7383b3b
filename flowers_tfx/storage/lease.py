"""One writer at a time in a folder of a bucket, where no system lets go of a lock when its holder dies.

The lock is an object that is made only where there is none (a conditional write, which the store decides). Its holder writes it anew
every few seconds, bound to the tag of the last time. Who waits watches the tag: when it has not changed for LEASE_S seconds of the
watcher's own clock, the holder is dead and the lock is taken over, bound to that very tag, so that of several watchers one wins. No two
machines' clocks are compared.

A holder that was stopped for longer than LEASE_S (a suspended machine) may wake up with the lock lost. It finds out at `check()`, which
it must call before the write that makes its work visible.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Iterator

from flowers_tfx import progress
from flowers_tfx.errors import InputError
from flowers_tfx.storage.store import ABSENT, Changed, Store, write_bound

LEASE_S = 60.0
POLL_S = 1.0


class Lease:
    def __init__(self, store: Store, key: str, owner: str, tag: str) -> None:
        self._store, self._key, self._owner, self._tag = store, key, owner, tag
        self._guard = threading.Lock()
        self._over = threading.Event()
        self._count = 0
        self._thread = threading.Thread(target=self._beat, name="bucket-lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises InputError where the lock was lost to somebody else."""
        with self._guard:
            try:
                self._renew()
            except Changed:
                raise InputError(
                    "Another writer took over, because this one had been stopped for too long: nothing was written.", "Try again."
                ) from None

    def end(self) -> None:
        self._over.set()
        self._thread.join()
        with self._guard, contextlib.suppress(Changed):
            self._renew()  # bound to the tag: nobody else's lock is deleted
            self._store.delete([self._key])

    def _beat(self) -> None:
        while not self._over.wait(LEASE_S / 4):
            # A store that fails now may answer at the next beat, and check() tells the truth.
            with self._guard, contextlib.suppress(Changed, InputError, RuntimeError):
                self._renew()

    def _renew(self) -> None:
        self._count += 1  # equal bytes can have equal tags
        self._tag = write_bound(self._store, self._key, f"{self._owner} {self._count}\n".encode(), self._tag)


@contextlib.contextmanager
def leased(store: Store, key: str, place: str, wait: bool = True) -> Iterator[Lease]:
    """Waits for its turn; with `wait` False for no longer than it takes to know whether the holder is alive. `place` is what people call
    the folder that is locked. Raises InputError for a holder that is not waited for and a store that ignores the
    conditions of writes, besides what the store raises."""
    owner = uuid.uuid4().hex
    lease = Lease(store, key, owner, _taken(store, key, owner, place, wait))
    try:
        with contextlib.suppress(Changed):
            store.write(key, b"", ABSENT)
            raise InputError(f"The store of {place} ignores the conditions of writes.", "Use a store that has them: S3, MinIO, Ceph, R2.")
        yield lease
    finally:
        lease.end()


def _taken(store: Store, key: str, owner: str, place: str, wait: bool) -> str:
    seen, since, told = "", time.monotonic(), False
    data = f"{owner} 0\n".encode()
    while True:
        with contextlib.suppress(Changed):
            return write_bound(store, key, data, ABSENT)
        try:
            tag = store.read(key)[1]
        except FileNotFoundError:
            continue
        if tag != seen:
            if seen and not wait:
                raise InputError(f"Another process is at work in {place}.", "Wait for it, or use another place.")
            seen, since = tag, time.monotonic()
        elif time.monotonic() - since > LEASE_S:
            with contextlib.suppress(Changed):
                return write_bound(store, key, data, tag)
        if not told:
            progress.notify(f"Another process is writing to {place}, or was killed there: waiting.")
            told = True
        time.sleep(min(POLL_S, LEASE_S / 4))
