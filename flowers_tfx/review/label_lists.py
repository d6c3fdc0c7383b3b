"""Lists of corrected labels: a CSV with the columns `digest` and `label`, such as a reviewer makes of the suspects of an audit."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from flowers_tfx.class_names import class_name
from flowers_tfx.errors import InputError

MAX_BYTES = 64 << 20
_HINT = "Write a line `digest,label` for each photo; digests are the sha256 of the files."


def read_label_list(path: Path) -> dict[str, str]:
    """Digests to classes. A header may name more columns; without one there are these two. Raises InputError for another file, and for a
    photo that has two labels."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path} has more than {MAX_BYTES >> 20} MB.", _HINT)
        rows = list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig")), strict=True))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", "Name a CSV file with --file.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a CSV file: {error}.", _HINT) from None
    header = [name.strip().lower() for name in rows[0]] if rows else []
    columns = (header.index("digest"), header.index("label")) if {"digest", "label"} <= set(header) else (0, 1)
    pairs = []
    for number, row in enumerate(rows, 1):
        if not row or (number == 1 and "digest" in header):
            continue
        if len(row) <= max(columns) or ("digest" not in header and len(row) > len(columns)):
            raise InputError(f"Line {number} of {path} does not name a digest and a label.", _HINT)
        pairs.append((row[columns[0]], row[columns[1]]))
    if not pairs:
        raise InputError(f"{path} has no lines.", _HINT)
    return corrected_labels(pairs, str(path))


def corrected_labels(pairs: Iterable[tuple[str, str]], source: str) -> dict[str, str]:
    """Digests to classes, both as they are written everywhere. `source`: where the pairs come from, for the error about a photo with two
    labels."""
    labels: dict[str, str] = {}
    for digest, label in ((digest.strip().lower(), class_name(label)) for digest, label in pairs):
        if labels.setdefault(digest, label) != label:
            raise InputError(f"{source} gives the photo {digest[:12]} two labels, {labels[digest]} and {label}.", "Keep one of them.")
    return labels
