"""The files of deploy/ against published schemas: Kubernetes', KServe's, and that of docker compose."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.e2e.package_environment import environment_programs

pytestmark = [pytest.mark.e2e, pytest.mark.one_stack]
DEPLOY, REQUIREMENTS = ROOT / "deploy", ROOT / "requirements" / "manifests.txt"
# The oldest that KServe 0.16 to 0.21 run on, and the newest with schemas.
VERSIONS = ("1.32", "1.37")
DESK, MONITOR = "desk/kubernetes.yaml", "monitor/kubernetes.yaml"
MANIFESTS = sorted(path.relative_to(DEPLOY).as_posix() for folder in ("kubernetes", "kserve") for path in (DEPLOY / folder).iterdir())


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder of the programs of an environment with requirements/manifests.txt, made once."""
    return environment_programs(REQUIREMENTS)


def check(programs: Path, version: str, *files: Path) -> subprocess.CompletedProcess[str]:
    command = [programs / "python", ROOT / "tests" / "e2e" / "check_manifests.py", version, *files]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_fits_the_schemas(programs: Path, version: str) -> None:
    done = check(programs, version, *(DEPLOY / name for name in (*MANIFESTS, DESK, MONITOR)))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_wrong_fields_are_found(programs: Path, tmp_path: Path) -> None:
    wrong = (
        ("kubernetes/deployment.yaml", "readOnlyRootFilesystem", "readonlyRootFilesystem"),
        ("kubernetes/deployment.yaml", "failureThreshold: 120", "failureThreshold: many"),
        (DESK, "readOnly: true", "readonly: true"),
        ("kubernetes/network-policy.yaml", "podSelector", "podSelectors"),
        (MONITOR, "accessModes", "accessMode"),
        (MONITOR, "secretKeyRef", "secretKeyref"),
        ("kserve/flowers.yaml", "scaleTarget", "scaleTargets"),
        ("kserve/flowers.yaml", "minReplicas: 0", "minReplicas: none"),
        ("kserve/flowers.yaml", "httpGet", "httpget"),
        ("kserve/tensorflow-serving.yaml", "storageUri", "storageURI"),
        ("kserve/tensorflow-serving.yaml", "modelFormat:", "modelFormats:"),
    )
    files = [tmp_path / f"{number}.yaml" for number in range(len(wrong))]
    for file, (name, right, written) in zip(files, wrong, strict=True):
        text = (DEPLOY / name).read_text(encoding="utf-8")
        assert right in text
        file.write_text(text.replace(right, written), encoding="utf-8")
    done = check(programs, VERSIONS[-1], *files)
    assert (done.returncode, done.stderr) == (1, "")
    for file, (_, _, written) in zip(files, wrong, strict=True):
        errors = [line for line in done.stdout.splitlines() if line.startswith(f"{file}: ")]
        assert any(written.partition(":")[0] in error for error in errors), (file, written, done.stdout)


def compose(programs: Path, file: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [programs / "docker-compose", "--file", file, "config", "--quiet"]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={"HOME": str(file.parent), **environment})


@pytest.mark.parametrize("name", ["compose.yaml", "desk/compose.yaml", "monitor/compose.yaml"])
def test_the_compose_file_fits_its_schema(programs: Path, tmp_path: Path, name: str) -> None:
    folders = dict.fromkeys(("REGISTRY", "DATA", "CONFIG", "RECORDS"), str(tmp_path))
    done = compose(programs, DEPLOY / name, DESK_URL="https://desk.example.org", **folders)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_a_registry_compose_says_what_is_missing(programs: Path) -> None:
    done = compose(programs, DEPLOY / "compose.yaml")
    assert done.returncode != 0
    assert "the folder of the registry" in done.stderr


def test_a_wrong_key_of_the_compose_file_is_found(programs: Path, tmp_path: Path) -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    (tmp_path / "compose.yaml").write_text(text.replace("read_only:", "readonly:"), encoding="utf-8")
    done = compose(programs, tmp_path / "compose.yaml", REGISTRY=str(tmp_path))
    assert done.returncode != 0
    assert "readonly" in done.stderr


def test_prometheus_takes_its_configuration() -> None:
    if shutil.which("promtool") is None:
        pytest.skip("no promtool (Debian's package prometheus has it)")
    command = ["promtool", "check", "config", str(DEPLOY / "prometheus.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
