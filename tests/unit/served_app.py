"""The whole web application in this process, with a model that is loaded from a registry."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from flowers_tfx.config import PipelineConfig
from flowers_tfx.serving.app import ServingSettings, create_app, create_service


@contextlib.contextmanager
def served_app(registry: Path, *, token: str = "", grpc_port: int = 0, **serving: Any) -> Iterator[TestClient]:
    """`serving`: keys of the section `serving`."""
    config = PipelineConfig.model_validate({"registry": str(registry), "serving": serving})
    settings = ServingSettings(config, "127.0.0.1", token=token, grpc_port=grpc_port)
    with TestClient(create_app(settings, create_service(settings)), raise_server_exceptions=False) as client:  # type: ignore[arg-type]
        yield client
