from __future__ import annotations

from pathlib import Path

import pytest

from flowers_tfx.code_digest import code_digest, imported_modules, sources

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


@pytest.mark.parametrize("edited", ["page.html.j2", "base.html.j2", "report.css"])
def test_a_template_and_what_it_includes_count_where_they_are_named(tree: Path, edited: str) -> None:
    templates = tree / "flowers_tfx" / "reports" / "templates"
    templates.mkdir(parents=True)
    (templates / "page.html.j2").write_text('{% extends "base.html.j2" %}')
    (templates / "base.html.j2").write_text("{% include 'report.css' %}")
    (templates / "report.css").write_text("p {}")
    (templates / "other.html.j2").write_text("")
    (tree / "flowers_tfx" / "bottom.py").write_text('page = render("page.html.j2")\n')
    before = digest(tree)
    (templates / "other.html.j2").write_text("edited")
    assert digest(tree) == before
    with (templates / edited).open("a") as template:
        template.write(" ")
    assert digest(tree) != before
    code_digest.cache_clear()
    assert list(sources("flowers_tfx.other", tree)) == ["flowers_tfx.other"]


def test_a_name_that_a_package_gathers_comes_from_the_module_that_defines_it(tree: Path) -> None:
    package = tree / "flowers_tfx" / "package"
    package.mkdir()
    (package / "__init__.py").write_text("from flowers_tfx.package.one import f\nfrom flowers_tfx.package.two import g\n\nOWN = 1\n")
    (package / "one.py").write_text("def f(): ...\n")
    (package / "two.py").write_text("def g(): ...\n")
    user = tree / "flowers_tfx" / "other.py"
    for line, modules in (
        ("from flowers_tfx.package import f", {"package.one"}),
        ("from flowers_tfx.package import two", {"package.two"}),
        ("from flowers_tfx.package import OWN", {"package", "package.one", "package.two"}),
        ("from flowers_tfx import package", {"package", "package.one", "package.two"}),
        ("import flowers_tfx.package", {"package", "package.one", "package.two"}),
    ):
        user.write_text(line + "\n")
        assert set(sources("flowers_tfx.other", tree)) == {"flowers_tfx.other", *(f"flowers_tfx.{name}" for name in modules)}, line


def test_the_trainers_code_reaches_down_to_the_network() -> None:
    assert "flowers_tfx.model.training" in imported_modules("flowers_tfx.model.trainer", ROOT)
    assert code_digest("flowers_tfx.model.trainer") != code_digest("flowers_tfx.model.preprocessing")
