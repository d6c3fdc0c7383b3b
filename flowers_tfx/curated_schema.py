"""The curated schema, and the order of the classes that it fixes.

A vocabulary counted from the data would change its order with the class frequencies, and then a candidate and the serving model would
disagree on what class 3 is: the string domain `label` decides instead.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from flowers_tfx.class_names import class_name, class_names
from flowers_tfx.errors import InputError
from flowers_tfx.features import LABEL, PROPERTIES, RETIRED, Property

_KINDS = {"int": schema_pb2.INT, "float": schema_pb2.FLOAT, "string": schema_pb2.BYTES}


def default_schema_path() -> Path:
    """schema/schema.pbtxt of the checkout, or of the installed package."""
    places = (Path(__file__).resolve().parent.parent / "schema", Path(sys.prefix) / "share" / "flowers_tfx" / "schema")
    return next((place / "schema.pbtxt" for place in places if (place / "schema.pbtxt").is_file()), places[0] / "schema.pbtxt")


def curated_schema(path: str = "", labels: Sequence[str] = ()) -> schema_pb2.Schema:
    """The schema at `path` ("": the one that comes with the program), its classes replaced by `labels` unless empty, completed
    with the image properties of `features.PROPERTIES`. A property that the file lists without a type extends the row of the table (drift
    levels, a narrower domain); one with a type replaces it. Raises InputError when it cannot be read or has no classes."""
    place = Path(path) if path else default_schema_path()
    schema = schema_pb2.Schema()
    try:
        text_format.Parse(place.read_text(encoding="utf-8"), schema)
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        raise InputError(f"The schema {place} cannot be read: {error}.", "Name a schema in protobuf text format with `schema`.") from None
    if labels:
        _replace_labels(schema, labels)
    _spell_labels(schema, "The configuration key `labels`" if labels else f"The schema {place}")
    if len(labels_of(schema)) < 2:
        raise InputError(f"The schema {place} names fewer than two classes.", "List them in its string domain `label`, or set `labels`.")
    _complete(schema)
    return schema


def schema_text(schema: schema_pb2.Schema) -> str:
    return str(text_format.MessageToString(schema))


def labels_of(schema: schema_pb2.Schema) -> tuple[str, ...]:
    """Class names in the order of the model's outputs; empty when the schema has no string domain for `label`."""
    domain = _label_domain(schema)
    return class_names(domain.value) if domain is not None else ()


def drift_levels(schema: schema_pb2.Schema) -> dict[str, tuple[float, float]]:
    """Effects, in points, that warn and that stop, of the features that have annotations: `tag: "drift-warn: 10"` and
    `tag: "drift-error: 25"`, both or neither. Raises InputError if one is missing or is not a number."""
    by_feature = {}
    for feature in schema.feature:
        tags = [tag.partition(":") for tag in feature.annotation.tag if tag.startswith("drift-")]
        if not tags:
            continue
        try:
            levels = {name.strip(): float(value) for name, _, value in tags}
            warn, error = levels.pop("drift-warn"), levels.pop("drift-error")
            if levels or not 0 <= warn <= error:
                raise ValueError(levels)
            by_feature[feature.name] = warn, error
        except (KeyError, ValueError):
            raise InputError(
                f"The drift levels of {feature.name} in the schema cannot be read: {', '.join(feature.annotation.tag)}.",
                'Give both as points, ascending: tag: "drift-warn: 10" tag: "drift-error: 25".',
            ) from None
    return by_feature


def _label_domain(schema: schema_pb2.Schema) -> schema_pb2.StringDomain | None:
    feature = next((f for f in schema.feature if f.name == LABEL), None)
    if feature is None:
        return None
    if feature.HasField("string_domain"):
        return feature.string_domain
    return next((d for d in schema.string_domain if d.name == feature.domain), None)


def _spell_labels(schema: schema_pb2.Schema, source: str) -> None:
    """Raises InputError for blank and repeated names."""
    domain = _label_domain(schema)
    if domain is None:
        return
    names: list[str] = []
    for name in map(class_name, domain.value):
        if not name:
            raise InputError(f"{source} has a class without a name.", "Name each class once.")
        if name in names:
            raise InputError(f'{source} names the class "{name}" twice.', "Name each class once.")
        names.append(name)
    del domain.value[:]
    domain.value.extend(names)


def _replace_labels(schema: schema_pb2.Schema, labels: Sequence[str]) -> None:
    feature = next((f for f in schema.feature if f.name == LABEL), None) or schema.feature.add(name=LABEL, type=schema_pb2.BYTES)
    other_domains = [domain for domain in schema.string_domain if domain.name != LABEL]
    del schema.string_domain[:]
    schema.string_domain.extend(other_domains)
    schema.string_domain.add(name=LABEL, value=list(labels))
    feature.domain = LABEL


def _complete(schema: schema_pb2.Schema) -> None:
    """Other features stay as they are and go first, properties follow in the order of the table: equal tables give equal texts. Retired
    features are left out, since nothing writes them any more."""
    listed = {feature.name: feature for feature in schema.feature}
    names = {prop.name for prop in PROPERTIES}
    complete = [feature for feature in schema.feature if feature.name not in names and feature.name not in RETIRED]
    complete += [_merged(_feature(prop), listed.get(prop.name)) for prop in PROPERTIES]
    schema_of_features = schema_pb2.Schema(feature=complete)
    del schema.feature[:]
    schema.feature.extend(schema_of_features.feature)


def _merged(row: schema_pb2.Feature, listed: schema_pb2.Feature | None) -> schema_pb2.Feature:
    """The table's feature, overridden by the schema file's."""
    if listed is None:
        return row
    if listed.HasField("type"):
        return listed
    for field, _ in listed.ListFields():
        # A feature has one domain, shape and presence: merging would join the old with the new.
        alternatives = field.containing_oneof.fields if field.containing_oneof else [field]
        for alternative in alternatives:
            row.ClearField(alternative.name)
    row.MergeFrom(listed)
    return row


def _feature(prop: Property) -> schema_pb2.Feature:
    feature = schema_pb2.Feature(name=prop.name, type=_KINDS[prop.kind])
    if prop.kind == "string" and prop.values:
        feature.string_domain.value.extend(prop.values)
        feature.distribution_constraints.min_domain_mass = 1.0
    elif prop.kind == "int":
        _bound(feature.int_domain, prop, int)
    elif prop.kind == "float":
        _bound(feature.float_domain, prop, float)
        feature.float_domain.disallow_nan = feature.float_domain.disallow_inf = True
    # Not required: spans that were written before a property was added lack it (docs/adr/0010). Ingest measures every row of the table,
    # and the data review finds values that are missing in a span that was measured.
    feature.value_count.min, feature.value_count.max = 0, 1
    return feature


def _bound(domain: Any, prop: Property, cast: Callable[[float], float]) -> None:
    if prop.low is not None:
        domain.min = cast(prop.low)
    if prop.high is not None:
        domain.max = cast(prop.high)
