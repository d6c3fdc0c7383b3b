"""Makes the input of ingest from a folder per class: a CSV of photos and labels, and the list of classes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from flowers_tfx.class_names import class_name
from flowers_tfx.data.csv_fields import csv_field
from flowers_tfx.data.delivery import visible
from flowers_tfx.data.hidden_names import is_hidden
from flowers_tfx.errors import InputError
from flowers_tfx.storage import atomic_file

CSV_NAME = "all_data.csv"
LABELS_NAME = "dict.txt"
_OUT_HINT = "Name a folder to write to with --out."


@dataclass(frozen=True)
class LeftOut:
    """A file or folder that the index cannot list; `path` may hold any character."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"left out, {self.reason}: {visible(self.path)}"


@dataclass(frozen=True)
class IndexResult:
    """`hidden`: how many hidden files and folders were skipped; a folder counts once."""

    csv: Path
    labels: Path
    photos: int
    classes: dict[str, int]
    hidden: int = 0
    left_out: tuple[LeftOut, ...] = ()


@dataclass
class Listing:
    """Paths of files, and what was left out."""

    photos: list[str] = field(default_factory=list)
    hidden: int = 0
    left_out: list[LeftOut] = field(default_factory=list)


def index_folder(photos_dir: Path, out: Path | None = None) -> IndexResult:
    """Lists every file in every class folder, whatever its name: ingest decides which of them are photos.

    Writes `all_data.csv` (absolute path as on disk, label in NFC; no header) and `dict.txt` (one class per line), sorted, into `out`, or
    into the folder itself. Hidden entries, loose files at the top and folders with only hidden files are not classes; an empty folder is a
    class without photos.
    """
    root = Path(os.path.abspath(photos_dir))
    out = root if out is None else Path(os.path.abspath(out))
    if _has_line_break(str(root)):
        raise InputError(f"The path {visible(str(root))} contains a line break, and the index is made of lines.", "Rename the folder.")
    try:
        by_class, rest = _scan(root)
    except OSError as error:
        raise InputError(
            f"{visible(str(error.filename))} can't be read ({error.strerror}).", "Name a readable folder with a folder per class."
        ) from error
    if not any(by_class.values()):
        what = "The class folders hold no file" if by_class else "There is no class folder"
        hint = "Put the photos into one folder per class: daisy/, roses/, and so on."
        if rest.left_out:
            hint += f" One entry was {rest.left_out[0]}."
        raise InputError(f"{what} in {root}.", hint)
    _refuse_inside(out, root)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The index can't be written to {out} ({error.strerror}).", _OUT_HINT) from error
    lines = (f"{csv_field(photo)},{csv_field(label)}\n" for label, photos in by_class.items() for photo in photos)
    _write(out / LABELS_NAME, "".join(f"{label}\n" for label in by_class))
    _write(out / CSV_NAME, "".join(lines))
    counts = {label: len(photos) for label, photos in by_class.items()}
    return IndexResult(out / CSV_NAME, out / LABELS_NAME, sum(counts.values()), counts, rest.hidden, tuple(rest.left_out))


def _scan(root: Path) -> tuple[dict[str, list[str]], Listing]:
    """Sorted paths by class, in the order of the classes, and a listing of the entries in no class."""
    by_class: dict[str, list[str]] = {}
    rest = Listing()
    real_root = os.path.realpath(root)
    for entry in sorted(os.scandir(root), key=lambda entry: entry.name):
        if not entry.is_dir():
            continue  # loose files, the index itself among them
        if is_hidden(entry.name):
            rest.hidden += 1
        elif not entry.is_dir(follow_symlinks=False):
            rest.left_out.append(LeftOut(entry.path, "a link to a folder"))
        else:
            listing = list_files(entry.path, real_root)
            rest.hidden += listing.hidden
            rest.left_out += listing.left_out
            if listing.hidden and not listing.photos and not listing.left_out:
                rest.left_out.append(LeftOut(entry.path, "not a class, it holds hidden files only"))
            else:
                # Two folders can be one class: macOS and Linux spell its name differently.
                by_class.setdefault(folder_class(entry.name, entry.path), []).extend(listing.photos)
    return {label: sorted(by_class[label]) for label in sorted(by_class)}, rest


def folder_class(name: str, path: str) -> str:
    """The class of a folder. Raises InputError for a name that cannot be a line of the labels file: a class is never left out silently."""
    if len(name.splitlines()) != 1:
        problem = "contains a line break"
    elif name != name.strip():
        problem = "starts or ends with a blank"
    elif any("\ud800" <= c <= "\udfff" for c in name):
        problem = "is not UTF-8"
    else:
        return class_name(name)
    raise InputError(f"The name of the class folder {visible(path)} {problem}.", "Rename the class folder.")


def list_files(folder: str, real_root: str) -> Listing:
    """The files below a class folder. `real_root` is the resolved path of the folder that it lies in: files elsewhere are left out."""
    listing = Listing()
    for parent, folders, names in os.walk(folder, onerror=_raise):
        entered = []
        for name in sorted(folders):
            path = os.path.join(parent, name)
            if is_hidden(name):
                listing.hidden += 1
            elif os.path.islink(path):
                listing.left_out.append(LeftOut(path, "a link to a folder"))
            elif _has_line_break(name):
                listing.left_out.append(LeftOut(path, "a line break in the folder's name"))
            else:
                entered.append(name)
        folders[:] = entered
        for name in sorted(names):
            path = os.path.join(parent, name)
            # No link leads here: only a file that is one itself can lie elsewhere.
            inside = not os.path.islink(path) or os.path.realpath(path).startswith(real_root.rstrip(os.sep) + os.sep)
            if is_hidden(name):
                listing.hidden += 1
            elif not (inside and os.path.isfile(path)):
                listing.left_out.append(LeftOut(path, "not a file of this folder"))
            elif _has_line_break(name):
                listing.left_out.append(LeftOut(path, "a line break in its name"))
            else:
                listing.photos.append(path)
    return listing


def _raise(error: OSError) -> None:
    raise error


def _has_line_break(name: str) -> bool:
    r"""A record of the CSV is a line that ends with \n; \r breaks lines for most programs."""
    return "\n" in name or "\r" in name


def _refuse_inside(out: Path, root: Path) -> None:
    """The next run would take the index itself for a class or a photo."""
    inside = os.path.relpath(os.path.realpath(out), os.path.realpath(root)).split(os.sep)
    if not inside[0].startswith("."):
        raise InputError(f"{out} lies among the class folders of {root}.", "Name a folder outside of it, or leave --out away.")


def _write(path: Path, text: str) -> None:
    """Names that are not UTF-8 keep their bytes."""
    with atomic_file(path, _OUT_HINT) as unfinished:
        unfinished.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")
