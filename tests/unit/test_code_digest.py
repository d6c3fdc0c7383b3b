from __future__ import annotations

from pathlib import Path

import pytest

from flowers_tfx.code_digest import code_digest, imported_modules

ROOT = Path(__file__).parents[2]


@pytest.fixture()
def tree(tmp_path: Path) -> Path:
    package = tmp_path / "flowers_tfx"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "top.py").write_text("def late():\n    from flowers_tfx import middle\n")
    (package / "middle.py").write_text("import json\nimport flowers_tfx.bottom\n")
    (package / "bottom.py").write_text("x = 1\n")
    (package / "other.py").write_text("y = 1\n")
    return tmp_path


def digest(tree: Path) -> str:
    code_digest.cache_clear()
    return code_digest("flowers_tfx.top", tree)


@pytest.mark.parametrize("edited", ["top", "middle", "bottom"])
def test_an_edit_anywhere_below_changes_the_digest(tree: Path, edited: str) -> None:
    before = digest(tree)
    with (tree / "flowers_tfx" / f"{edited}.py").open("a") as source:
        source.write("# edited\n")
    assert digest(tree) != before


def test_an_edit_elsewhere_and_a_touch_change_nothing(tree: Path) -> None:
    before = digest(tree)
    (tree / "flowers_tfx" / "other.py").write_text("y = 2\n")
    (tree / "flowers_tfx" / "top.py").touch()
    assert digest(tree) == before


def test_a_module_without_a_source_is_an_error(tree: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"flowers_tfx\.absent"):
        code_digest("flowers_tfx.absent", tree)


def test_the_trainers_code_reaches_down_to_the_network() -> None:
    assert "flowers_tfx.model.training" in imported_modules("flowers_tfx.model.trainer", ROOT)
    assert code_digest("flowers_tfx.model.trainer") != code_digest("flowers_tfx.model.preprocessing")
