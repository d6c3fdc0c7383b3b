"""`flowers serve` in a process of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.conftest import ROOT


@dataclass(frozen=True)
class ServingProcess:
    """`version`: the one that served when it started."""

    url: str
    version: str

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)

    def predict(self, photo: bytes, connection: http.client.HTTPConnection | None = None) -> dict[str, Any]:
        """The answer to `POST /predict`, which must have status 200."""
        with contextlib.ExitStack() as stack:
            if connection is None:
                connection = stack.enter_context(contextlib.closing(self.connect()))
            connection.request("POST", "/predict", photo, {"Content-Type": "image/jpeg"})
            response = connection.getresponse()
            body = response.read()
            assert response.status == 200, body
            answer: dict[str, Any] = json.loads(body)
            return answer


@contextlib.contextmanager
def serve(registry: Path | str, *settings: str) -> Iterator[ServingProcess]:
    """A server on a free port during the block. It must end with 0."""
    sets = [word for setting in (f"registry={registry}", "serving.poll_s=0.2", *settings) for word in ("--set", setting)]
    command = [sys.executable, "-m", "flowers_tfx", "serve", *sets, "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        assert process.stdout is not None
        try:
            ready = json.loads(process.stdout.readline())
            yield ServingProcess(ready["url"], ready["version"])
            process.terminate()
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()
