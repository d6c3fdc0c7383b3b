"""Events of stores as HTTP requests: headers and body."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

from cloudevents.http import CloudEvent, to_binary, to_structured

FINALIZED = "google.cloud.storage.object.v1.finalized"
Request = tuple[dict[str, str], bytes]


def cloud_storage(name: str, generation: int, bucket: str = "bucket", kind: str = FINALIZED, structured: bool = False) -> Request:
    """What Eventarc posts for an object of Cloud Storage."""
    attributes = {
        "type": kind,
        "source": f"//storage.googleapis.com/projects/_/buckets/{bucket}",
        "subject": f"objects/{name}",
        "datacontenttype": "application/json",
    }
    data = {"kind": "storage#object", "bucket": bucket, "name": name, "generation": str(generation), "size": "3"}
    return encode(attributes, data, structured)


def encode(attributes: dict[str, str], data: Any, structured: bool = False) -> Request:
    headers, body = (to_structured if structured else to_binary)(CloudEvent(attributes, data))
    return dict(headers), bytes(body or b"")


def s3_record(name: str, etag: str, bucket: str = "bucket", event: str = "ObjectCreated:Put") -> dict[str, Any]:
    entry = {"key": quote_plus(name), "size": 3, "eTag": etag, "sequencer": "0055AED6DCD90281E5"}
    return {"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": event, "s3": {"bucket": {"name": bucket}, "object": entry}}


def s3(*records: dict[str, Any]) -> Request:
    """What S3 and MinIO post."""
    return {"Content-Type": "application/json"}, json.dumps({"Records": list(records)}).encode()


def eventbridge(name: str, etag: str, bucket: str = "bucket", kind: str = "Object Created") -> dict[str, Any]:
    detail = {"version": "0", "bucket": {"name": bucket}, "object": {"key": name, "size": 3, "etag": etag}, "reason": "PutObject"}
    return {"version": "0", "detail-type": kind, "source": "aws.s3", "detail": detail}
