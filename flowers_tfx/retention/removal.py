"""How something is removed, so that nobody ever sees a part of it as the whole.

On a disk it is renamed to a name that everything passes over, and then deleted; in a bucket a claim is written, and
the file that makes it whole is deleted first. A killed process leaves such a name, or a claim, and the next `flowers gc` finishes it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from flowers_tfx.errors import InputError
from flowers_tfx.retention.items import Item
from flowers_tfx.storage import BucketPath, unfinished_path
from flowers_tfx.storage.atomic_writes import flush


def remove(item: Item) -> None:
    """Raises InputError if it cannot be removed; what is gone already is no error."""
    try:
        if isinstance(item.path, BucketPath):
            _remove_from_bucket(item, item.path)
        elif item.kind == "leftover" or item.path.is_symlink() or item.path.is_file():
            _delete(item.path)
        else:
            away = unfinished_path(item.path)
            os.rename(item.path, away)
            # Else a power cut could bring the old name back without all of its files.
            flush(away.parent)
            _delete(away)
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"{item.path} can't be removed: {error.strerror}.", "Check its permissions, and run the command again.") from error


def _remove_from_bucket(item: Item, folder: BucketPath) -> None:
    if item.claim is not None:
        item.claim.write_bytes(b"removed\n")
    names = folder.file_sizes()
    for name in item.first:
        if name in names:
            (folder / name).unlink()
    others = [folder / name for name in names if name not in item.first]
    folder.store.delete(path.key for path in others if path != item.claim)
    # The claim on a span stays: its number is not given again.
    if item.claim is not None and item.kind != "span":
        item.claim.unlink()


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
