from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from flowers_tfx.curated_schema import curated_schema, default_schema_path, drift_levels, labels_of, schema_text
from flowers_tfx.errors import InputError
from flowers_tfx.features import DIGEST, IMAGE, LABEL, PROPERTIES, PROPERTY_NAMES, SPAN, URI
from flowers_tfx.review.schema_findings import comparator_findings

GOLDEN = Path(__file__).parent / "golden" / "schema.pbtxt"


def short_schema(tmp_path: Path, more: str = "") -> str:
    path = tmp_path / "s.pbtxt"
    path.write_text(
        f'string_domain {{ name: "label" value: "b" value: "a" }} feature {{ name: "label" type: BYTES domain: "label" }} {more}'
    )
    return str(path)


def features_of(schema: schema_pb2.Schema) -> dict[str, schema_pb2.Feature]:
    return {feature.name: feature for feature in schema.feature}


def test_the_schema_is_that_of_the_first_release_but_demands_no_property() -> None:
    """Spans that were written before a property was added lack it: docs/adr/0010."""
    golden = text_format.Parse(GOLDEN.read_text(encoding="utf-8"), schema_pb2.Schema())
    for feature in golden.feature:
        if feature.name in PROPERTY_NAMES:
            feature.ClearField("presence")
            feature.ClearField("shape")
            feature.value_count.min, feature.value_count.max = 0, 1
    schema = curated_schema()
    # A property that was added later is not part of the first release.
    assert {name: feature for name, feature in features_of(schema).items() if name in features_of(golden)} == features_of(golden)
    assert list(schema.string_domain) == list(golden.string_domain)
    names = [feature.name for feature in schema.feature]
    assert len(names) == len(set(names))
    assert {IMAGE, LABEL, URI, DIGEST, SPAN} < set(names)


def test_the_schema_file_holds_decisions_and_no_copies_of_the_table() -> None:
    listed = text_format.Parse(default_schema_path().read_text(encoding="utf-8"), schema_pb2.Schema())
    of_properties = [feature for feature in listed.feature if feature.name in PROPERTY_NAMES]
    assert [feature.name for feature in of_properties] == ["file_bytes", "capture_month"]
    assert all({field.name for field, _ in feature.ListFields()} == {"name", "annotation"} for feature in of_properties)


def test_a_property_without_a_type_adds_to_its_row(tmp_path: Path) -> None:
    more = """feature { name: "mean_luma" float_domain { min: 20 max: 240 } }
    feature { name: "format" string_domain { value: "JPEG" } annotation { tag: "drift-warn: 1" tag: "drift-error: 2" } }"""
    schema = curated_schema(short_schema(tmp_path, more))
    mean_luma, format_ = (features_of(schema)[name] for name in ("mean_luma", "format"))
    assert (mean_luma.float_domain.min, mean_luma.float_domain.max, mean_luma.type) == (20, 240, schema_pb2.FLOAT)
    assert mean_luma.value_count.max == 1
    assert list(format_.string_domain.value) == ["JPEG"]
    assert drift_levels(schema) == {"format": (1.0, 2.0)}


def test_a_property_with_a_type_replaces_its_row(tmp_path: Path) -> None:
    schema = curated_schema(short_schema(tmp_path, 'feature { name: "mean_luma" type: FLOAT }'))
    assert features_of(schema)["mean_luma"] == schema_pb2.Feature(name="mean_luma", type=schema_pb2.FLOAT)


def test_photos_are_bytes_and_ranges_are_those_of_the_table() -> None:
    features = {feature.name: feature for feature in curated_schema().feature}
    assert features[IMAGE].HasField("image_domain")
    for prop in PROPERTIES:
        feature = features[prop.name]
        assert (feature.HasField("presence"), feature.value_count.max) == (False, 1)
        if prop.kind == "float":
            assert (feature.float_domain.min, feature.float_domain.max) == pytest.approx((prop.low or 0.0, prop.high or 0.0))
        if prop.kind == "int" and prop.high is not None:
            assert (feature.int_domain.min, feature.int_domain.max) == (prop.low, prop.high)


def test_a_property_that_the_file_does_not_list_comes_from_the_table(tmp_path: Path) -> None:
    schema = curated_schema(short_schema(tmp_path))
    assert labels_of(schema) == ("b", "a")
    assert {p.name for p in PROPERTIES} <= {feature.name for feature in schema.feature}


def test_labels_replace_the_classes_and_keep_their_order() -> None:
    schema = curated_schema("", ("z", "a", "m"))
    assert labels_of(schema) == ("z", "a", "m")
    assert "dandelion" not in schema_text(schema)


@pytest.mark.parametrize(
    "text", ["feature {", "", 'string_domain { name: "label" value: "only" } feature { name: "label" domain: "label" }']
)
def test_schemas_that_cannot_work_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.pbtxt"
    path.write_text(text)
    with pytest.raises(InputError, match=r"s\.pbtxt"):
        curated_schema(str(path))
    with pytest.raises(InputError, match="cannot be read"):
        curated_schema(str(tmp_path / "absent"))


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ('feature { name: "mean_luma" drift_comparator { jensen_shannon_divergence { threshold: 0.1 } } }', "(mean_luma)"),
        ('feature { name: "format" skew_comparator { infinity_norm { threshold: 0.1 } } }', "(format)"),
        ("dataset_constraints { num_examples_drift_comparator { max_fraction_threshold: 2 } }", "(dataset_constraints)"),
    ],
)
def test_comparators_of_tfdv_are_a_finding_since_nothing_reads_them(tmp_path: Path, more: str, names: str) -> None:
    schema = curated_schema(short_schema(tmp_path, more))
    (tmp_path / "schema.pbtxt").write_text(schema_text(schema))
    [finding] = comparator_findings(str(tmp_path))
    assert (finding.id, finding.level) == ("schema:comparators", "warn")
    assert names in finding.message
    assert "drift-warn" in finding.message
    assert drift_levels(schema) == {}


def test_the_shipped_schema_has_no_comparators_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "schema.pbtxt").write_text(schema_text(curated_schema()))
    assert comparator_findings(str(tmp_path)) == []
    comment = [line for line in default_schema_path().read_text().splitlines() if line.startswith("#")]
    assert any("drift_comparator" in line for line in comment)


def test_a_feature_that_nothing_writes_any_more_is_not_demanded(tmp_path: Path) -> None:
    """Schemas that people copied from an older version list it."""
    listed = 'feature { name: "label_int" type: INT presence { min_fraction: 1.0 } }'
    assert "label_int" not in features_of(curated_schema(short_schema(tmp_path, listed)))
    assert "label_int" not in features_of(curated_schema())
