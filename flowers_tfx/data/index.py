"""From a folder per class to the input of ingest: a CSV of photos and labels, and the list of classes."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass
from pathlib import Path

from flowers_tfx.errors import InputError
from flowers_tfx.storage import atomic_file

CSV_NAME = "all_data.csv"
LABELS_NAME = "dict.txt"
_OUT_HINT = "Name a folder to write to with --out."


@dataclass(frozen=True)
class IndexResult:
    csv: Path
    labels: Path
    photos: int
    classes: dict[str, int]
    skipped: tuple[str, ...] = ()  # entries that are not files of this folder: links that lead out of it or to folders, sockets


def index_folder(photos_dir: Path, out: Path | None = None) -> IndexResult:
    """Lists every file in every class folder, whatever its name: ingest decides which of them are photos.

    Writes `all_data.csv` (absolute path, label; no header) and `dict.txt` (a class a line), sorted, into `out`, or into
    the folder itself. Hidden entries and loose files at the top are not classes; an empty folder is a class that has no
    photos today.
    """
    root = Path(os.path.abspath(photos_dir))
    out = root if out is None else Path(os.path.abspath(out))
    try:
        photos_by_class, skipped = _scan(root)
    except OSError as error:
        raise InputError(
            f"{error.filename} can't be read ({error.strerror}).", "Name a readable folder with a folder per class."
        ) from error
    if not any(photos_by_class.values()):
        what = "The class folders hold no file" if photos_by_class else "There is no class folder"
        hint = "Put the photos into one folder per class: daisy/, roses/, and so on."
        if skipped:
            hint += f" Links are not followed out of the folder: {skipped[0]}."
        raise InputError(f"{what} in {root}.", hint)
    _refuse_inside(out, root)
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, lineterminator="\n")
    for label, photos in photos_by_class.items():
        writer.writerows((photo, label) for photo in photos)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The index can't be written to {out} ({error.strerror}).", _OUT_HINT) from error
    _write(out / LABELS_NAME, "".join(f"{label}\n" for label in photos_by_class))
    _write(out / CSV_NAME, lines.getvalue())
    counts = {label: len(photos) for label, photos in photos_by_class.items()}
    return IndexResult(out / CSV_NAME, out / LABELS_NAME, sum(counts.values()), counts, tuple(skipped))


def _scan(root: Path) -> tuple[dict[str, list[str]], list[str]]:
    """Sorted paths by class, and what was skipped."""
    photos_by_class: dict[str, list[str]] = {}
    skipped: list[str] = []
    real_root = os.path.realpath(root)
    for entry in sorted(os.scandir(root), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            _require_one_line(entry.path)
            if entry.name != entry.name.strip():
                raise InputError(f"The name of {entry.path!r} starts or ends with a blank.", "Rename the class folder.")
            photos, others = _files(entry.path, real_root)
            photos_by_class[entry.name] = photos
            skipped += others
        elif entry.is_dir():
            skipped.append(entry.path)
    return photos_by_class, skipped


def _files(folder: str, real_root: str) -> tuple[list[str], list[str]]:
    photos: list[str] = []
    skipped: list[str] = []
    for parent, folders, names in os.walk(folder, onerror=_raise):
        skipped += [path for path in (os.path.join(parent, name) for name in folders) if os.path.islink(path)]
        for path in (os.path.join(parent, name) for name in names):
            inside = os.path.realpath(path).startswith(real_root.rstrip(os.sep) + os.sep)
            (photos if inside and os.path.isfile(path) else skipped).append(path)
    for path in photos:
        _require_one_line(path)
    return sorted(photos), sorted(skipped)


def _raise(error: OSError) -> None:
    raise error


def _require_one_line(path: str) -> None:
    if len(path.splitlines()) != 1:
        raise InputError(f"The name of {path!r} holds a line break, and the index is made of lines.", "Rename it.")


def _refuse_inside(out: Path, root: Path) -> None:
    """The next run would take the index itself for a class or a photo."""
    inside = os.path.relpath(os.path.realpath(out), os.path.realpath(root)).split(os.sep)
    if not inside[0].startswith("."):
        raise InputError(f"{out} lies among the class folders of {root}.", "Name a folder outside of it, or leave --out away.")


def _write(path: Path, text: str) -> None:
    """Names that are not UTF-8 keep their bytes."""
    with atomic_file(path, _OUT_HINT) as unfinished:
        unfinished.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")
