"""Beam jobs on photos: running one, its progress, and the ledger in which it lists what it wrote.

Workers write files under names of their own into the job's work folder, and a bundle that is tried again writes others: only the files
listed in the ledger are used.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import apache_beam as beam
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from flowers_tfx.data.span_writers import Draft
from flowers_tfx.errors import EngineFailed, InputError, cause_of
from flowers_tfx.progress import ProgressCallback

LEDGER = "ledger.json"
PROGRESS = "progress"
UNITS_PER_PHOTO = 4  # of work; the progress file has one byte per unit
POLL_S = 0.2


def run_job(name: str, pipeline: beam.Pipeline, transform: beam.PTransform) -> None:
    """Raises EngineFailed when the job fails, InputError for errors in the input that a worker found."""
    _ = pipeline | type(transform).__name__ >> transform
    hint = "Nothing of it is visible: the same command tries again."
    try:
        outcome = pipeline.run()
        outcome.wait_until_finish()
    except InputError:
        raise
    except Exception as error:  # engines raise any type; an error of a DoFn arrives as text
        raise EngineFailed(f"The {name} job failed: {cause_of(error)}", hint) from error
    if outcome.state not in ("DONE", None):
        raise EngineFailed(f"The {name} job ended in state {outcome.state}.", hint)


def read_ledger(name: str, draft: Draft) -> dict[str, Any]:
    """The job's ledger; `shards` lists files by their `path`. Raises EngineFailed if they are not in the work folder: workers on other
    machines then wrote to folders of their own."""
    names = draft.work_files()
    written = LEDGER in names
    ledger: dict[str, Any] = json.loads(draft.local_file(LEDGER).read_text(encoding="utf-8")) if written else {}
    files = [os.path.basename(shard["path"]) for shard in ledger["shards"]] if written else [LEDGER]
    absent = [file for file in files if file not in names]
    if absent:
        raise EngineFailed(
            f"The {name} job ended, but {absent[0]} is not in {draft.work_uri}.",
            "The engine's workers must see the data root as a shared folder, under the same path, or as a bucket.",
        )
    return ledger


def create_file(path: str) -> IO[bytes]:
    # Explicitly uncompressed: Beam would compress files named .gz.
    opened: IO[bytes] = FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED)
    return opened


def report_progress(work_dir: str, units: int) -> None:
    """Reports progress to processes on this machine: every worker appends one byte per unit to a file in the work folder."""
    if "://" not in work_dir:
        file = os.open(os.path.join(work_dir, PROGRESS), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(file, bytes(units))
        os.close(file)


@contextmanager
def watch_progress(work_dir: Path, photos: int, progress: ProgressCallback | None) -> Iterator[None]:
    """Calls `progress` while the block runs. Engines on other machines may not report: the bar then waits for the end."""
    if progress is None:
        yield
        return
    over = threading.Event()
    path = work_dir / PROGRESS

    def poll() -> None:
        while not over.wait(POLL_S):
            done = path.stat().st_size // UNITS_PER_PHOTO if path.exists() else 0
            progress(min(done, photos), photos)

    thread = threading.Thread(target=poll, name="job-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    progress(photos, photos)
