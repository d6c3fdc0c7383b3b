"""Which objects a request says have been written: CloudEvents of Cloud Storage, and S3's notifications with or without an envelope.

Shapes that are read, each as the body of a request or as the data of a CloudEvent (binary, structured or batched mode):
- `google.cloud.storage.object.v1.finalized`, which Eventarc and Functions deliver;
- S3's notifications, `{"Records": [...]}`, as S3, MinIO's webhook and Ceph write them, and a record of one (the CloudEvents adapter);
- `Object Created` of Amazon EventBridge.
Nothing here reads or writes anything.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, unquote_plus

from flowers_tfx.errors import InputError

FINALIZED = "google.cloud.storage.object.v1.finalized"
MAX_RECORDS = 1000
# The longest name that S3 and Cloud Storage give an object, in bytes; bucket names and versions are shorter.
MAX_NAME_BYTES = 1024
_CLOUD_STORAGE, _CREATED, _EVENTBRIDGE_CREATED = "google.cloud.storage.", "ObjectCreated:", "Object Created"


@dataclass(frozen=True)
class StoredObject:
    """`scheme` is gs or s3; `version` is the generation, or the ETag without its quotes."""

    scheme: str
    bucket: str
    name: str
    version: str

    @property
    def uri(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.name}"

    @property
    def id(self) -> str:
        """Bucket, name and version as 40 hexadecimal digits."""
        return hashlib.sha256("\0".join((self.scheme, self.bucket, self.name, self.version)).encode()).hexdigest()[:40]


def read_request(headers: Mapping[str, str], body: bytes) -> list[StoredObject]:
    """The objects that a request names as written; none for events of another kind. `headers`: names in lower case.

    Raises InputError for a body that is not one of the shapes above.
    """
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "application/cloudevents-batch+json":
        events = _parse(body)
        if not isinstance(events, list) or len(events) > MAX_RECORDS:
            raise _malformed(f"a batch of CloudEvents is a list of at most {MAX_RECORDS}")
        return [written for event in events for written in _structured(event)]
    if content_type == "application/cloudevents+json":
        return _structured(_parse(body))
    if any(name in headers for name in ("ce-specversion", "ce-type", "ce-id")):
        attributes = {name: unquote(headers.get(f"ce-{name}", "")) for name in ("specversion", "id", "source", "type")}
        return read_cloud_event(attributes, _parse(body) if body else None)
    return _read_notification(_parse(body))


def read_cloud_event(attributes: Mapping[str, Any], data: Any) -> list[StoredObject]:
    """The same for a CloudEvent whose envelope was taken off. Events of a type that is not known name nothing: a broker may send them."""
    for name in ("specversion", "id", "source", "type"):
        if not isinstance(attributes.get(name), str) or not attributes[name]:
            raise _malformed(f"a CloudEvent has the attribute {name}")
    kind = attributes["type"]
    if kind == FINALIZED:
        return [_cloud_storage_object(data)]
    if kind.startswith(_CLOUD_STORAGE) or not isinstance(data, dict):
        return []
    known = any(key in data for key in ("Records", "detail", "s3"))
    return _read_notification(data) if known else []


def _structured(event: Any) -> list[StoredObject]:
    if not isinstance(event, dict):
        raise _malformed("a CloudEvent is an object")
    data = event.get("data")
    if "data_base64" in event:
        try:
            data = _parse(base64.b64decode(str(event["data_base64"]), validate=True))
        except binascii.Error:
            raise _malformed("data_base64 is not base64") from None
    return read_cloud_event(event, data)


def _cloud_storage_object(data: Any) -> StoredObject:
    if not isinstance(data, dict):
        raise _malformed("the data of a Cloud Storage event is an object")
    return _stored_object("gs", data.get("bucket"), data.get("name"), data.get("generation"))


def _read_notification(data: Any) -> list[StoredObject]:
    if not isinstance(data, dict):
        raise _malformed("a notification is an object")
    if data.get("Event") == "s3:TestEvent":  # what S3 sends when notifications are switched on
        return []
    if "Records" in data:
        records = data["Records"]
        if not isinstance(records, list) or len(records) > MAX_RECORDS:
            raise _malformed(f"Records is a list of at most {MAX_RECORDS}")
        return [written for record in records for written in _read_record(record)]
    if "s3" in data:
        return list(_read_record(data))
    if isinstance(data.get("detail"), dict) and "detail-type" in data:
        return list(_read_eventbridge(data))
    raise _malformed("neither a CloudEvent nor a notification of S3")


def _read_record(record: Any) -> Iterator[StoredObject]:
    """Names are encoded as in a form: `a+b%2Fc`."""
    if not isinstance(record, dict) or not isinstance(record.get("s3"), dict):
        raise _malformed("a record of S3 has the key s3")
    if not str(record.get("eventName", "")).removeprefix("s3:").startswith(_CREATED):
        return
    bucket, entry = record["s3"].get("bucket"), record["s3"].get("object")
    if not isinstance(bucket, dict) or not isinstance(entry, dict):
        raise _malformed("a record of S3 names a bucket and an object")
    key = entry.get("key")
    yield _stored_object("s3", bucket.get("name"), unquote_plus(key) if isinstance(key, str) else key, entry.get("eTag"))


def _read_eventbridge(event: Mapping[str, Any]) -> Iterator[StoredObject]:
    """Names are written out."""
    if event["detail-type"] != _EVENTBRIDGE_CREATED:
        return
    bucket, entry = event["detail"].get("bucket"), event["detail"].get("object")
    if not isinstance(bucket, dict) or not isinstance(entry, dict):
        raise _malformed("an event of EventBridge names a bucket and an object")
    yield _stored_object("s3", bucket.get("name"), entry.get("key"), entry.get("etag"))


def _stored_object(scheme: str, bucket: Any, name: Any, version: Any) -> StoredObject:
    version = str(version) if isinstance(version, int) and not isinstance(version, bool) else version
    for what, value in (("bucket", bucket), ("name", name), ("generation or ETag", version)):
        if not isinstance(value, str) or not 1 <= len(_encode(value)) <= MAX_NAME_BYTES:
            raise _malformed(f"the {what} of an object is a text of 1 to {MAX_NAME_BYTES} bytes")
    return StoredObject(scheme, bucket, name, version.strip('"'))


def _encode(text: str) -> bytes:
    """Empty for text with half a character, which no store has in a name."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return b""


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise _malformed("the body is not JSON") from None


def _malformed(reason: str) -> InputError:
    return InputError(f"The request is not an event: {reason}.", "docs/triggers.md lists the events that are taken.")
