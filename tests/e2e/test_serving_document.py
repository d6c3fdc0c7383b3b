"""Requests that schemathesis makes from the service's OpenAPI document: what is documented is what happens, and nothing is a 5xx."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.serving_process import push_small_model, serving_process

pytestmark = [pytest.mark.e2e, pytest.mark.one_stack]

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def test_made_up_requests_get_what_the_document_promises(tmp_path: Path) -> None:
    push_small_model(tmp_path / "registry")
    with serving_process(tmp_path / "registry", "--set", f"serving.feedback_dir={tmp_path / 'feedback'}") as service:
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{service.url}/openapi.json"]
        options = ["--checks", CHECKS, "--max-examples", "12", "--seed", "7", "--phases", "examples,coverage,fuzzing", "--no-color"]
        ended = subprocess.run(
            [*command, *options],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
        assert "Traceback" not in service.log
        with urllib.request.urlopen(f"{service.url}/metrics") as page:
            counts = re.findall(r'^flowers_requests_total{code="(\d)\d\d",route="[^"]*"} (\S+)$', page.read().decode(), re.MULTILINE)
    requests = {first: sum(float(count) for code, count in counts if code == first) for first in "245"}
    assert requests["2"] > 20 and requests["4"] > 100 and not requests["5"], requests
