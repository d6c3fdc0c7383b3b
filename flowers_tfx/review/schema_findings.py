"""Findings on schemas: what ExampleValidator reports, and how one schema differs from another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from flowers_tfx.artifact_files import SCHEMA_FILE
from flowers_tfx.curated_schema import labels_of
from flowers_tfx.features import LABEL, RETIRED
from flowers_tfx.registry import no_baseline_reason
from flowers_tfx.texts.finding_messages import MESSAGES
from flowers_tfx.validation import Finding
from flowers_tfx.validation.review import Level


def schema_changes(baseline_uri: str, curated_uri: str) -> list[Finding]:
    """Findings on the curated schema against the one that the serving model was trained with; none without a serving model."""
    if no_baseline_reason(baseline_uri) is not None:
        return []
    try:
        old, new = read_schema(baseline_uri), read_schema(curated_uri)
    except (OSError, text_format.ParseError) as error:
        facts = {"text": "model_schema_unreadable", "cause": " ".join(str(error).split())[:200]}
        return [_finding("baseline-schema", "schema", facts)]
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
    return [_finding("comparators", "schema", {"text": "comparators", "names": names})]


def read_schema(uri: str) -> schema_pb2.Schema:
    schema: schema_pb2.Schema = text_format.Parse((Path(uri) / SCHEMA_FILE).read_text(encoding="utf-8"), schema_pb2.Schema())
    return schema


def _changes(old: schema_pb2.Schema, new: schema_pb2.Schema) -> Iterator[Finding]:
    before, after = ({feature.name: feature for feature in schema.feature if feature.name not in RETIRED} for schema in (old, new))
    for name in sorted(before.keys() ^ after.keys()):
        yield _finding(f"changed:{name}", name, {"text": "feature_gone" if name in before else "feature_new", "name": name})
    for name in sorted(before.keys() & after.keys()):
        if before[name].type != after[name].type:
            kinds = [schema_pb2.FeatureType.Name(feature.type) for feature in (before[name], after[name])]
            yield _finding(f"changed:{name}", name, {"text": "type_changed", "name": name, "old": kinds[0], "new": kinds[1]})
    if labels_of(old) != labels_of(new):
        yield _finding("changed:classes", LABEL, {"text": "classes_changed", "old": list(labels_of(old)), "new": list(labels_of(new))})


def _finding(name: str, feature: str, facts: Mapping[str, Any], level: Level = "warn") -> Finding:
    return Finding(f"schema:{name}", level, "schema", feature, MESSAGES.message(facts), facts=facts)


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
            description = f"{info.short_description or 'anomaly'}. {info.description}".strip()
            facts = {"text": "anomaly", "split": split, "name": feature, "description": description}
            name = f"schema:anomaly:{feature}"
            if name not in findings or (level == "error" and findings[name].level != "error"):
                findings[name] = _finding(f"anomaly:{feature}", feature, facts, level)
    return list(findings.values())
