"""MinIO, a store that speaks S3's protocol, in a process of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import boto3
import pytest

from tests.e2e.go_programs import go_program
from tests.e2e.prism import Service, free_port, service

MODULE, VERSION = "github.com/minio/minio", "v0.0.0-20260212201848-7aac2a2c5b7c"
USER, PASSWORD = "flowers-test", "open-sesame-1234"


@contextlib.contextmanager
def minio(folder: Path, *buckets: str, settings: Mapping[str, str] | None = None) -> Iterator[Service]:
    """The server with some empty buckets, and the environment of this process set up for it. `settings`: more variables of the server.
    Skips the test where it is unavailable."""
    binary = go_program(MODULE, VERSION)
    port = free_port()
    command = [str(binary), "server", "--address", f"127.0.0.1:{port}", "--quiet", str(folder / "store")]
    fixed = {"MINIO_ROOT_USER": USER, "MINIO_ROOT_PASSWORD": PASSWORD, "MINIO_BROWSER": "off", "MINIO_UPDATE": "off"}
    environment = {**fixed, **(settings or {})}
    with service(command, port, folder / "minio.log", environment) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in client_environment(port).items():
            patch.setenv(name, value)
        client = boto3.client("s3")
        for bucket in buckets:
            client.create_bucket(Bucket=bucket)
        yield server


def client_environment(port: int) -> dict[str, str]:
    """Nothing of the machine's own AWS settings may play a part."""
    return {
        "AWS_ACCESS_KEY_ID": USER,
        "AWS_SECRET_ACCESS_KEY": PASSWORD,
        "AWS_SESSION_TOKEN": "",
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
