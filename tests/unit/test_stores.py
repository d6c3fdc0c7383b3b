"""What the two libraries are asked for, and their errors in the program's words. The stores themselves: tests/e2e/test_buckets.py."""

from __future__ import annotations

import io
import socket
from pathlib import Path
from typing import Any
from unittest import mock

import google.auth.exceptions
import pytest
from botocore.exceptions import IncompleteReadError
from botocore.stub import ANY, Stubber
from google.api_core import exceptions
from s3transfer.manager import TransferCoordinatorController

from flowers_tfx.errors import InputError
from flowers_tfx.storage.gcs import Gcs
from flowers_tfx.storage.s3 import S3
from flowers_tfx.storage.store import ABSENT, BucketNotFound, ConditionFailed, ObjectInfo, PermissionDenied

SECRET = "open-sesame"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> S3:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "me",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_S3": f"http://{SECRET}:{SECRET}@store:9000",
    }.items():
        monkeypatch.setenv(name, value)
    return S3("bucket")


@pytest.mark.parametrize(("tag", "condition"), [(None, {}), (ABSENT, {"IfNoneMatch": "*"}), ('"abc"', {"IfMatch": '"abc"'})])
def test_s3_gets_the_condition(s3: S3, tag: str | None, condition: dict[str, str]) -> None:
    with Stubber(s3._client) as stub:
        stub.add_response("put_object", {"ETag": '"new"'}, {"Bucket": "bucket", "Key": "key", "Body": b"data", **condition})
        assert s3.write("key", b"data", tag) == '"new"'
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "status", "kind", "words"),
    [
        ("PreconditionFailed", 412, ConditionFailed, "key"),
        ("ConditionalRequestConflict", 409, ConditionFailed, "key"),
        ("NoSuchKey", 404, ConditionFailed, "key"),
        ("NoSuchBucket", 404, BucketNotFound, "is not there"),
        ("AccessDenied", 403, PermissionDenied, "no permission"),
        ("InvalidAccessKeyId", 403, InputError, "does not accept the credentials"),
        ("SignatureDoesNotMatch", 403, InputError, "does not accept the credentials"),
        ("NotImplemented", 501, InputError, "no conditional writes"),
        ("InternalError", 500, RuntimeError, "failed: InternalError"),
    ],
)
def test_what_s3_refuses_is_reported_without_a_secret(s3: S3, code: str, status: int, kind: type[Exception], words: str) -> None:
    with Stubber(s3._client) as stub:
        stub.add_client_error("put_object", code, SECRET if kind is not RuntimeError else "", status)
        with pytest.raises(kind, match=words) as raised:
            s3.write("key", b"data", ABSENT)
    assert SECRET not in str(raised.value) + getattr(raised.value, "hint", "")


def test_a_listing_has_the_tags_of_the_objects(s3: S3, gcs: Gcs) -> None:
    with Stubber(s3._client) as stub:
        stub.add_response(
            "list_objects_v2", {"Contents": [{"Key": "a/b", "Size": 3, "ETag": '"abc"'}]}, {"Bucket": "bucket", "Prefix": "a/"}
        )
        assert list(s3.list_objects("a/")) == [ObjectInfo("a/b", 3, '"abc"')]
    blob = mock.Mock(size=3, generation=17)
    blob.name = "a/b"
    page = mock.MagicMock(prefixes=set(), __iter__=lambda _: iter([blob]))
    with mock.patch.object(gcs._client, "list_blobs", return_value=page):
        assert list(gcs.list_objects("a/")) == [ObjectInfo("a/b", 3, "17")]


def test_a_missing_object_is_a_missing_file(s3: S3) -> None:
    with Stubber(s3._client) as stub:
        for _ in range(2):
            stub.add_client_error("get_object", "NoSuchKey", http_status_code=404)
        with pytest.raises(FileNotFoundError):
            s3.read("key")
        with pytest.raises(FileNotFoundError):
            io.BufferedReader(s3.stream("key")).read()


def test_a_stream_goes_on_where_it_is_put(s3: S3) -> None:
    with Stubber(s3._client) as stub:
        for data, at in ((b"first\nsecond\n", {}), (b"second\n", {"Range": "bytes=6-"})):
            stub.add_response("get_object", {"Body": io.BytesIO(data)}, {"Bucket": "bucket", "Key": "key", **at})
        stub.add_client_error("get_object", "InvalidRange", http_status_code=416, expected_params={"Bucket": ANY, "Key": ANY, "Range": ANY})
        with io.BufferedReader(s3.stream("key")) as stream:
            assert stream.readline() == b"first\n"
        with io.BufferedReader(s3.stream("key")) as stream:
            stream.seek(6)
            assert stream.read() == b"second\n"
        with io.BufferedReader(s3.stream("key")) as stream:
            stream.seek(1000)
            assert stream.read() == b"", "beyond the end, as in a file"


