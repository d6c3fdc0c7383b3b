"""Which artifacts and logs of runs in this process are kept. What runs on Kubeflow wrote is in the care of its own metadata and store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2

from flowers_tfx.config import PipelineConfig
from flowers_tfx.orchestration.roots import log_folder
from flowers_tfx.orchestration.run_records import RunRecord, RunRecords
from flowers_tfx.orchestration.settings import metadata_connection
from flowers_tfx.retention.items import Item, age_in_days, leftover_items, size_of
from flowers_tfx.storage import BucketPath, StoragePath, file_sizes, storage_path

_SYSTEM = Path(".system", "executor_execution")
_SEARCHES = Path(".system", "searches")  # trials of Tuner's searches that were interrupted


@dataclass(frozen=True)
class _Recorded:
    """`folders`: the ids of the artifacts in each folder NODE/KEY/EXECUTION of the pipeline root; `kept`: why a folder stays; `executions`:
    those of kept runs."""

    folders: Mapping[str, tuple[int, ...]]
    kept: Mapping[str, str]
    executions: frozenset[int]


def kept_runs(config: PipelineConfig) -> dict[str, str]:
    """Ids of the runs that stay, and why; of all pipelines that ML Metadata has recorded."""
    records = RunRecords(metadata_connection(config)) if _has_metadata(config) else None
    newest: dict[str, list[RunRecord]] = {}
    for run in records.runs() if records is not None and records.exists() else ():
        newest.setdefault(run.pipeline, []).append(run)
    reasons: dict[str, str] = {}
    for runs in newest.values():
        reasons |= {run.run_id: f"of one of the newest {config.retention.runs} runs" for run in runs[: config.retention.runs]}
        succeeded = next((run for run in runs if run.status == "succeeded"), None)
        if succeeded is not None:
            reasons.setdefault(succeeded.run_id, "of the newest run that succeeded")
    return reasons


def artifact_items(config: PipelineConfig, runs: Mapping[str, str]) -> Iterator[Item]:
    """One for each folder NODE/KEY/EXECUTION of the pipeline root, of nodes and outputs that ML Metadata knows."""
    if not _has_metadata(config) or not RunRecords(metadata_connection(config)).exists():
        return
    root = storage_path(config.pipeline_root)
    recorded = _recorded(metadata_store.MetadataStore(metadata_connection(config)), str(root), runs)
    outputs = {folder.rpartition("/")[0] for folder in recorded.folders}
    for folder, size in sorted(_execution_folders(root, outputs).items()):
        artifacts = recorded.folders.get(folder, ())
        why = recorded.kept.get(folder) or (
            f"of runs older than the newest {config.retention.runs}" if artifacts else "no run has recorded it: a run was killed"
        )
        yield Item("artifact", root / folder, size, folder in recorded.kept, why, artifacts=artifacts)
    nodes = {folder.partition("/")[0] for folder in outputs}
    yield from _system_items(root, nodes, recorded.executions)
    yield from _search_items(root, nodes, config.retention.cache_days)


def log_items(config: PipelineConfig, runs: Mapping[str, str]) -> Iterator[Item]:
    """The log of a run is named by when it began."""
    folder, days = log_folder(config), config.retention.logs_days
    began = {run_id.partition(".")[0] for run_id in runs}
    for file in sorted(folder.glob("*.log")) if folder.is_dir() else ():
        of_kept_run = file.name.partition("-")[0] in began
        keep = of_kept_run or age_in_days(file) < days
        why = "of a run that is kept" if of_kept_run else f"younger than {days} days" if keep else f"older than {days} days"
        yield Item("log", file, size_of(file), keep, why)


def forget_artifacts(config: PipelineConfig, ids: Sequence[int]) -> None:
    """ML Metadata then says that they are gone, so that nothing is taken from them."""
    store = metadata_store.MetadataStore(metadata_connection(config))
    artifacts = store.get_artifacts_by_id(list(ids))
    for artifact in artifacts:
        artifact.state = metadata_store_pb2.Artifact.DELETED
    store.put_artifacts(artifacts)


def _has_metadata(config: PipelineConfig) -> bool:
    return bool(config.metadata) or "://" not in config.pipeline_root


def _recorded(store: Any, root: str, runs: Mapping[str, str]) -> _Recorded:
    folders: dict[str, list[int]] = {}
    for artifact in store.get_artifacts():
        if folder := execution_folder(artifact.uri, root):
            folders.setdefault(folder, []).append(artifact.id)
    kept: dict[str, str] = {}
    executions: set[int] = set()
    for run_id, why in runs.items():
        context = store.get_context_by_type_and_name("pipeline_run", run_id)
        ids = [execution.id for execution in store.get_executions_by_context(context.id)] if context is not None else []
        executions |= set(ids)
        used = sorted({event.artifact_id for event in store.get_events_by_execution_ids(ids)}) if ids else []
        for artifact in store.get_artifacts_by_id(used):
            if folder := execution_folder(artifact.uri, root):
                kept.setdefault(folder, why)
    return _Recorded({folder: tuple(ids) for folder, ids in folders.items()}, kept, frozenset(executions))


def execution_folder(uri: str, root: str) -> str:
    """NODE/KEY/EXECUTION of an artifact below the root; empty for another one."""
    parts = uri.removeprefix(f"{root.rstrip('/')}/").split("/") if uri.startswith(f"{root.rstrip('/')}/") else []
    return "/".join(parts[:3]) if len(parts) >= 3 and parts[2].isdecimal() and ".." not in parts else ""


def _execution_folders(root: StoragePath, outputs: set[str]) -> dict[str, int]:
    """NODE/KEY/EXECUTION -> bytes, of these NODE/KEY."""
    found: dict[str, int] = {}
    if isinstance(root, BucketPath):
        for name, size in file_sizes(root).items():
            folder = "/".join(name.split("/")[:3])
            if execution_folder(f"{root}/{name}", str(root)) and folder.rpartition("/")[0] in outputs:
                found[folder] = found.get(folder, 0) + size
        return found
    for output in outputs:
        home = root / output
        for path in home.iterdir() if home.is_dir() and not home.is_symlink() else ():
            if path.name.isdecimal() and not path.is_symlink():
                found[f"{output}/{path.name}"] = size_of(path)
    return found


def _system_items(root: StoragePath, nodes: set[str], executions: frozenset[int]) -> Iterator[Item]:
    """What TFX keeps of each execution, and what a killed `flowers gc` left."""
    if not isinstance(root, Path):
        return
    for node in sorted(nodes):
        home = root / node / _SYSTEM
        for path in sorted(home.iterdir()) if home.is_dir() else ():
            if path.name.isdecimal() and int(path.name) not in executions:
                yield Item("leftover", path, size_of(path), False, "TFX's notes on an execution whose run is not kept")
        for output in (root / node).iterdir():
            yield from leftover_items(output)


def _search_items(root: StoragePath, nodes: set[str], days: int) -> Iterator[Item]:
    """Searches of a Tuner that were interrupted: the next run of the same search goes on from their trials."""
    for folder in (root / node / _SEARCHES for node in sorted(nodes) if isinstance(root, Path)):
        for path in sorted(folder.iterdir()) if isinstance(folder, Path) and folder.is_dir() else ():
            keep = age_in_days(path) < days
            why = (
                f"a search that was interrupted less than {days} days ago"
                if keep
                else f"a search that was interrupted over {days} days ago"
            )
            yield Item("cache", path, size_of(path), keep, why)
