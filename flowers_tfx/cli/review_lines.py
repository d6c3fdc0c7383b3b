"""Reviews and spans as lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flowers_tfx.reports.words import clean

_VERDICTS = {"pass": "PASS", "warn": "WARN", "blocked": "BLOCKED"}


def review_lines(review: Mapping[str, Any]) -> list[str]:
    """The verdict, then a line a finding."""
    with_, new = review["compared_with"], review["new"]
    what = {"serving": f"the data of the serving model, version {with_.get('version')}", "span": with_.get("name") or "the span before"}
    against = f"against {with_['photos']} of {what[with_['kind']]}" if with_["kind"] in what else "with nothing to compare with"
    lines = [f"{_VERDICTS[review['verdict']]}: {new['photos']} photos {against}"]
    for finding in review["findings"]:
        accepted = " (accepted)" if finding.get("accepted") else ""
        lines.append(f"  {finding['level']:5} {clean(finding['id'])}{accepted}: {clean(finding['message'], 1000)}")
    return lines


def spans_table(rows: Sequence[Mapping[str, Any]]) -> None:
    table = Table(title=f"{len(rows)} spans", title_justify="left")
    for heading in ("Span", "Taken in", "Photos", "train/eval/test", "Rejected", "Verdict", "Decisions"):
        table.add_column(heading, no_wrap=heading in ("Span", "Taken in"))
    for row in rows:
        splits = "/".join(str(row["splits"][name]) for name in ("train", "eval", "test"))
        said = "; ".join(f"{d['action']} by {d['by']}: {d['reason']}" for d in row["decisions"])
        verdict = "rejected" if row["rejected_by_reviewer"] else row["verdict"] or "-"
        table.add_row(
            str(row["span"]), row["created"], str(row["examples"]), splits, str(row["rejected"]), verdict, escape(clean(said, 1000)) or "-"
        )
    Console().print(table)
