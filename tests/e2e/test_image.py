"""The image, built for real with whichever engine works here, and what runs in it: the program, a step's entrypoint, a Beam worker pool."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flowers_tfx import __version__
from tests.conftest import ROOT
from tests.e2e.go_programs import go_program
from tests.e2e.image_engines import Container, Engine, base_image, find_engine, gigabytes, image_labels, make_image
from tests.e2e.prism import VERSION, answers, prism, prism_binary

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(5400)]
BOOT = "github.com/apache/beam/sdks/v2/python/container"
BAKED = "/opt/flowers/weights"
LIMIT_GB = 5
POOL_S = 120
POOL_PORT = 50000  # Beam's boot program knows no other


@dataclass
class Built:
    engine: Engine
    name: str
    line: str
    base: str
    weights: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Iterator[Built]:
    engine = find_engine()
    weights = sorted((shared / "weights").glob("mobilenet_v2*.h5"))[0]
    try:
        context = tmp_path_factory.mktemp("boot")
        shutil.copy(go_program(BOOT, VERSION), context / "boot")
        boot = engine.build(context, "FROM scratch\nCOPY boot /opt/apache/beam/boot\n")
        base = base_image(engine, tmp_path_factory.mktemp("base"))
        name, line = make_image(engine, base, BEAM_BOOT=boot, WEIGHTS=str(weights))
        yield Built(engine, name, line, base, weights)
    finally:
        engine.forget()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What container and host share; the container's user is another one."""
    found = tmp_path_factory.mktemp("shared")
    for place in (found, *found.parents[:2]):
        place.chmod(0o777 if place == found else 0o755)
    return found


@pytest.fixture(scope="module")
def container(built: Built, folder: Path) -> Iterator[Container]:
    with built.engine.container(built.name, folder) as found:
        yield found


def test_make_image_tells_name_digest_and_a_size_under_5_gb(built: Built) -> None:
    name, digest, size = built.line.split(maxsplit=2)
    assert name == built.name
    assert digest.startswith("sha256:")
    assert len(digest) == len("sha256:") + 64
    assert gigabytes(size) < LIMIT_GB


def test_labels_tell_what_it_was_built_from(built: Built) -> None:
    labels = image_labels(built.engine, built.name)
    digest = subprocess.run([ROOT / "scripts" / "source_digest.sh"], check=True, capture_output=True, text=True).stdout.strip()
    assert labels["org.opencontainers.image.revision"] == digest
    assert labels["org.opencontainers.image.version"] == __version__
    assert labels["org.opencontainers.image.base.name"] == built.base
    assert labels["flowers_tfx.accelerator"] == "cpu"


def test_its_user_is_not_root_and_owns_nothing_of_the_program(container: Container) -> None:
    assert container.out("id", "-u") == "1000"
    assert container.run("sh", "-c", "touch /opt/flowers/bin/flowers || touch /opt/apache/beam/boot").returncode != 0


def test_there_is_no_compiler_and_no_header(container: Container) -> None:
    for program in ("gcc", "g++", "cc", "c++", "clang", "ld", "make", "go"):
        assert container.run("sh", "-c", f"command -v {program}").returncode != 0, program
    assert not container.out("sh", "-c", "find /usr/include -name Python.h 2>/dev/null || true")


def test_nothing_of_the_building_host_is_in_it(container: Container) -> None:
    assert container.run("sh", "-c", "test -s /etc/pip.conf").returncode != 0
    assert container.run("sh", "-c", "test -s /run/secrets/certificates").returncode != 0


def test_the_program_starts(container: Container) -> None:
    assert container.out("entrypoint", "--version").endswith(__version__)
    assert "Usage: flowers" in container.out("entrypoint", "--help")


def test_all_libraries_are_there_and_fit(container: Container) -> None:
    container.out("python", "-c", "import runners.local, runners.beam, runners.kubeflow, pipeline_def, kfp, tfx.components")
    assert "2.21" in container.out("python", "-c", "import tensorflow; print(tensorflow.__version__)")


def test_a_step_starts_and_says_what_it_was_not_given(container: Container) -> None:
    step = ["python", "-m", "flowers_tfx.orchestration.kubeflow.entrypoint", "--executor_class_path", "x"]
    step += ["--json_serialized_inputs_spec_args", "{}", "--json_serialized_invocation_args"]
    done = container.run(*step, "[]")
    assert done.returncode == 2
    assert "--json_serialized_invocation_args is not a JSON object" in done.stderr


def test_the_weights_are_baked_in_and_fit_the_network(built: Built, container: Container) -> None:
    path = f"{BAKED}/{built.weights.name}"
    assert container.out("sha256sum", path).split()[0] == subprocess.check_output(["sha256sum", built.weights], text=True).split()[0]
    build = "from flowers_tfx.config import ModelConfig; from flowers_tfx.model.network import build; import sys"
    build += "; model = ModelConfig(backbone='MobileNetV2', alpha=0.35, image_size=224, weights=sys.argv[1])"
    build += "; print(len(build(model, classes=5).full.get_weights()))"
    assert int(container.out("python", "-c", build, path)) > 200


def test_it_is_beams_sdk_container(container: Container, folder: Path, tmp_path: Path) -> None:
    """A worker pool from the image's own entrypoint; the job is sent from a second process of the image, so that both are one stack."""
    photos, data, group = folder / "photos", folder / "data", folder / "pool"
    container.out("flowers", "dataset", "sample", str(photos), "--per-class", "4", "--json")
    container.out("flowers", "dataset", "index", str(photos), "--json")
    log = tmp_path / "pool.log"
    with prism(prism_binary(), tmp_path / "prism.log") as engine, log.open("wb") as out:
        # In a session of its own, whose number is also that of its process group.
        start = f"echo $$ >{group}; exec entrypoint --worker_pool"
        pool = subprocess.Popen(container.command("setsid", "--wait", "sh", "-c", start), stdout=out, stderr=out)
        try:
            wait_for_the_pool(log)
            settings = {"job_endpoint": engine.endpoint, "environment": "external", "environment_config": f"localhost:{POOL_PORT}"}
            sets = [word for key, value in settings.items() for word in ("--set", f"beam.{key}={value}")]
            ingest = ["flowers", "ingest", "--csv", f"{photos}/all_data.csv", "--labels", f"{photos}/dict.txt", "--data-root", str(data)]
            output = json.loads(container.out(*ingest, "--engine", "portable", *sets, "--json"))
        finally:
            container.run("sh", "-c", f"kill -- -$(cat {group})")
            pool.wait(60)
    assert output["examples"] == 20
    assert "Starting worker with command ['/opt/apache/beam/boot'" in log.read_text(errors="replace")
    assert [path.name for path in data.iterdir() if path.is_dir()] == ["span-1"]


def wait_for_the_pool(log: Path) -> None:
    deadline = time.monotonic() + POOL_S
    while not answers(POOL_PORT):
        assert time.monotonic() < deadline, f"no worker pool at port {POOL_PORT} in {POOL_S} s:\n{log.read_text(errors='replace')[-3000:]}"
        time.sleep(0.5)
