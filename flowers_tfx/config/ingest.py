"""The section `ingest`: the delivery and how it is read."""

from __future__ import annotations

from pydantic import Field

from flowers_tfx.config.section import Section


class IngestConfig(Section):
    csv: str = Field("", description="CSV of `uri,label` lines to take in at the start of each run; empty: no IngestImages node")
    labels: str = Field("", description="labels file of the delivery, one class per line; empty: the pipeline's own `labels`")
    split_salt: str = Field("", description="changes which photos fall into train, eval and test")
    shards: int = Field(1, ge=1, le=10_000, description="TFRecord files per split of a span")
    max_pixels: int = Field(50_000_000, ge=1_000_000, description="larger photos are set aside, px")
