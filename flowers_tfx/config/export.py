"""The section `export`: which forms of the model are written beside the SavedModel. The Trainer reads it."""

from __future__ import annotations

from pydantic import Field

from flowers_tfx.config.section import Section


class ExportConfig(Section):
    int8: bool = Field(
        False, description="also write the model quantised to int8, for phones and small boards: smaller and faster, a little less exact"
    )
