from __future__ import annotations

from pathlib import Path

import pytest

from flowers_tfx.curated_schema import curated_schema, default_schema_path, labels_of, schema_text
from flowers_tfx.errors import InputError
from flowers_tfx.features import DIGEST, IMAGE, LABEL, LABEL_INT, PROPERTIES, SPAN, URI


def test_the_shipped_schema_lists_every_feature_of_an_example() -> None:
    text = default_schema_path().read_text()
    for name in (IMAGE, LABEL, LABEL_INT, URI, DIGEST, SPAN, *(p.name for p in PROPERTIES)):
        assert f'name: "{name}"' in text


def test_photos_are_bytes_and_ranges_are_those_of_the_table() -> None:
    features = {feature.name: feature for feature in curated_schema().feature}
    assert features[IMAGE].HasField("image_domain")
    for prop in PROPERTIES:
        feature = features[prop.name]
        assert feature.HasField("presence") is not prop.optional
        if prop.kind == "float":
            assert (feature.float_domain.min, feature.float_domain.max) == pytest.approx((prop.low or 0.0, prop.high or 0.0))
        if prop.kind == "int" and prop.high is not None:
            assert (feature.int_domain.min, feature.int_domain.max) == (prop.low, prop.high)


def test_a_property_that_the_file_does_not_list_comes_from_the_table(tmp_path: Path) -> None:
    short = tmp_path / "s.pbtxt"
    short.write_text('string_domain { name: "label" value: "b" value: "a" } feature { name: "label" type: BYTES domain: "label" }')
    schema = curated_schema(str(short))
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
