"""Long benchmarks in pieces: rows are appended to a file of JSON lines, and the next call judges what is missing there."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from flowers_tfx.storage import atomic_file

Row = dict[str, Any]


def read_rows(file: Path) -> list[Row]:
    """Those of a call that was killed, too: a line that was begun is left out."""
    if not file.is_file():
        return []
    lines = file.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1]]


def judge_missing(file: Path, jobs: Iterable[tuple[Any, ...]], judge: Callable[..., Row], seconds: float) -> list[Row]:
    """All rows of the file, with those of jobs that it lacked. A row begins with `job`, the arguments of `judge`. Ends after `seconds`."""
    rows, began = read_rows(file), time.monotonic()
    known = {tuple(row["job"]) for row in rows}
    missing = [job for job in jobs if job not in known]
    with atomic_file(file) as whole_lines:
        whole_lines.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with file.open("a", encoding="utf-8") as out:
        for number, job in enumerate(missing, 1):
            if time.monotonic() - began > seconds:
                break
            rows.append({"job": list(job), **judge(*job)})
            out.write(json.dumps(rows[-1]) + "\n")
            out.flush()
            left = (time.monotonic() - began) / number * (len(missing) - number)
            print(f"{number} of {len(missing)} judged, {left:.0f} s left", file=sys.stderr, flush=True)
    return rows
