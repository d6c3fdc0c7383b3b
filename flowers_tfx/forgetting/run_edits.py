"""What runs in this process wrote: artifacts of every run that worked on the photo are removed, since all of them were made from it; ML
Metadata keeps the runs."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from ml_metadata import metadata_store

from flowers_tfx.config import PipelineConfig
from flowers_tfx.forgetting.photo_traces import PLACEHOLDER, Traces
from flowers_tfx.orchestration.run_records import RunRecord, RunRecords
from flowers_tfx.orchestration.settings import metadata_connection
from flowers_tfx.retention.items import Item, leftover_items, size_of
from flowers_tfx.retention.places import metadata_file
from flowers_tfx.retention.run_rules import execution_folder, forget_artifacts
from flowers_tfx.storage import storage_path


@dataclass(frozen=True)
class RunsWithPhoto:
    run_ids: tuple[str, ...]
    items: tuple[Item, ...]


def runs_with(config: PipelineConfig, span_digests: Collection[str]) -> RunsWithPhoto:
    """The runs whose window has one of these spans, and the folders of their artifacts that are still there."""
    if not (config.metadata or "://" not in config.pipeline_root):
        return RunsWithPhoto((), ())
    records = RunRecords(metadata_connection(config))
    runs = [run for run in (records.runs() if records.exists() else ()) if _works_on(run, span_digests)]
    folders = {artifact.uri for run in runs for node in run.nodes.values() for artifact in node.outputs}
    root = str(storage_path(config.pipeline_root))
    found = sorted({folder for uri in folders if (folder := execution_folder(uri, root))})
    return RunsWithPhoto(tuple(run.run_id for run in runs), tuple(_items(config, root, found)))


def remove_artifacts(config: PipelineConfig, items: Collection[Item]) -> None:
    """ML Metadata says first that they are gone; the files are removed by the caller."""
    if ids := [ident for item in items for ident in item.artifacts]:
        forget_artifacts(config, ids)


def names_in_metadata(config: PipelineConfig, traces: Traces) -> bool:
    file = metadata_file(config)
    if file is None or not file.is_file():
        return False
    return any(_cells(file, traces, edit=False)) or _is_in_free_pages(file, traces.digest.encode())


def _is_in_free_pages(file: Path, needle: bytes) -> bool:
    """Or anywhere else in the file: a deleted row stays there."""
    end = b""
    with file.open("rb") as stream:
        while piece := stream.read(1 << 20):
            if needle in end + piece:
                return True
            end = piece[-len(needle) :]
    return False


def edit_metadata(config: PipelineConfig, traces: Traces) -> None:
    """The texts of a SQLite file, and then the file itself: deleted text stays in its free pages otherwise."""
    file = metadata_file(config)
    if file is None or not file.is_file():
        return
    for _ in _cells(file, traces, edit=True):
        pass
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("VACUUM")


def _cells(file: Path, traces: Traces, edit: bool) -> Iterator[str]:
    """Columns of tables that have the digest or an address in them."""
    with contextlib.closing(sqlite3.connect(file)) as database:
        for table, column in _columns(database):
            for text in (traces.digest, *traces.uris):
                # The names are those of the database's own tables.
                where = f'FROM "{table}" WHERE instr(CAST("{column}" AS TEXT), ?) > 0'
                ids = [row[0] for row in database.execute(f"SELECT rowid {where}", (text,))]
                if ids:
                    yield f"{table}.{column}"
                for row in ids if edit else ():
                    statement = f'UPDATE "{table}" SET "{column}" = replace("{column}", ?, ?) WHERE rowid = ?'  # noqa: S608
                    database.execute(statement, (text, PLACEHOLDER, row))
        database.commit()


def _columns(database: sqlite3.Connection) -> list[tuple[str, str]]:
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return [(table, row[1]) for table in tables for row in database.execute(f'PRAGMA table_info("{table}")')]


def _works_on(run: RunRecord, span_digests: Collection[str]) -> bool:
    windows = (str(node.parameters.get("window", "")) for node in run.nodes.values())
    named = {entry["digest"] for window in windows if window.startswith("[") for entry in json.loads(window)}
    return bool(named & set(span_digests))


def _items(config: PipelineConfig, root: str, folders: list[str]) -> Iterator[Item]:
    by_folder: dict[str, list[int]] = {}
    for artifact in metadata_store.MetadataStore(metadata_connection(config)).get_artifacts():
        by_folder.setdefault(execution_folder(artifact.uri, root), []).append(artifact.id)
    for folder in folders:
        path = storage_path(root) / folder
        if path.is_dir():
            yield Item("artifact", path, size_of(path), False, "made by a run that worked on the photo", artifacts=tuple(by_folder[folder]))
    for home in sorted({str(Path(folder).parent) for folder in folders}):
        yield from leftover_items(storage_path(root) / home)  # of a time that was interrupted
