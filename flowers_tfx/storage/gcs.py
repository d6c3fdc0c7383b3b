"""A bucket of Google Cloud Storage. Credentials are Google's application default ones."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import google.auth.exceptions
import requests
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from flowers_tfx.errors import InputError
from flowers_tfx.storage.store import ABSENT, BucketNotFound, ConditionFailed, ObjectInfo, ObjectStream, PermissionDenied

_CHUNK_BYTES = 8 * 2**20


class Gcs:
    """Conditional writes rely on `if_generation_match`, 0 for an object that must not exist yet."""

    def __init__(self, bucket: str) -> None:
        self._name = bucket
        with _translate_errors(bucket):
            # An emulator takes no credentials, and looking for some on a machine without any takes a minute.
            emulated = bool(os.environ.get("STORAGE_EMULATOR_HOST"))
            client = storage.Client(project="none", credentials=AnonymousCredentials()) if emulated else storage.Client()  # type: ignore[no-untyped-call]
            self._client, self._bucket = client, client.bucket(bucket)

    def list_objects(self, prefix: str, recursive: bool = True) -> Iterator[ObjectInfo]:
        with _translate_errors(self._name):
            blobs = self._client.list_blobs(self._name, prefix=prefix, delimiter=None if recursive else "/")
            for blob in blobs:
                yield ObjectInfo(blob.name, int(blob.size), str(blob.generation))
            yield from (ObjectInfo(folder) for folder in sorted(blobs.prefixes))

    def read(self, key: str) -> tuple[bytes, str]:
        with _translate_errors(self._name, key):
            while True:
                blob = self._bucket.get_blob(key)
                if blob is None:
                    raise exceptions.NotFound(key)
                with contextlib.suppress(exceptions.NotFound, exceptions.PreconditionFailed):  # written again meanwhile
                    return blob.download_as_bytes(if_generation_match=blob.generation), str(blob.generation)

    def stream(self, key: str) -> ObjectStream:
        def open_at(start: int) -> _ChunkReader:
            return _ChunkReader(self._bucket.blob(key), start)

        return ObjectStream(open_at, lambda: _translate_errors(self._name, key), (requests.exceptions.ConnectionError,))

    def write(self, key: str, data: bytes, tag: str | None = None) -> str:
        blob = self._bucket.blob(key)
        with _translate_errors(self._name):  # when a write finds something missing, it is the bucket
            condition = None if tag is None else 0 if tag == ABSENT else int(tag)
            blob.upload_from_string(data, "application/octet-stream", if_generation_match=condition)
        return str(blob.generation)

    def upload(self, path: Path, key: str) -> None:
        with _translate_errors(self._name):
            self._bucket.blob(key).upload_from_filename(str(path))

    def copy(self, source: str, key: str) -> None:
        with _translate_errors(self._name, source):
            token = None
            while True:
                token, _, _ = self._bucket.blob(key).rewrite(self._bucket.blob(source), token=token)
                if token is None:
                    return

    def delete(self, keys: Iterable[str]) -> None:
        with _translate_errors(self._name):
            for key in keys:
                with contextlib.suppress(exceptions.NotFound):
                    self._bucket.blob(key).delete()


class _ChunkReader:
    """An object from `start` on, a request for each _CHUNK_BYTES. The library's own reader makes three requests for a small object: for its
    metadata, for its bytes, and for what comes after them."""

    def __init__(self, blob: storage.Blob, start: int) -> None:
        self._blob, self._position = blob, start
        self._chunk = io.BytesIO()
        self._ended = False

    def read(self, size: int) -> bytes:
        if data := self._chunk.read(size):
            return data
        if self._ended:
            return b""
        self._chunk = io.BytesIO(self._fetch())
        return self._chunk.read(size)

    def close(self) -> None:
        self._chunk.close()

    def _fetch(self) -> bytes:
        try:
            # The checksum is that of the whole object.
            chunk: bytes = self._blob.download_as_bytes(start=self._position, end=self._position + _CHUNK_BYTES - 1, checksum=None)
        except exceptions.RequestRangeNotSatisfiable:
            chunk = b""
        self._position += len(chunk)
        self._ended = len(chunk) != _CHUNK_BYTES
        return chunk


@contextlib.contextmanager
def _translate_errors(bucket: str, key: str = "") -> Iterator[None]:
    """The library's errors in the program's words."""
    try:
        yield
    except exceptions.PreconditionFailed:
        raise ConditionFailed(f"gs://{bucket}/{key}") from None
    except exceptions.NotFound as error:
        if key and "bucket does not exist" not in str(error):
            raise FileNotFoundError(f"gs://{bucket}/{key}") from None
        raise BucketNotFound(f"The bucket gs://{bucket} is not there.", "Make it, or correct the name.") from None
    except (google.auth.exceptions.GoogleAuthError, exceptions.Unauthorized):
        raise InputError(
            f"There are no valid credentials for gs://{bucket}.",
            "Set GOOGLE_APPLICATION_CREDENTIALS in the environment, or run `gcloud auth application-default login`.",
        ) from None
    except exceptions.Forbidden:
        raise PermissionDenied(
            f"The credentials give no permission for this in gs://{bucket}.",
            "They must list, read, write and delete there: grant the role Storage Object Admin, or use others.",
        ) from None
    except (requests.exceptions.ConnectionError, exceptions.RetryError) as error:
        raise InputError(f"Google Cloud Storage can't be reached for gs://{bucket} ({type(error).__name__}).", "Try again later.") from None
    except exceptions.GoogleAPICallError as error:
        raise RuntimeError(f"Google Cloud Storage failed for gs://{bucket}: {error.message}") from None
