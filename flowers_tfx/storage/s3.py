"""A bucket of S3, or of any store that speaks its protocol. boto3 takes credentials and endpoint from the environment."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.exceptions
from botocore.config import Config

from flowers_tfx.errors import InputError
from flowers_tfx.storage.s3_endpoint import endpoint_url
from flowers_tfx.storage.store import ABSENT, BucketNotFound, ConditionFailed, ObjectInfo, ObjectStream, PermissionDenied

_KEYS_PER_DELETE = 1000
_UNKNOWN_CREDENTIALS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired", "401"}
_NO_PERMISSION = {"AccessDenied", "AllAccessDisabled", "AccountProblem", "403"}
_CHANGED = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
_BROKEN = (botocore.exceptions.HTTPClientError, botocore.exceptions.IncompleteReadError)
_MISSING = {"NoSuchKey", "NotFound", "404"}


class S3:
    """Conditional writes rely on `If-None-Match: *` and `If-Match` of PutObject: S3 itself (since 2024), MinIO, Ceph and R2 support
    them."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        config = Config(connect_timeout=5, read_timeout=60, retries={"max_attempts": 4, "mode": "standard"})
        try:
            with _translate_errors(bucket):
                self._client = boto3.session.Session().client("s3", endpoint_url=endpoint_url() or None, config=config)
        except ValueError as error:  # what the library raises for an endpoint that is not a URL
            raise _unreachable(bucket, error) from None

    def list_objects(self, prefix: str, recursive: bool = True) -> Iterator[ObjectInfo]:
        options = {} if recursive else {"Delimiter": "/"}
        with _translate_errors(self._bucket):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix, **options):
                yield from (ObjectInfo(folder["Prefix"]) for folder in page.get("CommonPrefixes", ()))
                yield from (ObjectInfo(entry["Key"], int(entry["Size"]), str(entry.get("ETag", ""))) for entry in page.get("Contents", ()))

    def read(self, key: str) -> tuple[bytes, str]:
        with _translate_errors(self._bucket, key):
            response = self._client.get_object(Bucket=self._bucket, Key=key)
            return response["Body"].read(), str(response["ETag"])

    def stream(self, key: str) -> ObjectStream:
        def open_at(start: int) -> Any:
            try:
                return self._client.get_object(Bucket=self._bucket, Key=key, **({"Range": f"bytes={start}-"} if start else {}))["Body"]
            except botocore.exceptions.ClientError as error:
                if error.response.get("Error", {}).get("Code") in ("InvalidRange", "416"):
                    return io.BytesIO()
                raise

        return ObjectStream(open_at, lambda: _translate_errors(self._bucket, key), _BROKEN)

    def write(self, key: str, data: bytes, tag: str | None = None) -> str:
        condition = {} if tag is None else {"IfNoneMatch": "*"} if tag == ABSENT else {"IfMatch": tag}
        try:
            with _translate_errors(self._bucket, key):
                return str(self._client.put_object(Bucket=self._bucket, Key=key, Body=data, **condition)["ETag"])
        except FileNotFoundError:
            # The answer to a write with If-Match where the object is gone.
            raise ConditionFailed(key) from None

    def upload(self, path: Path, key: str) -> None:
        # Not upload_file: it wraps the store's error in one of its own, and loses it where its threads are late.
        with path.open("rb") as file, _translate_errors(self._bucket):
            self._client.upload_fileobj(file, self._bucket, key)

    def copy(self, source: str, key: str) -> None:
        with _translate_errors(self._bucket, source):
            self._client.copy({"Bucket": self._bucket, "Key": source}, self._bucket, key)

    def delete(self, keys: Iterable[str]) -> None:
        keys = list(keys)
        with _translate_errors(self._bucket):
            for start in range(0, len(keys), _KEYS_PER_DELETE):
                objects = [{"Key": key} for key in keys[start : start + _KEYS_PER_DELETE]]
                response = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
                if failed := response.get("Errors"):
                    raise botocore.exceptions.ClientError({"Error": failed[0]}, "DeleteObjects")


@contextlib.contextmanager
def _translate_errors(bucket: str, key: str = "") -> Iterator[None]:
    """The library's errors in the program's words; none of them repeats a secret."""
    try:
        yield
    except botocore.exceptions.ClientError as error:
        raise _store_error(error.response.get("Error", {}), bucket, key) from None
    except (botocore.exceptions.NoCredentialsError, botocore.exceptions.PartialCredentialsError):
        raise InputError(
            f"There are no credentials for s3://{bucket}.", "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment."
        ) from None
    except (*_BROKEN, botocore.exceptions.ConnectionError) as error:
        raise _unreachable(bucket, error) from None
    except botocore.exceptions.BotoCoreError as error:
        raise InputError(f"s3://{bucket} can't be used: {error}", "Correct the AWS_... variables of the environment.") from None


def _unreachable(bucket: str, error: Exception) -> InputError:
    return InputError(
        f"The store of s3://{bucket} can't be reached at {_endpoint()} ({type(error).__name__}).",
        "Set AWS_ENDPOINT_URL_S3 in the environment to the store's address, such as http://HOST:9000.",
    )


def _store_error(details: dict[str, Any], bucket: str, key: str) -> Exception:
    code = str(details.get("Code", ""))
    if code == "NoSuchBucket":
        return BucketNotFound(f"The bucket s3://{bucket} is not there.", "Make it, or correct the name.")
    if code in _CHANGED:
        return ConditionFailed(key)
    if code in _MISSING:
        return FileNotFoundError(f"s3://{bucket}/{key}")
    if code in _UNKNOWN_CREDENTIALS:
        return InputError(
            f"The store at {_endpoint()} does not accept the credentials for s3://{bucket} ({code}).",
            "Correct AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN in the environment.",
        )
    if code in _NO_PERMISSION:
        return PermissionDenied(
            f"The credentials give no permission for this in s3://{bucket} ({code}).",
            "They must list, read, write and delete there: correct the bucket's policy, or use others.",
        )
    if code in ("NotImplemented", "501"):
        return InputError(f"The store of s3://{bucket} has no conditional writes.", "Use a store that has: S3, MinIO, Ceph, R2.")
    return RuntimeError(f"The store of s3://{bucket} failed: {code} {details.get('Message', '')}".rstrip())


def _endpoint() -> str:
    """The store's address, without the user and the password that it may contain."""
    url = endpoint_url()
    if not url:
        return "Amazon S3"
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else "the endpoint that the environment names"
