"""How one schema differs from another, in sentences and as findings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from flowers_tfx.curated_schema import labels_of
from flowers_tfx.features import LABEL
from flowers_tfx.registry import no_baseline_reason
from flowers_tfx.validation import Finding

SCHEMA_FILE = "schema.pbtxt"


def schema_changes(baseline_uri: str, curated_uri: str) -> list[Finding]:
    """Findings on the curated schema against the one that the serving model was trained with; none where there is no such."""
    if no_baseline_reason(baseline_uri) is not None:
        return []
    try:
        old, new = read_schema(baseline_uri), read_schema(curated_uri)
    except (OSError, text_format.ParseError) as error:
        text = f"The schema of the serving model cannot be read: {' '.join(str(error).split())[:200]}."
        return [Finding("schema:baseline-schema", "warn", "schema", "schema", text)]
    return list(_changes(old, new))


def read_schema(uri: str) -> schema_pb2.Schema:
    schema: schema_pb2.Schema = text_format.Parse((Path(uri) / SCHEMA_FILE).read_text(encoding="utf-8"), schema_pb2.Schema())
    return schema


def _changes(old: schema_pb2.Schema, new: schema_pb2.Schema) -> Iterator[Finding]:
    before, after = ({feature.name: feature for feature in schema.feature} for schema in (old, new))
    for name in sorted(before.keys() ^ after.keys()):
        text = f"The feature {name} is {'gone from' if name in before else 'new in'} the schema since the serving model was trained."
        yield Finding(f"schema:changed:{name}", "warn", "schema", name, text)
    for name in sorted(before.keys() & after.keys()):
        if before[name].type != after[name].type:
            kinds = [schema_pb2.FeatureType.Name(feature.type) for feature in (before[name], after[name])]
            yield Finding(f"schema:changed:{name}", "warn", "schema", name, f"The type of {name} went from {kinds[0]} to {kinds[1]}.")
    if labels_of(old) != labels_of(new):
        text = f"The classes went from {', '.join(labels_of(old))} to {', '.join(labels_of(new))} since the serving model was trained."
        yield Finding("schema:changed:classes", "warn", "schema", LABEL, text)


def differences(inferred: schema_pb2.Schema, curated: schema_pb2.Schema) -> Iterator[str]:
    """Sentences: what SchemaGen found in the data and the curated schema does not say, or the other way round."""
    found, wanted = ({feature.name: feature for feature in schema.feature} for schema in (inferred, curated))
    for name in sorted(found.keys() - wanted.keys()):
        yield f"The data have a feature {name}, which the curated schema does not know."
    for name in sorted(wanted.keys() - found.keys()):
        yield f"The curated schema has a feature {name}, which no photo has."
    for name in sorted(found.keys() & wanted.keys()):
        kinds = [schema_pb2.FeatureType.Name(feature.type) for feature in (found[name], wanted[name])]
        if kinds[0] != kinds[1]:
            yield f"{name} is {kinds[0]} in the data and {kinds[1]} in the curated schema."
