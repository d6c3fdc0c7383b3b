"""What runs where only the `# serve` part of requirements/in.txt is installed, as in the serving image: the rest cannot be imported here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from flowers_tfx.samples import draw_flowers
from tests.conftest import ROOT

# The path finder of Python finds the standard library, the program and what is allowed, as if nothing else were installed.
HIDE = """
import json, sys
from importlib.machinery import PathFinder
allowed = {*json.loads(sys.argv.pop(1)), *sys.stdlib_module_names, "flowers_tfx"}
find_spec = PathFinder.find_spec
PathFinder.find_spec = classmethod(lambda cls, name, *rest: find_spec(name, *rest) if name.partition(".")[0] in allowed else None)
from flowers_tfx.cli import main
main()
"""


@pytest.fixture(scope="module")
def allowed() -> list[str]:
    """Top-level modules of the packages of the `# serve` part, and of all that these need."""
    part = (ROOT / "requirements" / "in.txt").read_text(encoding="utf-8").partition("\n# pipeline")[0]
    open_names = [line for line in part.splitlines() if line and not line.startswith("#")]
    names: set[str] = set()
    while open_names:
        requirement = Requirement(open_names.pop())
        name = canonicalize_name(requirement.name)
        if name in names or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        names.add(name)
        open_names += [*distribution(name).requires or (), *extras(name, requirement.extras)]
    return sorted(module for module, packages in packages_distributions().items() if names & {canonicalize_name(one) for one in packages})


def extras(name: str, wanted: set[str]) -> list[str]:
    """The requirements of these extras of a package, without the part of their marker that names the extra."""
    lines = distribution(name).requires or ()
    return [line.partition(";")[0] for line in lines for extra in wanted if re.search(rf"extra\s*==\s*['\"]{re.escape(extra)}['\"]", line)]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from flowers_tfx.model.signatures import export
    from tests.unit.small_network import LABELS, SIZE, SmallNetwork

    registry = tmp_path_factory.mktemp("registry")
    export(SmallNetwork(1), SIZE, LABELS, {}, str(registry / "1"))
    return registry


def flowers(allowed: list[str], *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", HIDE, json.dumps(allowed), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
