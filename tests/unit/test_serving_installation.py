"""What runs where only the `# serve` part of requirements/in.txt is installed, as in the serving image: no test imports anything else."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from flowers_tfx.model.signatures import export
from tests.conftest import ROOT, small_photo
from tests.unit.small_network import LABELS, SIZE, SmallNetwork

# Python's finder of modules passes over all installed packages but the allowed ones, as if they were not there.
HIDE = """
import json, sys
from importlib.machinery import PathFinder
allowed, original = json.loads(sys.argv.pop(1)), PathFinder.find_spec
def find_spec(cls, name, *rest):
    spec = original(name, *rest)
    hidden = spec and name.partition(".")[0] not in allowed and "site-packages" in str(spec.origin or spec.submodule_search_locations)
    return None if hidden else spec
PathFinder.find_spec = classmethod(find_spec)
from flowers_tfx.cli import main
main()
"""


@pytest.fixture(scope="module")
def allowed() -> list[str]:
    """Top-level modules of the packages of the `# serve` part, and of all that these need."""
    part = (ROOT / "requirements" / "in.txt").read_text(encoding="utf-8").partition("\n# pipeline")[0]
    names = installed(Requirement(line) for line in part.splitlines() if line and not line.startswith("#"))
    return sorted({file.parts[0].partition(".")[0] for name in names for file in distribution(name).files or ()})


def installed(requirements: Iterable[Requirement]) -> set[str]:
    """The names of these packages, and of all that they need, with the extras that they are asked for with."""
    remaining, names = list(requirements), set[str]()
    done: set[tuple[str, frozenset[str]]] = set()
    while remaining:
        requirement = remaining.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in done:
            continue
        done.add((name, extras))
        names.add(name)
        needed = map(Requirement, distribution(name).requires or ())
        remaining += [one for one in needed if not one.marker or any(one.marker.evaluate({"extra": extra}) for extra in ("", *extras))]
    return names


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    registry = tmp_path_factory.mktemp("registry")
    export(SmallNetwork(1), SIZE, LABELS, {}, str(registry / "1"))
    return registry


def flowers(allowed: list[str], *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", HIDE, json.dumps(allowed), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_only_what_serves_is_allowed(allowed: list[str]) -> None:
    assert {"ai_edge_litert", "numpy", "PIL", "fastapi", "uvicorn", "boto3", "grpc"} <= set(allowed)
    assert not {
        "tensorflow",
        "tfx",
        "apache_beam",
        "pandas",
        "pyarrow",
        "scipy",
        "sklearn",
        "skimage",
        "saliency",
        "keras",
        "kfp",
        "h5py",
    } & set(allowed)


def test_photos_are_predicted(allowed: list[str], registry: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(small_photo(1))
    done = flowers(allowed, "predict", tmp_path / "photo.jpg", "--set", f"registry={registry}", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)[0]["label"] in LABELS


def test_versions_are_listed_and_pinned(allowed: list[str], registry: Path) -> None:
    setting = ("--set", f"registry={registry}", "--json")
    for command in (["list"], ["pin", "1"], ["unpin"]):
        done = flowers(allowed, "registry", *command, *setting)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        assert json.loads(done.stdout)


def test_versions_are_shown_and_compared(allowed: list[str], registry: Path) -> None:
    for command in (["show"], ["show", "1"], ["diff", "1", "1"]):
        for form in ([], ["--json"]):
            done = flowers(allowed, "registry", *command, "--set", f"registry={registry}", *form)
            assert done.returncode == 0, (command, done.stdout, done.stderr)
            assert json.loads(done.stdout) if form else "not recorded" in done.stdout, command


def test_photos_are_served(allowed: list[str], registry: Path) -> None:
    command = [sys.executable, "-c", HIDE, json.dumps(allowed), "serve", "--port", "0", "--set", f"registry={registry}", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as server:
        try:
            assert server.stdout and server.stderr
            ready = server.stdout.readline()
            assert ready, server.stderr.read()
            request = Request(f"{json.loads(ready)['url']}/predict", small_photo(1), {"Content-Type": "image/jpeg"})
            with urlopen(request, timeout=120) as response:
                assert json.load(response)["label"] in LABELS
        finally:
            server.terminate()
        assert server.wait(120) == 0


@pytest.mark.parametrize("command", ["predict", "serve", "registry"])
def test_their_help_and_the_version_are_printed(allowed: list[str], command: str) -> None:
    for arguments in (["--version"], ["--help"], [command, "--help"]):
        done = flowers(allowed, *arguments)
        assert (done.returncode, done.stderr) == (0, ""), arguments


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (["run", "--set", "pipeline_root=photos"], "tfx"),
        (["runs", "--set", "pipeline_root=photos"], "ml_metadata"),
        (["dataset", "index", "photos"], "pandas"),
        (["predict", "photo.jpg", "--engine", "savedmodel", "--set", "registry=REGISTRY"], "tensorflow"),
    ],
)
def test_a_command_that_needs_more_says_so(allowed: list[str], registry: Path, tmp_path: Path, arguments: list[str], missing: str) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photo.jpg").write_bytes(small_photo(1))
    places = {"photos": str(tmp_path / "photos"), "photo.jpg": str(tmp_path / "photo.jpg")}
    words = [places.get(word, word.replace("REGISTRY", str(registry)).replace("=photos", f"={tmp_path}")) for word in arguments]
    done = flowers(allowed, *words)
    assert (done.returncode, done.stdout) == (2, "")
    error, hint = done.stderr.splitlines()
    assert error == f"Error: This installation has no TensorFlow: it serves and predicts, and lacks {missing}, which this command needs."
    assert "image of the pipeline" in hint
