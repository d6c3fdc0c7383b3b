"""The locks of all that writes to a pipeline's roots."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from flowers_tfx.config import PipelineConfig
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.roots import MAINTENANCE, maintenance_folder
from flowers_tfx.storage import storage_path
from flowers_tfx.storage.locks import Lock, lock


@contextlib.contextmanager
def locked(config: PipelineConfig) -> Iterator[list[Lock]]:
    """The locks of runs, of ingests and of pushes, in this order, as a run takes them. A run that starts meanwhile waits.

    Call `renew_or_fail()` of each before something is removed. Raises InputError while one of them is at work.
    """
    hint = "Wait for it, and run the command again."
    roots = {config.pipeline_root: "run", config.data_root: "ingest", config.registry: "push"}
    locks = []
    with contextlib.ExitStack() as stack:
        for root, holder in roots.items():
            path = storage_path(root)
            if root == config.pipeline_root and root.startswith(("s3://", "minio://")):
                continue  # only Kubeflow writes there, and nothing is removed there
            if path.is_dir():
                if holder == "run":
                    locks.append(stack.enter_context(lock(maintenance_folder(path), holder=MAINTENANCE)))
                locks.append(stack.enter_context(lock(path, wait=False, holder=holder, hint=hint)))
            elif holder != "run":
                raise InputError(f"{root} is not there.", "Name the configuration of your runs with --config FILE.")
        yield locks
