"""The trigger as it is deployed: the staged folder under functions-framework, in processes of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.conftest import ROOT
from tests.e2e.prism import Service, free_port, service
from tests.unit.cloud_events import Request
from tests.unit.pipelines_server import TOKEN as PIPELINES_TOKEN
from tests.unit.test_kubeflow_lint import small_spec

TOKEN = "the-trigger's-token"


def small_package() -> dict[str, Any]:
    """A package of two steps that has the run parameter `csv`."""
    spec = small_spec()
    spec["root"]["inputDefinitions"]["parameters"]["csv"] = {"parameterType": "STRING", "defaultValue": ""}
    return spec


def stage(folder: Path, config: dict[str, Any], package: dict[str, Any]) -> Path:
    """The folder that would be deployed."""
    (folder / "settings.yaml").write_text(yaml.safe_dump(config))
    (folder / "package.yaml").write_text(yaml.safe_dump(package))
    out = folder / "staged"
    script = ROOT / "deploy" / "trigger" / "stage.sh"
    subprocess.run([script, out, folder / "settings.yaml", folder / "package.yaml"], check=True, capture_output=True)
    return out


class Trigger:
    def __init__(self, url: str, process: Service) -> None:
        self.url, self.process = url, process
        self.client = httpx.Client(base_url=url, timeout=60, headers={"Authorization": f"Bearer {TOKEN}"})

    def post(self, request: Request, path: str = "/", status: int = 200) -> dict[str, Any]:
        headers, body = request
        response = self.client.post(path, headers=headers, content=body)
        assert response.status_code == status, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def cron(self, status: int = 200, headers: dict[str, str] | None = None, **request: Any) -> dict[str, Any]:
        return self.post((headers or {}, json.dumps(request).encode() if request else b""), "/cron", status)


@contextlib.contextmanager
def serve_trigger(
    staged: Path, environment: dict[str, str], target: str = "trigger", prelude: str = "", port: int = 0
) -> Iterator[Trigger]:
    """`prelude`: code that runs in the process before the framework, to kill it at a place for example."""
    port = port or free_port()
    # Without the current folder, whose sources would be in front of the staged ones.
    code = f"import sys\nsys.path.remove('')\n{prelude}\nfrom functions_framework._cli import _cli\nsys.exit(_cli())"
    options = ["--target", target, "--source", str(staged / "main.py"), "--host", "127.0.0.1", "--port", str(port)]
    variables = {
        "PYTHONPATH": str(staged),
        "FLOWERS_CONFIG": str(staged / "config.yaml"),
        "FLOWERS_TRIGGER_TOKEN": TOKEN,
        "FLOWERS_KUBEFLOW_TOKEN": PIPELINES_TOKEN,
        "PYTHONDONTWRITEBYTECODE": "1",
        "no_proxy": "127.0.0.1",
        **environment,
    }
    program = os.environ.get("FLOWERS_TRIGGER_PYTHON", sys.executable)
    with service([program, "-c", code, *options], port, staged.parent / "trigger.log", variables) as process:
        yield Trigger(f"http://127.0.0.1:{port}", process)
