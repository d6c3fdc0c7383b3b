"""Per-photo tables on disk: parquet with one row per photo, and the metadata that a comparison needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from flowers_tfx import features
from flowers_tfx.class_names import with_class_names
from flowers_tfx.data import spans
from flowers_tfx.data.csv_tables import with_nullable_integers
from flowers_tfx.errors import InputError
from flowers_tfx.storage import StoragePath, local_file, output_file

_META = b"flowers_tfx"


@dataclass(frozen=True)
class Table:
    """`network`: what made the embeddings, empty without any; `rejected`: lines without a usable photo; `base`: where relative URIs
    start."""

    frame: pd.DataFrame
    network: str = ""
    rejected: int = 0
    base: str = ""
    rejects: tuple[Mapping[str, Any], ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def write_table(path: Path, table: Table) -> None:
    """Writes the table whole or not at all. Raises InputError if the folder can't be written to."""
    columns: dict[str, Any] = {}
    for name in table.frame.columns:
        values = table.frame[name]
        columns[name] = pa.array(list(values), pa.list_(pa.float32())) if name == features.EMBEDDING else pa.Array.from_pandas(values)
    facts = {"network": table.network, "rejected": table.rejected, "base": table.base, "rejects": list(table.rejects)[:1000], **table.facts}
    arrow = pa.table(columns).replace_schema_metadata({_META: json.dumps(facts)})
    with output_file(path, "--out") as unfinished, unfinished.open("wb") as file:
        pq.write_table(arrow, file)


def read_table(path: StoragePath) -> Table:
    """Raises InputError for a file that is not parquet, or is not a table of photos."""
    hint = "Name a span folder, or a table that `flowers dataset measure` wrote."
    try:
        # Arrow opens no name that is not UTF-8.
        with local_file(path) as copy, copy.open("rb") as file:
            arrow = pq.read_table(file)
        facts = json.loads((arrow.schema.metadata or {}).get(_META, b"{}"))
        table = Table(
            arrow.to_pandas(integer_object_nulls=True),
            str(facts.pop("network", "")),
            int(facts.pop("rejected", 0)),
            str(facts.pop("base", "")),
            tuple(dict(reject) for reject in facts.pop("rejects", ())),
            facts,
        )
    except FileNotFoundError:
        raise InputError(f"{path} is not there.", hint) from None
    except (OSError, ValueError, TypeError, AttributeError, pa.ArrowException) as error:
        raise InputError(f"{path} is not a table of photos: {' '.join(str(error).split())[:200]}", hint) from None
    if features.LABEL not in table.frame and features.DIGEST not in table.frame:
        raise InputError(f"{path} is not a table of photos: it has neither a column label nor digest.", hint)
    table = replace(table, frame=with_class_names(table.frame))
    # Values of another type stay as they are: the review reports them.
    with suppress(TypeError, ValueError, OverflowError), np.errstate(invalid="ignore"):
        return replace(table, frame=with_nullable_integers(table.frame.copy()))
    return table


def open_span(folder: StoragePath) -> spans.Span | None:
    """The span in this folder; None for a folder that is not a span. InputError when it is damaged."""
    name = folder.name
    if not folder.is_dir() or not name.startswith("span-") or not name[5:].isdecimal():
        return None
    matches = [span for span in spans.list_spans(folder.parent) if span.number == int(name[5:])]
    return matches[0] if matches else None
