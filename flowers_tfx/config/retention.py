"""The section `retention`: what `flowers gc` keeps."""

from __future__ import annotations

from pydantic import Field

from flowers_tfx.config.section import Section


class RetentionConfig(Section):
    runs: int = Field(10, ge=1, description="newest runs of each pipeline whose artifacts are kept; the newest that succeeded is kept, too")
    versions: int = Field(
        5,
        ge=1,
        description="newest versions that are kept; the one that serves, the pinned one, the one before it, the one that candidates are "
        "compared with, `serving.canary.version` and `serving.shadow` are kept, too",
    )
    spans_days: int | None = Field(
        None,
        ge=0,
        description="a span leaves the data root so many days after it left every window (rejected, replaced, or too old for "
        "`span_window`), if no kept version was trained on it; empty: never. Its photos can then be delivered again as new ones",
    )
    reviews_days: int = Field(
        90, ge=0, description="reviews are kept for so many days; longer: the newest of each span, those with decisions, those of kept runs"
    )
    logs_days: int = Field(30, ge=0, description="logs of runs are kept for so many days; those of kept runs longer")
    records_days: int = Field(
        90, ge=0, description="records of answers, and photos kept beside them (`serving.record_dir`), are kept for so many days"
    )
    cache_days: int = Field(90, ge=0, description="converted backbones are kept for so many days after their last use")
