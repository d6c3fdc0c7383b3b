"""Who may import whom (DESIGN.md, section 4), read from the imports themselves."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "flowers_tfx"
NO_TFX = ("data", "validation", "explain", "reports", "serving")
HEAVY = {"tfx", "tensorflow", "keras", "apache_beam", "numpy", "pandas", "PIL", "pydantic"}
BASE = {"config", "features", "errors", "curated_schema", "code_digest", "progress", "registry", "storage", "buckets"}


def imports_of(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def inner(path: Path) -> set[str]:
    """First names below the package that a file imports."""
    return {name.split(".")[1] for name in imports_of(path) if name.startswith("flowers_tfx.")}


def test_these_packages_never_import_tfx() -> None:
    for package in NO_TFX:
        for path in (PACKAGE / package).rglob("*.py"):
            assert not any(name.split(".")[0] == "tfx" for name in imports_of(path)), path


@pytest.mark.parametrize(
    ("package", "others"),
    [("data", set()), ("validation", set()), ("reports", {"data", "validation"})],
    ids=["data", "validation", "reports"],
)
def test_the_core_imports_only_the_base(package: str, others: set[str]) -> None:
    allowed = BASE | {package} | others
    for path in (PACKAGE / package).rglob("*.py"):
        assert {name for name in inner(path) if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()} <= allowed, path


def test_nothing_below_the_command_line_imports_it() -> None:
    for path in [*PACKAGE.rglob("*.py"), ROOT / "pipeline_def.py"]:
        if path.name not in ("__main__.py",):
            assert "cli" not in inner(path), path
    assert not any(name.startswith("runners") for name in imports_of(ROOT / "pipeline_def.py"))


def test_there_is_no_utils() -> None:
    assert not [p for p in ROOT.glob("flowers_tfx/**/*.py") if p.stem in ("utils", "common", "helpers")]


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    code = f"""
import sys
from flowers_tfx.cli import main
try:
    main(["--help"])
except SystemExit:
    print(sorted({{name.split(".")[0] for name in sys.modules}} & {HEAVY}))
"""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip().endswith("[]")
    assert "predict" in done.stdout
    assert time.monotonic() - began < 30  # the real bound, 1 s, is in benchmarks/startup.py: timings decide no test
