"""Which objects a request names, in every shape in which stores and brokers tell it; and what such an object is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowers_tfx.config import TriggerConfig
from flowers_tfx.deliveries.cloud_events import MAX_RECORDS, StoredObject, read_request
from flowers_tfx.deliveries.cloud_sources import Role, Source, delivery_root, label_of
from flowers_tfx.errors import InputError
from tests.unit.cloud_events import cloud_storage, encode, eventbridge, s3, s3_record

ODD = "in/roses/größe 1+1=2 %41.jpg"
GS, S3 = StoredObject("gs", "bucket", ODD, "17"), StoredObject("s3", "bucket", ODD, "abc")
ATTRIBUTES = {"type": "com.amazonaws.s3.ObjectCreated:Put", "source": "aws:s3.eu.bucket"}


def read(request: tuple[dict[str, str], bytes]) -> list[StoredObject]:
    headers, body = request
    return read_request({name.lower(): value for name, value in headers.items()}, body)


@pytest.mark.parametrize("structured", [False, True], ids=["binary", "structured"])
def test_cloud_storage_as_a_cloud_event(structured: bool) -> None:
    assert read(cloud_storage(ODD, 17, structured=structured)) == [GS]


@pytest.mark.parametrize(
    "request_",
    [
        s3(s3_record(ODD, "abc")),
        s3(s3_record(ODD, "abc", event="s3:ObjectCreated:CompleteMultipartUpload")),
        ({}, json.dumps(s3_record(ODD, "abc")).encode()),
        ({}, json.dumps(eventbridge(ODD, "abc")).encode()),
        encode(ATTRIBUTES, s3_record(ODD, "abc")),
        encode(ATTRIBUTES, {"Records": [s3_record(ODD, "abc")]}, structured=True),
        encode(ATTRIBUTES, eventbridge(ODD, "abc"), structured=True),
    ],
)
def test_s3_in_every_envelope(request_: Any) -> None:
    assert read(request_) == [S3]


def test_a_batch_of_cloud_events() -> None:
    events = [json.loads(cloud_storage(ODD, 17, structured=True)[1]), json.loads(encode(ATTRIBUTES, s3_record(ODD, "abc"), True)[1])]
    assert read(({"Content-Type": "application/cloudevents-batch+json"}, json.dumps(events).encode())) == [GS, S3]


@pytest.mark.parametrize(
    "request_",
    [
        cloud_storage(ODD, 17, kind="google.cloud.storage.object.v1.deleted"),
        cloud_storage(ODD, 17, kind="google.cloud.storage.object.v1.metadataUpdated", structured=True),
        encode({"type": "dev.knative.sources.ping", "source": "x"}, {"anything": 1}),
        encode({"type": "dev.knative.sources.ping", "source": "x"}, None),
        s3(s3_record(ODD, "abc", event="ObjectRemoved:Delete")),
        s3(),
        ({}, b'{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "bucket"}'),
        ({}, json.dumps(eventbridge(ODD, "abc", kind="Object Deleted")).encode()),
    ],
)
def test_other_events_name_nothing(request_: Any) -> None:
    assert read(request_) == []


@pytest.mark.parametrize(
    "request_",
    [
        ({}, b""),
        ({}, b"\xff"),
        ({}, b"[" * 100_000),
        ({}, b"[]"),
        ({}, b'{"hello": "world"}'),
        ({}, b'{"Records": {"a": 1}}'),
        ({}, b'{"Records": [1]}'),
        s3(*[s3_record("a", "b")] * (MAX_RECORDS + 1)),
        s3(s3_record("", "abc")),
        s3(s3_record("x" * 1025, "abc")),
        ({}, json.dumps(eventbridge("in/\ud800.jpg", "abc")).encode()),
        ({}, json.dumps(eventbridge("in/1.jpg", "\ud800")).encode()),
        s3({**s3_record("a", "b"), "s3": {"bucket": "b", "object": []}}),
        s3({**s3_record("a", "b"), "s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}),
        ({}, json.dumps({**eventbridge("a", "b"), "detail": {"bucket": {}, "object": {"key": 3}}}).encode()),
        ({"content-type": "application/cloudevents+json"}, b"[]"),
        ({"content-type": "application/cloudevents+json"}, b'{"specversion": "1.0", "id": "1", "source": "s"}'),
        (
            {"content-type": "application/cloudevents+json"},
            b'{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data_base64": "%"}',
        ),
        ({"content-type": "application/cloudevents-batch+json"}, b"{}"),
        ({"ce-type": "t", "ce-id": "1"}, b"{}"),
        encode({"type": "google.cloud.storage.object.v1.finalized", "source": "s"}, {"bucket": "b", "name": "n"}),
        encode({"type": "google.cloud.storage.object.v1.finalized", "source": "s"}, [1]),
    ],
)
def test_what_is_no_event_is_refused_in_one_sentence(request_: Any) -> None:
    with pytest.raises(InputError, match=r"^The request is not an event: [^.]+\.$"):
        read(request_)


def test_another_version_is_another_object() -> None:
    ids = {
        StoredObject(*fields).id for fields in (("s3", "a", "b", "1"), ("gs", "a", "b", "1"), ("s3", "a", "b", "2"), ("s3", "ab", "", "1"))
    }
    assert len(ids) == 4


def source(uri: str = "s3://bucket/in", start: str = "marker", **settings: Any) -> Source:
    return Source.from_config(TriggerConfig.model_validate({"source": uri, "start": start, **settings}))


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("in/day/roses/1.jpg", Role.PHOTO),
        ("in/roses/1.jpg", Role.PHOTO),
        ("in/day/_READY", Role.MARKER),
        ("in/_SUCCESS", Role.MARKER),
        ("in/day/all.csv", Role.CSV),
        ("in/1.jpg", Role.OTHER),  # in no folder
        ("in/roses/.1.jpg", Role.OTHER),
        ("in/__MACOSX/1.jpg", Role.OTHER),
        ("in/ roses/1.jpg", Role.OTHER),
        ("other/roses/1.jpg", Role.OUTSIDE),
        ("inside/_READY", Role.OUTSIDE),
        ("in/../_READY", Role.OUTSIDE),
        ("in/day/../../data/_READY", Role.OUTSIDE),
        ("in/./_READY", Role.OUTSIDE),
        ("in//_READY", Role.OUTSIDE),
        ("in/day/", Role.OUTSIDE),
        ("in/a\\..\\b/_READY", Role.OUTSIDE),
        ("in/roses/a\nb.jpg", Role.OUTSIDE),
        ("in/roses/a\x00b.jpg", Role.OUTSIDE),
        ("in/roses/a\u2028b.jpg", Role.OUTSIDE),
        ("in/roses/\ud800.jpg", Role.OUTSIDE),
        ("in/roses/Bildschirmfoto\u202f1 \U0001f469\u200d\U0001f33e.jpg", Role.PHOTO),
    ],
)
def test_the_role_of_a_name(name: str, role: Role) -> None:
    assert source().role(StoredObject("s3", "bucket", name, "1")) is role


def test_another_bucket_and_another_store_are_outside() -> None:
    for scheme, bucket in (("gs", "bucket"), ("s3", "bucket2")):
        assert source().role(StoredObject(scheme, bucket, "in/_READY", "1")) is Role.OUTSIDE
    assert source("s3://bucket").role(StoredObject("s3", "bucket", "_READY", "1")) is Role.MARKER
    assert source("minio://bucket/in/").role(StoredObject("s3", "bucket", "in/_READY", "1")) is Role.MARKER


def test_a_folder_of_the_source_is_a_class_where_photos_wait_for_quiet() -> None:
    quiet = source(start="quiet", markers="GO,list-*.csv")
    roles = {
        name: quiet.role(StoredObject("s3", "bucket", f"in/{name}", "1")) for name in ("GO", "roses/GO", "_READY", "x/list-1.csv", "a.csv")
    }
    assert roles == {"GO": Role.MARKER, "roses/GO": Role.OTHER, "_READY": Role.OTHER, "x/list-1.csv": Role.CSV, "a.csv": Role.OTHER}


def test_the_class_is_the_first_folder_of_the_delivery() -> None:
    root = delivery_root("in/day/_READY")
    assert (root, delivery_root("_READY")) == ("in/day/", "")
    assert label_of("in/day/roses/deep/er/1.jpg", root) == "roses"
    assert label_of("in/day/o\u0308l/1.jpg", root) == "\u00f6l"
    assert label_of("in/other/roses/1.jpg", root) == ""


@pytest.mark.parametrize("uri", ["", "in", "/in", "file:///in"])
def test_a_source_is_in_a_bucket(uri: str) -> None:
    with pytest.raises(InputError, match=r"trigger\.source"):
        source(uri)
