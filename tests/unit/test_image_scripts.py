"""What the scripts around the image do before and after an engine builds it. The image itself: tests/e2e/test_image.py."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

# An engine that writes down what it is asked for, and shows what the extra build context holds.
ENGINE = """#!/bin/sh
case $1 in
  info) ;;
  images) echo "sha256:0123 3.4GB" ;;
  build)
    for word in "$@"; do
      echo "$word" >>"$RECORD"
      case $word in extras=*) ls "${word#extras=}"/weights >>"$RECORD" ;; esac
    done ;;
esac
"""


@pytest.fixture()
def checkout(tmp_path: Path) -> Path:
    """What the image is built from, at another place."""
    copy = tmp_path / "checkout"
    for name in ("flowers_tfx", "runners", "schema", "configs", "requirements", "scripts"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Dockerfile", "Dockerfile.serve", ".dockerignore", "pipeline_def.py", "setup.py", "pyproject.toml"):
        shutil.copy(ROOT / name, copy / name)
    return copy


def digest(checkout: Path, *dockerfile: str) -> str:
    command = [checkout / "scripts" / "source_digest.sh", *dockerfile]
    output = subprocess.run(command, check=True, capture_output=True, text=True, cwd="/").stdout.strip()
    assert len(output) == 64
    return output


def image(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The script in a new environment, with an engine of ours that is called docker."""
    engines = checkout.parent / "engines"
    engines.mkdir(exist_ok=True)
    (engines / "docker").write_text(ENGINE)
    (engines / "docker").chmod(0o755)
    path = f"{engines}{os.pathsep}{os.environ['PATH']}"
    variables = {"PATH": path, "HOME": str(checkout.parent), "RECORD": str(checkout.parent / "record"), **environment}
    return subprocess.run([checkout / "scripts" / "image.sh"], check=False, capture_output=True, text=True, env=variables)


def test_the_digest_is_of_names_and_contents_alone(checkout: Path, tmp_path: Path) -> None:
    first = digest(checkout)
    os.utime(checkout / "setup.py", (0, 0))
    (checkout / "runners" / "__pycache__").mkdir()
    (checkout / "runners" / "__pycache__" / "local.cpython-310.pyc").write_bytes(b"x")
    (checkout / "notes.txt").write_text("not in the image")
    moved = checkout.rename(tmp_path / "elsewhere")
    assert digest(moved) == first


@pytest.mark.parametrize("edited", ["Dockerfile", "flowers_tfx/config/pipeline.py", "schema/schema.pbtxt", "scripts/entrypoint.sh"])
def test_an_edit_of_what_goes_into_the_image_changes_the_digest(checkout: Path, edited: str) -> None:
    first = digest(checkout)
    with (checkout / edited).open("a") as source:
        source.write("\n")
    assert digest(checkout) != first


def test_another_name_changes_the_digest(checkout: Path) -> None:
    first = digest(checkout)
    (checkout / "configs" / "demo.yaml").rename(checkout / "configs" / "other.yaml")
    assert digest(checkout) != first


@pytest.mark.parametrize("dockerfile", ["Dockerfile", "Dockerfile.serve"])
def test_every_file_that_the_dockerfile_copies_is_in_the_build(checkout: Path, dockerfile: str) -> None:
    lines = [line.split() for line in (checkout / dockerfile).read_text().splitlines() if line.startswith("COPY")]
    sources = {word for words in lines if "--from" not in words[1] for word in words[1:-1] if not word.startswith("--")}
    let_through = {line[1:] for line in (checkout / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {source.rstrip("/") for source in sources} <= let_through | {"scripts"}
    assert all((checkout / name).exists() for name in let_through)


def test_the_engine_gets_version_digest_and_arguments(checkout: Path) -> None:
    weights = checkout.parent / "head.weights.h5"
    weights.write_bytes(b"h5")
    done = image(checkout, IMAGE="flowers:1", ACCELERATOR="gpu", WEIGHTS=str(weights), BASE_IMAGE="base:1", BEAM_BOOT="beam:1")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "flowers:1 sha256:0123 3.4GB\n"
    asked = (checkout.parent / "record").read_text().splitlines()
    wanted = {f"REVISION={digest(checkout)}", "VERSION=0.1.0", "ACCELERATOR=gpu", "BASE_IMAGE=base:1", "BEAM_BOOT=beam:1"}
    assert wanted <= set(asked)
    assert asked[asked.index("--tag") + 1] == "flowers:1"
    assert "head.weights.h5" in asked


def test_the_serving_image_has_its_own_file_name_and_digest(checkout: Path) -> None:
    done = image(checkout, TARGET="serve")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "flowers_tfx-serve:latest sha256:0123 3.4GB\n"
    asked = (checkout.parent / "record").read_text().splitlines()
    assert asked[asked.index("--file") + 1] == "Dockerfile.serve"
    assert f"REVISION={digest(checkout, 'Dockerfile.serve')}" in asked
    assert digest(checkout, "Dockerfile.serve") != digest(checkout)


def test_nothing_is_asked_for_that_was_not_given(checkout: Path) -> None:
    assert image(checkout).returncode == 0
    asked = (checkout.parent / "record").read_text()
    assert not any(name in asked for name in ("ACCELERATOR", "BASE_IMAGE", "BEAM_BOOT", "extras="))


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"ACCELERATOR": "tpu"}, "cpu or gpu, not tpu"),
        ({"WEIGHTS": "absent.h5"}, "absent.h5 is not a file"),
        ({"ENGINE": "no-engine"}, "No container engine"),
        ({"TARGET": "edge"}, "TARGET is pipeline or serve, not edge"),
        ({"TARGET": "serve", "ACCELERATOR": "gpu"}, "ACCELERATOR is for the image of the pipeline"),
        ({"TARGET": "serve", "WEIGHTS": "setup.py"}, "WEIGHTS is for the image of the pipeline"),
    ],
)
def test_bad_input_is_reported_before_anything_is_built(checkout: Path, variables: dict[str, str], expected: str) -> None:
    done = image(checkout, **variables)
    assert done.returncode == 2
    assert expected in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (checkout.parent / "record").exists()


def test_the_entrypoint_hands_people_to_the_program_and_engines_to_beam(tmp_path: Path) -> None:
    (tmp_path / "flowers").write_text('#!/bin/sh\necho "flowers $*"\n')
    (tmp_path / "flowers").chmod(0o755)

    def start(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(ROOT / "scripts" / "entrypoint.sh"), *arguments]
        variables = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
        return subprocess.run(command, check=False, capture_output=True, text=True, env=variables)

    assert start("runs", "--json").stdout == "flowers runs --json\n"
    assert start("review", "--id=1").stdout == "flowers review --id=1\n"
    assert start().stdout == "flowers \n"
    if Path("/opt/apache/beam/boot").exists():
        pytest.skip("this machine has Beam's boot program")
    for options in (["--id=1-1", "--provision_endpoint=localhost:1"], ["--semi_persist_dir=/tmp", "--id=1"], ["--worker_pool"]):
        done = start(*options)
        assert (done.returncode, done.stdout) == (2, "")
        assert "without Beam's boot program" in done.stderr
