"""ImportSchemaGen: TFX's own imports a file and is cached by its path; this one imports the text, so a changed schema is a cache miss."""

from __future__ import annotations

from dataclasses import dataclass

from tfx.types import standard_artifacts

from flowers_tfx.artifact_files import SCHEMA_FILE
from flowers_tfx.components.executor import OwnExecutor
from flowers_tfx.components.own_component import OwnComponent


@dataclass(frozen=True)
class ImportSchemaGenParameters:
    schema_text: str


class ImportSchemaGenExecutor(OwnExecutor[ImportSchemaGenParameters]):
    def work(self) -> None:
        (self.output_folder("schema") / SCHEMA_FILE).write_text(self.parameters.schema_text, encoding="utf-8")


class ImportSchemaGen(OwnComponent):
    OUTPUTS = {"schema": standard_artifacts.Schema}
    EXECUTOR = ImportSchemaGenExecutor
