"""A lock in a bucket, where no system releases one when its holder dies.

The lock is an object that is created only if it does not exist yet (a conditional write; the store decides). Its holder rewrites it every
few seconds, on the condition that the tag is still the one of its last write. A waiting process watches the tag: if it has not changed for
LEASE_S seconds of the watcher's own clock, the holder is dead, and the watcher takes over the lock on the condition of that tag, so that
only one of several watchers succeeds. Clocks of different machines are never compared.

A holder that was stopped for longer than LEASE_S (a suspended machine) may have lost the lock when it wakes up. `renew_or_fail()` detects
this; the holder must call it before the write that makes its work visible.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Iterator

from flowers_tfx import progress
from flowers_tfx.errors import InputError
from flowers_tfx.storage.store import ABSENT, ConditionFailed, Store, write_conditionally

LEASE_S = 60.0
POLL_S = 1.0


class Lease:
    def __init__(self, store: Store, key: str, owner: str, tag: str) -> None:
        self._store, self._key, self._owner, self._tag = store, key, owner, tag
        self._guard = threading.Lock()
        self._ended = threading.Event()
        self._renewals = 0
        self._thread = threading.Thread(target=self._keep_alive, name="bucket-lease", daemon=True)
        self._thread.start()

    def renew_or_fail(self) -> None:
        """Raises InputError if another writer took over the lock."""
        with self._guard:
            try:
                self._renew()
            except ConditionFailed:
                raise InputError(
                    "Another writer took over, because this one had been stopped for too long: nothing was written.", "Try again."
                ) from None

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        with self._guard, contextlib.suppress(ConditionFailed):
            self._renew()  # conditional, so that nobody else's lock is deleted
            self._store.delete([self._key])

    def _keep_alive(self) -> None:
        while not self._ended.wait(LEASE_S / 4):
            # A store that fails now may answer the next time, and renew_or_fail() detects a lost lock.
            with self._guard, contextlib.suppress(ConditionFailed, InputError, RuntimeError):
                self._renew()

    def _renew(self) -> None:
        self._renewals += 1  # equal bytes can have equal tags
        self._tag = write_conditionally(self._store, self._key, f"{self._owner} {self._renewals}\n".encode(), self._tag)


@contextlib.contextmanager
def hold_lease(
    store: Store,
    key: str,
    folder: str,
    *,
    wait: bool = True,
    holder: str = "process",
    hint: str = "Wait for it, or use another folder.",
) -> Iterator[Lease]:
    """Waits for its turn; without `wait`, only until it is known whether the holder is alive. `folder`: the name of the locked folder
    in messages.

    Raises InputError if another `holder` is at work and is not waited for, for a store that ignores the conditions of writes, and the
    errors of the store.
    """
    owner = uuid.uuid4().hex
    tag = _acquire(store, key, owner, folder, f"Another {holder}", None if wait else hint)
    lease = Lease(store, key, owner, tag)
    try:
        with contextlib.suppress(ConditionFailed):
            store.write(key, b"", ABSENT)
            raise InputError(f"The store of {folder} ignores the conditions of writes.", "Use a store that has them: S3, MinIO, Ceph, R2.")
        yield lease
    finally:
        lease.end()


def _acquire(store: Store, key: str, owner: str, folder: str, other: str, refusal_hint: str | None) -> str:
    """The tag of the created or taken over lock."""
    last_tag, since, announced = "", time.monotonic(), False
    data = f"{owner} 0\n".encode()
    while True:
        with contextlib.suppress(ConditionFailed):
            return write_conditionally(store, key, data, ABSENT)
        try:
            tag = store.read(key)[1]
        except FileNotFoundError:
            continue
        if tag != last_tag:
            if last_tag and refusal_hint is not None:
                raise InputError(f"{other} is at work in {folder}.", refusal_hint)
            last_tag, since = tag, time.monotonic()
        elif time.monotonic() - since > LEASE_S:
            with contextlib.suppress(ConditionFailed):
                return write_conditionally(store, key, data, tag)
        if not announced:
            progress.notify(f"{other} is writing to {folder}, or was killed there: waiting.")
            announced = True
        time.sleep(min(POLL_S, LEASE_S / 4))