def test_a_stream_that_breaks_is_asked_for_once_more(s3: S3) -> None:
    class Breaking(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise IncompleteReadError(actual_bytes=3, expected_bytes=6)
            return super().read(3)

    with Stubber(s3._client) as stub:
        stub.add_response("get_object", {"Body": Breaking(b"first ")})
        stub.add_response("get_object", {"Body": io.BytesIO(b"st second")}, {"Bucket": "bucket", "Key": "key", "Range": "bytes=3-"})
        assert io.BufferedReader(s3.stream("key")).read() == b"first second"


@pytest.mark.parametrize("threads_are_late", [False, True])
def test_an_upload_that_is_refused_is_reported(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads_are_late: bool) -> None:
    if threads_are_late:  # the library's threads have not cleaned up when the error is raised
        monkeypatch.setattr(TransferCoordinatorController, "remove_transfer_coordinator", lambda *_: None)
    (tmp_path / "file").write_bytes(b"data")
    with Stubber(s3._client) as stub:
        stub.add_client_error("put_object", "NoSuchBucket", http_status_code=404)
        with pytest.raises(BucketNotFound):
            s3.upload(tmp_path / "file", "key")


@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}", "nonsense"])
def test_an_endpoint_that_is_none(s3: S3, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", address.format(port=port))
    with pytest.raises(InputError, match="can't be reached at"):
        S3("bucket").write("key", b"data")


def test_no_credentials(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(InputError, match="no credentials"):
        S3("bucket").write("key", b"data")


@pytest.fixture
def gcs(monkeypatch: pytest.MonkeyPatch) -> Gcs:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    return Gcs("bucket")


@pytest.mark.parametrize(("tag", "generation"), [(None, None), (ABSENT, 0), ("17", 17)])
def test_gcs_gets_the_condition(gcs: Gcs, tag: str | None, generation: int | None) -> None:
    with mock.patch("google.cloud.storage.Blob.upload_from_string") as upload:
        gcs.write("key", b"data", tag)
    assert upload.call_args.kwargs["if_generation_match"] == generation


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (exceptions.PreconditionFailed("x"), ConditionFailed, "bucket"),
        (exceptions.NotFound("The specified bucket does not exist."), BucketNotFound, "is not there"),
        (exceptions.NotFound("Not Found"), BucketNotFound, "is not there"),
        (exceptions.Forbidden("x"), PermissionDenied, "no permission"),
        (exceptions.Unauthorized("x"), InputError, "no valid credentials"),
        (google.auth.exceptions.DefaultCredentialsError("x"), InputError, "no valid credentials"),
        (google.auth.exceptions.RefreshError("x"), InputError, "no valid credentials"),
        (exceptions.RetryError("x", None), InputError, "can't be reached"),
        (exceptions.InternalServerError("x"), RuntimeError, "failed"),
    ],
)
def test_what_gcs_refuses_is_reported(gcs: Gcs, error: Exception, kind: type[Exception], words: str) -> None:
    with mock.patch("google.cloud.storage.Blob.upload_from_string", side_effect=error), pytest.raises(kind, match=words):
        gcs.write("key", b"data", ABSENT)


def test_gcs_reads_a_small_object_in_one_request_and_a_large_one_in_chunks(gcs: Gcs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowers_tfx.storage.gcs._CHUNK_BYTES", 4)

    def content(data: bytes) -> Any:
        def download(start: int, end: int, checksum: None) -> bytes:
            if start >= len(data):
                raise exceptions.RequestRangeNotSatisfiable("x")
            return data[start : end + 1]

        return mock.patch("google.cloud.storage.Blob.download_as_bytes", side_effect=download)

    for data, requests in ((b"", 1), (b"abc", 1), (b"abcd", 2), (b"abcdefghij", 3)):
        with content(data) as download, io.BufferedReader(gcs.stream("key")) as stream:
            assert stream.read() == data
        assert download.call_count == requests
    with content(b"abcdefghij"), io.BufferedReader(gcs.stream("key")) as stream:
        stream.seek(6)
        assert stream.read() == b"ghij"


def test_gcs_tells_a_missing_object_at_the_first_read(gcs: Gcs) -> None:
    with (
        mock.patch("google.cloud.storage.Blob.download_as_bytes", side_effect=exceptions.NotFound("No such object")),
        pytest.raises(FileNotFoundError),
    ):
        io.BufferedReader(gcs.stream("key")).peek(1)
