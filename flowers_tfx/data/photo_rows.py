"""The rows of photos on their way from the workers to photos.parquet: Arrow streams, each in the order of digests, and their merge."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc

from flowers_tfx import features
from flowers_tfx.data import spans

CANONICAL = "canonical"  # the row as it enters the span's digest
ROWS_PER_BATCH = 1024
MAX_OPEN_FILES = 128  # files at a time


def rows_schema() -> pa.Schema:
    """The columns of photos.parquet, and `CANONICAL`."""
    return spans.photos_schema().append(pa.field(CANONICAL, pa.string(), False))


class RowsWriter:
    """Writes rows, which come in the order of digests, to an open file; closing the file is the caller's."""

    def __init__(self, out: IO[bytes]) -> None:
        self._schema = rows_schema()
        self._stream = pa.ipc.new_stream(out, self._schema)
        self._pending: list[dict[str, Any]] = []

    def write(self, row: Mapping[str, Any]) -> None:
        """`row`: the values of photos.parquet."""
        self._pending.append({**row, CANONICAL: spans.canonical(row)})
        if len(self._pending) == ROWS_PER_BATCH:
            self._write_pending()

    def close(self) -> None:
        if self._pending:
            self._write_pending()
        self._stream.close()

    def _write_pending(self) -> None:
        self._stream.write_batch(pa.RecordBatch.from_pylist(self._pending, self._schema))
        self._pending = []


@contextmanager
def open_rows(paths: Sequence[Path], scratch: Path) -> Iterator[Iterator[pa.Table]]:
    """The rows of all files in the order of digests, a table after the other, with memory for a batch of each of MAX_OPEN_FILES files."""
    with _open_merged(_merge_groups(paths, scratch)) as tables:
        yield tables


@contextmanager
def _open_merged(paths: Sequence[Path]) -> Iterator[Iterator[pa.Table]]:
    with ExitStack() as stack:
        files = [stack.enter_context(path.open("rb")) for path in paths]
        yield _merge([iter(stack.enter_context(pa.ipc.open_stream(file))) for file in files])


def _merge_groups(paths: Sequence[Path], scratch: Path) -> list[Path]:
    """At most MAX_OPEN_FILES files with the rows of all `paths`: a process can often open only 1,024 files, and a span has three per
    shard."""
    queue = deque(paths)
    while len(queue) > MAX_OPEN_FILES:
        merged = scratch / str(len(queue))
        group = [queue.popleft() for _ in range(MAX_OPEN_FILES)]
        with _open_merged(group) as tables, merged.open("wb") as out, pa.ipc.new_stream(out, rows_schema()) as stream:
            for table in tables:
                stream.write_table(table.combine_chunks())
        queue.append(merged)
    return list(queue)


def _merge(streams: Sequence[Iterator[pa.RecordBatch]]) -> Iterator[pa.Table]:
    """Each table holds the rows up to the lowest digest that ends a batch which is not the last of its stream: what follows is higher."""
    heads = {number: batch for number, stream in enumerate(streams) if (batch := next(stream, None)) is not None}
    following = {number: next(streams[number], None) for number in heads}
    while heads:
        digests = {number: batch.column(batch.schema.get_field_index(features.DIGEST)) for number, batch in heads.items()}
        last = min((column[-1].as_py() for number, column in digests.items() if following[number] is not None), default=None)
        ready: list[pa.RecordBatch] = []
        for number, column in digests.items():
            rows = len(column) if last is None else pc.sum(pc.less_equal(column, last)).as_py()
            ready.append(heads[number].slice(0, rows))
            rest = heads[number].slice(rows) if rows < len(column) else following[number]
            if rows == len(column) and rest is not None:
                following[number] = next(streams[number], None)
            if rest is None:
                del heads[number]
            else:
                heads[number] = rest
        yield pa.Table.from_batches(ready).sort_by(features.DIGEST)
