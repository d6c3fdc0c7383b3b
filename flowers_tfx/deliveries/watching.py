"""Watches a place until a signal, or once: the locks, clocks and threads around a watcher."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flowers_tfx import registry
from flowers_tfx.config import PipelineConfig
from flowers_tfx.deliveries.disk_hints import disk_hints
from flowers_tfx.deliveries.inbox import Inbox
from flowers_tfx.deliveries.ingest_step import IngestStep
from flowers_tfx.deliveries.jobs import Job
from flowers_tfx.deliveries.run_step import RunStep
from flowers_tfx.deliveries.runs import Runs
from flowers_tfx.deliveries.session import Event, Session, make_event
from flowers_tfx.deliveries.sources import FolderSource, Source, open_source
from flowers_tfx.deliveries.watch_state import StateFolder, WatchState
from flowers_tfx.deliveries.watcher import Watcher
from flowers_tfx.errors import ExitCode, InputError
from flowers_tfx.stop_signals import StopSignals
from flowers_tfx.storage import Lock, lock

# A place with many files is listed for a fifth of the time at most, however often the disk reports a change.
_SHORTEST_PAUSE_S, _PAUSE_FACTOR = 0.5, 5.0
# What a disk, a store or a lost lease raises.
_TROUBLE = (InputError, RuntimeError, OSError)


@dataclass(frozen=True)
class WatchRequest:
    """`source`: the folder or the URI; `arguments`: the options of `flowers ingest` that choose the configuration; `jobs`: a folder of this
    machine for the files of processes."""

    config: PipelineConfig
    source: str
    runs: Runs
    arguments: Sequence[str]
    jobs: Path
    once: bool = False


def watch(request: WatchRequest, emit: Callable[[Event], None]) -> int:
    """Returns the exit code: that of the last run with `once`, else 0 after SIGTERM or SIGINT.

    Raises InputError for a place that cannot be watched, and with `once` if another watcher is at work; without it, waits for its end. What
    fails later, such as a bucket that does not answer, is a failed event, and everything is tried again.
    """
    config = request.config
    source = open_source(request.source)
    source.list()
    check_apart(source, config)
    state_folder = StateFolder(config.data_root)
    started = threading.Event()
    with StopSignals() as signals:
        while not signals.stopped:
            try:
                with _locked(state_folder, request.once, signals) as held:
                    session = Session(config.watch, state_folder, load_state(state_folder, config), held, emit, request.once)
                    return _watch_locked(request, source, session, signals, started)
            except _TROUBLE as error:
                if request.once or not started.is_set():
                    raise
                emit(trouble_event(error, config.watch.poll_s))
                signals.wait(config.watch.poll_s)
    return ExitCode.DONE


def check_apart(source: Source, config: PipelineConfig) -> None:
    """Raises InputError if the program would write among the files that it watches."""
    roots = (("data_root", config.data_root), ("pipeline_root", config.pipeline_root), ("registry", config.registry))
    for key, root in roots:
        if "://" in root or "://" in source.uri:
            inside = root == source.uri or root.startswith(f"{source.uri}/")
        else:
            first = os.path.relpath(os.path.realpath(root), os.path.realpath(source.uri)).split(os.sep)[0]
            inside = first == "." or not first.startswith(".")
        if inside:
            raise InputError(f"{key} ({root}) lies in {source.uri}, whose folders are classes.", f"Set {key} to a folder elsewhere.")


def load_state(folder: StateFolder, config: PipelineConfig) -> WatchState:
    """The state, at the very first start with the newest version, which nobody has to be told of."""
    state = folder.load()
    if state.decisions is None:
        state.version = str(next(iter(registry.versions(config.registry)), ""))
    return state


@contextlib.contextmanager
def _locked(folder: StateFolder, once: bool, signals: StopSignals) -> Iterator[Lock]:
    hint = "Let it do the work, or stop it."
    with contextlib.ExitStack() as stack:
        with signals.interrupting():
            held = stack.enter_context(lock(folder.path, wait=not once, holder="watcher", hint=hint))
        yield held


def _watch_locked(request: WatchRequest, source: Source, session: Session, signals: StopSignals, started: threading.Event) -> int:
    inbox = Inbox(source, session)
    data_root = request.config.data_root
    ingest = IngestStep(session, inbox, data_root, request.arguments, partial(Job, request.jobs))
    watcher = Watcher(session, inbox, ingest, RunStep(session, request.runs, data_root, request.config.review.approvals))
    with contextlib.ExitStack() as stack:
        if isinstance(source, FolderSource) and not request.once:
            stack.enter_context(disk_hints(source.uri, signals.wake, request.config.watch.poll_s))
        try:
            return _loop(watcher, request, signals, started)
        except BaseException as error:
            # After trouble, what is at work goes on: this process starts a new watcher, which waits for it.
            if request.once or not isinstance(error, _TROUBLE):
                watcher.stop()
            raise


def _loop(watcher: Watcher, request: WatchRequest, signals: StopSignals, started: threading.Event) -> int:
    begun = time.time()
    earliest_hint = 0.0
    while not signals.stopped:
        hinted = signals.wake.is_set() and time.monotonic() >= earliest_hint
        if hinted:
            signals.wake.clear()
        before = time.monotonic()
        seconds = watcher.tick(time.time(), hinted)
        started.set()
        if hinted:
            earliest_hint = time.monotonic() + max(_SHORTEST_PAUSE_S, _PAUSE_FACTOR * (time.monotonic() - before))
        if request.once and _is_done(watcher, time.time() - begun, request.config.watch.longest_wait_s):
            return watcher.exit_code
        if signals.wake.is_set():
            # A hint that came too early waits.
            seconds = min(seconds, max(0.0, earliest_hint - time.monotonic()))
            signals.wait(seconds)
        else:
            signals.wake.wait(seconds)
    watcher.stop()
    return ExitCode.DONE


def _is_done(watcher: Watcher, seconds: float, longest_wait_s: float) -> bool:
    """A file that never becomes complete must not keep `--once` for ever."""
    return watcher.has_nothing_to_do(time.time()) or (seconds > longest_wait_s and watcher.waits_for_growing_files(time.time()))


def trouble_event(error: Exception, wait_s: float) -> Event:
    message, hint = (error.message, error.hint) if isinstance(error, InputError) else (f"{type(error).__name__}: {error}", "")
    return make_event("failed", step="watch", error=message, hint=hint, attempt=1, retry_in_s=wait_s)
