"""The files that DriftValidator hands to DataReview: the reviews, the rows of both sides, and the thumbnails for the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from flowers_tfx.data.tables import Table, read_table, write_table
from flowers_tfx.review.comparison import Comparison
from flowers_tfx.review.thumbnails import read_thumbnails, write_thumbnails
from flowers_tfx.validation import Review

REVIEWS, NEW, BASELINE = "reviews.json", "new.parquet", "baseline.parquet"
PREVIOUS_SPAN = "the span before it"


@dataclass(frozen=True)
class StoredComparison:
    """`review`: the one that decides; `further`: others, each with the name of what was compared with. `new_spans`: {span, digest}."""

    review: Review
    further: tuple[tuple[str, Review], ...]
    new_spans: tuple[Mapping[str, Any], ...]
    baseline: pd.DataFrame
    new: pd.DataFrame
    thumbnails: Mapping[str, bytes]


def write_comparison(
    home: Path,
    main: Comparison,
    further: Comparison | None,
    new_spans: Sequence[Mapping[str, Any]],
    network: str,
    thumbnails: Mapping[str, bytes],
) -> None:
    reviews = [{"name": "", "review": main.review.as_json()}]
    reviews += [{"name": PREVIOUS_SPAN, "review": further.review.as_json()}] if further else []
    home.mkdir(parents=True, exist_ok=True)
    write_table(home / NEW, Table(main.new.rows, network))
    write_table(home / BASELINE, Table(main.baseline.rows, network))
    write_thumbnails(home, thumbnails)
    text = json.dumps({"reviews": reviews, "new_spans": list(new_spans)}, ensure_ascii=False)
    (home / REVIEWS).write_text(text, encoding="utf-8")


def read_comparison(home: Path) -> StoredComparison:
    value = json.loads((home / REVIEWS).read_text(encoding="utf-8"))
    main, *further = [(part["name"], Review.from_json(part["review"])) for part in value["reviews"]]
    baseline, new = (read_table(home / name).frame for name in (BASELINE, NEW))
    return StoredComparison(main[1], tuple(further), tuple(value["new_spans"]), baseline, new, read_thumbnails(home))
