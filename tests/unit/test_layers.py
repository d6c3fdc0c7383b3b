"""Who may import whom: scripts/structure.py holds the one table, and reads the imports themselves."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from flowers_tfx.cli.program import flowers
from scripts import structure

pytestmark = pytest.mark.one_stack

ROOT = Path(__file__).parents[2]
HEAVY = {"tfx", "tensorflow", "keras", "apache_beam", "numpy", "pandas", "PIL", "pydantic"}


def test_every_package_has_a_layer() -> None:
    assert structure.packages_without_layer() == []
    assert len(set(structure.LAYERS)) == len(structure.LAYERS)


def test_no_package_imports_a_later_layer() -> None:
    assert structure.forbidden_layer_imports() == []


def test_no_modules_import_each_other_in_a_cycle() -> None:
    assert structure.cycles() == []


def test_no_package_imports_a_library_that_is_forbidden_to_it() -> None:
    assert structure.forbidden_imports() == []


def test_no_import_hides_in_importlib() -> None:
    assert structure.hidden_imports() == []


def test_the_list_of_runs_does_without_the_seconds_that_tfx_takes() -> None:
    slow = {"tfx", "tensorflow", "keras", "apache_beam"}
    code = f"import sys, flowers_tfx.orchestration.run_history; print(sorted({slow} & sys.modules.keys()))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert process.stdout.strip() == "[]"


def test_no_file_is_two_ideas_long() -> None:
    assert structure.long_files() == []


def test_no_function_is_long() -> None:
    assert [one for one in structure.functions() if one.lines > structure.LONG_FUNCTION] == []


def test_a_broken_rule_is_found(tmp_path: Path) -> None:
    """The rules see imports inside functions, under TYPE_CHECKING, and those of a package."""
    files = {
        "flowers_tfx/__init__.py": "",
        "flowers_tfx/data/__init__.py": "",
        "flowers_tfx/data/one.py": "def f():\n    from flowers_tfx.review import two\n    import tfx.dsl\n",
        "flowers_tfx/review/__init__.py": "",
        "flowers_tfx/review/two.py": "from flowers_tfx.data import one\nfrom importlib import import_module\n",
        "flowers_tfx/attic/__init__.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "runners").mkdir()
    (tmp_path / "pipeline_def.py").write_text("x = 1\n" * 251)
    assert [one.target for one in structure.forbidden_layer_imports(tmp_path)] == ["flowers_tfx.review.two"]
    assert structure.cycles(tmp_path) == [["flowers_tfx.data.one", "flowers_tfx.review.two"]]
    assert [one.target for one in structure.forbidden_imports(tmp_path)] == ["tfx.dsl"]
    assert [one.source for one in structure.hidden_imports(tmp_path)] == ["flowers_tfx.review.two"]
    assert structure.packages_without_layer(tmp_path) == ["attic"]
    assert structure.long_files(tmp_path) == [("pipeline_def.py", 251)]


def test_there_is_no_utils() -> None:
    assert not [p for p in ROOT.glob("flowers_tfx/**/*.py") if p.stem in ("utils", "common", "helpers")]


def commands(command: click.Command, name: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command and group below this one, itself included, by its words."""
    yield name
    for word, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*name, word))


@pytest.mark.parametrize("command", commands(flowers), ids=" ".join)
def test_help_is_quick_and_imports_nothing_heavy(command: tuple[str, ...]) -> None:
    code = f"""
import sys
from flowers_tfx.cli import main
try:
    main([*{command!r}, "--help"])
except SystemExit:
    print(sorted({{name.split(".")[0] for name in sys.modules}} & {HEAVY}))
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert process.stdout.strip().endswith("[]")
    assert "Usage" in process.stdout
