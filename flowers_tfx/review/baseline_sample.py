"""The sample of photos that a model was trained on: per-photo values, embeddings and thumbnails, as they lie beside a pushed version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flowers_tfx import features, registry
from flowers_tfx.data.spans import Span
from flowers_tfx.data.tables import Table, read_table, write_table
from flowers_tfx.review.embeddings import PhotoEmbedder, embed_side
from flowers_tfx.review.sides import Side, span_rows, spans_side, table_side
from flowers_tfx.review.thumbnails import SMALL, make_thumbnails, write_thumbnails
from flowers_tfx.validation.row_sample import sample_rows

PHOTOS = "photos.parquet"


@dataclass(frozen=True)
class SampleFacts:
    """`photos` of which the sample holds `sampled`; `network` made its embeddings, empty without any."""

    photos: int
    sampled: int
    network: str


def write_baseline_sample(home: Path, spans: Sequence[Span], embedder: PhotoEmbedder | None, most: int) -> SampleFacts:
    """A sample of at most `most` photos of these spans, chosen by a hash of their content."""
    side = spans_side(spans)
    rows = side.rows.iloc[sample_rows(side.rows[features.DIGEST], side.rows[features.URI], most, 0)].reset_index(drop=True)
    sample = embed_side(replace(side, rows=rows), embedder, most)
    home.mkdir(parents=True, exist_ok=True)
    write_table(home / PHOTOS, Table(sample.rows, sample.network, facts={"photos": len(side.rows)}))
    write_thumbnails(home, make_thumbnails([sample], sample.rows[features.DIGEST], size=SMALL))
    return SampleFacts(len(side.rows), len(rows), sample.network)


def baseline_side(name: str, sample: Table, trained_on: Sequence[Span] = ()) -> Side:
    """The side of a published sample. Image properties that were added after it was published come from the spans that the model was
    trained on, where these have been measured since."""
    rows = sample.frame
    missing = [name for name in features.PROPERTY_NAMES if name not in rows]
    if missing and trained_on and features.DIGEST in rows:
        measured = span_rows(trained_on).drop_duplicates(features.DIGEST).set_index(features.DIGEST)
        if rows[features.DIGEST].isin(measured.index).all():
            rows = rows.join(measured[[name for name in missing if name in measured]], on=features.DIGEST)
    unmeasured = {name: "the photos of the serving model" for name in missing if name not in rows}
    return replace(table_side(name, replace(sample, frame=rows)), unmeasured=unmeasured)


def newest_baseline_sample(registry_uri: str) -> Side | None:
    """The sample beside the newest version that has one."""
    for version in reversed(registry.versions(registry_uri)):
        path = registry.version_path(registry_uri, version) / registry.BASELINE_DIR / "sample" / PHOTOS
        if path.is_file():
            return baseline_side(path.name, read_table(path))
    return None
