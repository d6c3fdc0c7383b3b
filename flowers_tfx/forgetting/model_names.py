"""The names of photos in a version's certificate and card. The record has digests of both: it is written anew, last, so that the version is
not taken for a damaged one."""

from __future__ import annotations

import json
from collections.abc import Iterator

from flowers_tfx import registry
from flowers_tfx.artifact_files import PARITY_FILE
from flowers_tfx.forgetting.photo_traces import Traces
from flowers_tfx.forgetting.rewriting import replace_bytes
from flowers_tfx.registry import CARD_FILE, CARD_PAGE, ENTRY_FILE
from flowers_tfx.storage import StoragePath

_FILES = (PARITY_FILE, CARD_FILE, CARD_PAGE)


def files_with_names(folder: StoragePath, traces: Traces) -> Iterator[StoragePath]:
    for path in (folder / name for name in _FILES):
        if path.is_file() and traces.edit(data := path.read_bytes()) != data:
            yield path


def remove_names(folder: StoragePath, traces: Traces) -> None:
    """`folder`: that of a version that is whole, or that an interrupted time left half edited. Doing it again does the same."""
    for path in list(files_with_names(folder, traces)):
        replace_bytes(path, traces.edit(path.read_bytes()))
    record = json.loads((folder / ENTRY_FILE).read_text(encoding="utf-8"))
    changed = {**record, "digest": registry.model_digest(folder)}
    if record.get("card"):
        for name in (CARD_FILE, CARD_PAGE):
            # Cards name the model's digest.
            data = (folder / name).read_bytes()
            if (renamed := data.replace(record["digest"].encode(), changed["digest"].encode())) != data:
                replace_bytes(folder / name, renamed)
        changed["card"] = registry.card_digest({name: (folder / name).read_bytes() for name in (CARD_FILE, CARD_PAGE)})
    if changed != record:
        replace_bytes(folder / ENTRY_FILE, (json.dumps(changed, indent=2)).encode())
