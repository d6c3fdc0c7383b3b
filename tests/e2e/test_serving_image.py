"""The serving image, built for real with whichever engine works here: its size, what is not in it, and how it serves."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flowers_tfx import __version__
from flowers_tfx.inference.answer import Unreadable
from flowers_tfx.inference.predictor import Predictor
from flowers_tfx.model.signatures import export
from tests.conftest import ROOT, small_photo
from tests.e2e.image_engines import Container, Engine, base_image, find_engine, gigabytes, image_labels, make_image
from tests.unit.small_network import LABELS, SIZE, SmallNetwork

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1800)]
LIMIT_MB = 400
SECONDS_TO_START = 60
# Asks from within the container, whose Python has no more than the image.
ASK = """
import sys, urllib.request
photo = open(sys.argv[2], "rb").read() if len(sys.argv) > 2 else None
request = urllib.request.Request("http://127.0.0.1:8080" + sys.argv[1], photo, {"Content-Type": "image/jpeg"})
print(urllib.request.urlopen(request, timeout=10).read().decode())
"""
# The large packages, and what of them is left out in part.
IMPORTS = """
import boto3, google.cloud.storage, grpc, PIL.Image, ai_edge_litert.interpreter, uvloop, httptools, prometheus_client, fastapi, rich.console
for name in ("s3", "sts", "sso", "sso-oidc"):
    boto3.client(name, region_name="eu-central-1")
import flowers_tfx.storage.s3, flowers_tfx.storage.gcs, flowers_tfx.serving.server, flowers_tfx.inference.prediction
"""


@dataclass
class Built:
    engine: Engine
    name: str
    line: str


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    engine = find_engine()
    try:
        name, line = make_image(engine, base_image(engine, tmp_path_factory.mktemp("base")), TARGET="serve")
        yield Built(engine, name, line)
    finally:
        engine.forget()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry that everybody can read, with a photo in it."""
    registry = tmp_path_factory.mktemp("registry")
    export(SmallNetwork(1), SIZE, LABELS, {}, str(registry / "1"))
    (registry / "photo.jpg").write_bytes(small_photo(1))
    subprocess.run(["chmod", "-R", "a+rX", registry, *registry.parents[:2]], check=True)
    return registry


@pytest.fixture
def service(built: Built, registry: Path) -> Iterator[Container]:
    with built.engine.service(built.name, registry) as container:
        deadline = time.monotonic() + SECONDS_TO_START
        while container.run("python", "-c", ASK, "/v2/health/ready").returncode:
            assert time.monotonic() < deadline, container.engine.run_command("logs", container.name)
            time.sleep(0.2)
        yield container


def test_it_is_small(built: Built) -> None:
    name, digest, size = built.line.split(maxsplit=2)
    assert name == built.name
    assert digest.startswith("sha256:")
    assert gigabytes(size) * 1000 < LIMIT_MB


def test_labels_tell_what_it_was_built_from(built: Built) -> None:
    labels = image_labels(built.engine, built.name)
    command = [ROOT / "scripts" / "source_digest.sh", "Dockerfile.serve"]
    assert labels["org.opencontainers.image.revision"] == subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    assert labels["org.opencontainers.image.version"] == __version__


def test_only_what_serves_is_in_it(built: Built, registry: Path) -> None:
    with built.engine.container(built.name, registry) as container:
        assert container.out("flowers", "--version").endswith(__version__)
        container.out("python", "-c", IMPORTS)
        for module in ("tensorflow", "tfx", "apache_beam", "pandas", "scipy", "pip", "setuptools"):
            assert container.run("python", "-c", f"import {module}").returncode != 0, module
        for program in ("pip", "gcc", "uv"):
            assert container.run("sh", "-c", f"command -v {program}").returncode != 0, program
        done = container.run("flowers", "runs")
        assert (done.returncode, done.stdout) == (2, "")
        assert "no TensorFlow" in done.stderr


def test_it_predicts(built: Built, registry: Path) -> None:
    with built.engine.container(built.name, registry) as container:
        (row,) = json.loads(container.out("flowers", "predict", str(registry / "photo.jpg"), "--model", str(registry), "--json"))
    (expected,) = Predictor(registry / "1", 50_000_000).predict([registry / "photo.jpg"])
    assert not isinstance(expected, Unreadable)
    assert row["probabilities"] == pytest.approx(expected.probabilities, abs=1e-4)


def test_it_serves_without_rights_and_ends_when_asked_to(service: Container) -> None:
    answer = json.loads(service.out("python", "-c", ASK, "/predict", "/registry/photo.jpg"))
    assert answer["label"] in LABELS
    assert answer["model_version"] == "1"
    assert service.out("id", "-u") == "12345"
    assert service.run("sh", "-c", "touch /opt/flowers/x").returncode != 0
    service.engine.run_command("stop", service.name)
    assert service.engine.run_command("inspect", "--format", "{{.State.ExitCode}}", service.name) == "0"


def test_its_healthcheck_sees_whether_it_answers(service: Container) -> None:
    check = json.loads(service.engine.run_command("image", "inspect", "--format", "{{json .Config.Healthcheck.Test}}", image_of(service)))
    assert check[0] == "CMD"
    assert service.run(*check[1:]).returncode == 0
    assert service.run(*[word.replace(":8080", ":8081") for word in check[1:]]).returncode != 0


def image_of(container: Container) -> str:
    return container.engine.run_command("inspect", "--format", "{{.Image}}", container.name)
