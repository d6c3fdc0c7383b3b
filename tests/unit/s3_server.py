"""The part of S3's protocol that the program uses, over HTTP, for programs in processes of their own: a bucket in memory, without checks of
signatures. What the protocol really is: tests/e2e/test_buckets.py, with MinIO."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
PAGE = 1000
Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Bucket:
    """`objects`: key to bytes and ETag."""

    name: str = "bucket"
    objects: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    requests: int = 0
    endpoint: str = ""
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "someone",
            "AWS_SECRET_ACCESS_KEY": "open-sesame",
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def put(self, key: str, data: bytes) -> str:
        """The ETag, without quotes."""
        etag = hashlib.md5(data).hexdigest()
        self.objects[key] = data, etag
        return etag

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        parts = urlsplit(path)
        bucket, _, key = unquote(parts.path).removeprefix("/").partition("/")
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        assert bucket == self.name
        with self._guard:
            self.requests += 1
            if method == "PUT":
                return self._put(key, headers, body)
            if method == "POST" and "delete" in query:
                for entry in ElementTree.fromstring(body).iter(f"{NAMESPACE}Key"):
                    self.objects.pop(entry.text or "", None)
                return 200, {}, b"<DeleteResult/>"
            if method == "GET" and not key:
                return 200, {}, self._list(query)
            if method == "GET" and key in self.objects:
                data, etag = self.objects[key]
                return 200, {"ETag": f'"{etag}"'}, data
        return 404, {}, b"<Error><Code>NoSuchKey</Code></Error>"

    def _put(self, key: str, headers: dict[str, str], body: bytes) -> Answer:
        current = f'"{self.objects[key][1]}"' if key in self.objects else None
        if "if-none-match" in headers and current is not None:
            return 412, {}, b"<Error><Code>PreconditionFailed</Code></Error>"
        if "if-match" in headers and current != headers["if-match"]:
            return (
                (404, {}, b"<Error><Code>NoSuchKey</Code></Error>")
                if current is None
                else (412, {}, b"<Error><Code>PreconditionFailed</Code></Error>")
            )
        return 200, {"ETag": f'"{self.put(key, body)}"'}, b""

    def _list(self, query: dict[str, str]) -> bytes:
        keys = sorted(key for key in self.objects if key.startswith(query.get("prefix", "")) and key > query.get("continuation-token", ""))
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[key][0])}</Size><ETag>&quot;{self.objects[key][1]}&quot;</ETag></Contents>"
            for key in keys[:PAGE]
        )
        more = f"<NextContinuationToken>{escape(keys[PAGE - 1])}</NextContinuationToken>" if len(keys) > PAGE else ""
        return f"<ListBucketResult><IsTruncated>{str(bool(more)).lower()}</IsTruncated>{more}{entries}</ListBucketResult>".encode()


@contextmanager
def serve_bucket(bucket: Bucket) -> Iterator[Bucket]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length") or 0))
            code, answer_headers, data = bucket.answer(self.command, self.path, headers, body)
            self.send_response(code)
            for name, value in {**answer_headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_POST = _serve

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    bucket.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield bucket
    finally:
        server.shutdown()
        server.server_close()
