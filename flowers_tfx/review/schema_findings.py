"""Findings on schemas: what ExampleValidator reports, and how one schema differs from another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from flowers_tfx.artifact_files import SCHEMA_FILE
from flowers_tfx.curated_schema import labels_of
from flowers_tfx.features import LABEL, RETIRED
from flowers_tfx.registry import no_baseline_reason
from flowers_tfx.validation import Finding
from flowers_tfx.validation.review import Level


def schema_changes(baseline_uri: str, curated_uri: str) -> list[Finding]:
    """Findings on the curated schema against the one that the serving model was trained with; none without a serving model."""
    if no_baseline_reason(baseline_uri) is not None:
        return []
    try:
        old, new = read_schema(baseline_uri), read_schema(curated_uri)
    except (OSError, text_format.ParseError) as error:
        text = f"The schema of the serving model cannot be read: {' '.join(str(error).split())[:200]}."
        return [Finding("schema:baseline-schema", "warn", "schema", "schema", text)]
    return list(_changes(old, new))


def comparator_findings(curated_uri: str) -> list[Finding]:
    """A note if the curated schema has TFDV's comparators: their thresholds do not stop a run."""
    schema = read_schema(curated_uri)
    names = [feature.name for feature in schema.feature if feature.HasField("drift_comparator") or feature.HasField("skew_comparator")]
    constraints = schema.dataset_constraints
    if constraints.HasField("num_examples_drift_comparator") or constraints.HasField("num_examples_version_comparator"):
        names.append("dataset_constraints")
    if not names:
        return []
    text = (
        f"The curated schema sets comparators of TFDV ({', '.join(names)}), which the data review does not read: "
        'levels of drift are points in tags, annotation { tag: "drift-warn: 10" tag: "drift-error: 25" }.'
    )
    return [Finding("schema:comparators", "warn", "schema", "schema", text)]


def read_schema(uri: str) -> schema_pb2.Schema:
    schema: schema_pb2.Schema = text_format.Parse((Path(uri) / SCHEMA_FILE).read_text(encoding="utf-8"), schema_pb2.Schema())
    return schema


def _changes(old: schema_pb2.Schema, new: schema_pb2.Schema) -> Iterator[Finding]:
    before, after = ({feature.name: feature for feature in schema.feature if feature.name not in RETIRED} for schema in (old, new))
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


def schema_differences(inferred_uri: str, curated_uri: str) -> list[str]:
    """Sentences: how the schema that SchemaGen inferred from the data differs from the curated one."""
    return list(_differences(read_schema(inferred_uri), read_schema(curated_uri)))


def _differences(inferred: schema_pb2.Schema, curated: schema_pb2.Schema) -> Iterator[str]:
    in_data, in_curated = ({feature.name: feature for feature in schema.feature} for schema in (inferred, curated))
    for name in sorted(in_data.keys() - in_curated.keys()):
        yield f"The data have a feature {name}, which is not in the curated schema."
    for name in sorted(in_curated.keys() - in_data.keys()):
        yield f"The curated schema has a feature {name}, which no photo has."
    for name in sorted(in_data.keys() & in_curated.keys()):
        kinds = [schema_pb2.FeatureType.Name(feature.type) for feature in (in_data[name], in_curated[name])]
        if kinds[0] != kinds[1]:
            yield f"{name} is {kinds[0]} in the data and {kinds[1]} in the curated schema."


def anomaly_findings(uri: str) -> list[Finding]:
    """The anomalies that ExampleValidator wrote: a finding for each feature, at the highest level of all splits."""
    findings: dict[str, Finding] = {}
    for path in sorted(Path(uri).glob("Split-*/SchemaDiff.pb")):
        anomalies = anomalies_pb2.Anomalies()
        anomalies.ParseFromString(path.read_bytes())
        split = path.parent.name.removeprefix("Split-")
        for feature, info in sorted(anomalies.anomaly_info.items()):
            level: Level = "error" if info.severity == anomalies_pb2.AnomalyInfo.ERROR else "warn"
            text = f"ExampleValidator, split {split}: {feature}: {info.short_description or 'anomaly'}. {info.description}".strip()
            name = f"schema:anomaly:{feature}"
            if name not in findings or (level == "error" and findings[name].level != "error"):
                findings[name] = Finding(name, level, "schema", feature, text)
    return list(findings.values())
