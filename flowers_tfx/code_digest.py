"""A digest of the sources that a module runs on, so that an edit of the code is a cache miss from the right node on.

TFX hashes a `module_file`, but not a `run_fn` path, which is how this package is named to Trainer and Transform.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

PACKAGE = "flowers_tfx"
TEMPLATES = f"{PACKAGE}/reports/templates"
_LIBRARIES = ("tfx", "tensorflow", "keras", "tensorflow-transform", "tensorflow-model-analysis", "ai-edge-litert", "pillow")
_TEMPLATE_SUFFIXES = (".j2", ".css")
_QUOTED = re.compile(r"""["']([^"']+)["']""")


@cache
def code_digest(module: str, root: Path | None = None) -> str:
    """sha256 over the sources of `module` (see `sources`) and the versions of the main libraries."""
    digest = hashlib.sha256()
    for name, path in sources(module, root).items():
        digest.update(f"{name}\0".encode() + path.read_bytes())
    for library in _LIBRARIES:
        digest.update(f"{library}={metadata.version(library)}".encode())
    return digest.hexdigest()


def file_digests(module: str, root: Path | None = None) -> dict[str, str]:
    """What `code_digest` is made of, to name what changed between two of them: a short digest of each file, the version of each library."""
    base = root or Path(__file__).resolve().parent.parent
    files = (path for path in sources(module, base).values())
    digests = {path.relative_to(base).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in files}
    return {**digests, **{f"library {library}": metadata.version(library) for library in _LIBRARIES}}


def sources(module: str, root: Path | None = None) -> dict[str, Path]:
    """`module`, every module of the package that it imports, however deep, and the report templates that one of them names: name to file.

    Raises ModuleNotFoundError when `module` has no source in `root`: its digest would never change.
    """
    base = root or Path(__file__).resolve().parent.parent
    if _source(module, base) is None:
        raise ModuleNotFoundError(f"There is no source of {module} in {base}.")
    files: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = base / name if name.startswith(TEMPLATES) else _source(name, base)
        if name not in files and path is not None:
            files[name] = path
            waiting.extend(_named_templates(path, base))
            if path.suffix == ".py":
                waiting.extend(imported_modules(name, base))
    return dict(sorted(files.items()))


def imported_modules(module: str, root: Path) -> set[str]:
    """Modules of the package that the source of `module` imports, at any depth of its code.

    A name that a package's `__init__` only gathers counts as an import of the module that the `__init__` has it from. The packages around
    an imported module are not included: `__init__` files gather names, and a new version number in the package's own must not retrain.
    """
    names: set[str] = set()
    for imported, name in _imports(module, root):
        names.add(imported if name is None else _defining_module(imported, name, root))
    return {name for name in names if name.split(".")[0] == PACKAGE and _source(name, root) is not None}


def _imports(module: str, root: Path) -> Iterator[tuple[str, str | None]]:
    """(module, name from it) of each import; None for an import of the module itself."""
    path = _source(module, root)
    yield from _read_code(path.read_text(encoding="utf-8")).imports if path else ()


def _defining_module(package: str, name: str, root: Path) -> str:
    """The module that `from package import name` gets its name from."""
    if _source(f"{package}.{name}", root) is not None:
        return f"{package}.{name}"
    path = _source(package, root)
    if path is not None and path.name == "__init__.py" and package.split(".", maxsplit=1)[0] == PACKAGE:
        for gathered, gathered_name in _imports(package, root):
            if gathered_name == name:
                return _defining_module(gathered, name, root)
    return package


def _named_templates(path: Path, root: Path) -> list[str]:
    """Templates and styles whose file name stands in quotes in a module or in a template (`extends`, `include`, `from`)."""
    text = path.read_text(encoding="utf-8")
    names = _read_code(text).strings if path.suffix == ".py" else _QUOTED.findall(text)
    templates = [f"{TEMPLATES}/{name}" for name in names if name.endswith(_TEMPLATE_SUFFIXES)]
    return [template for template in templates if (root / template).is_file()]


@dataclass(frozen=True)
class _Code:
    """Of a Python source: (module, name from it) of each import, and its string constants that may name a template."""

    imports: tuple[tuple[str, str | None], ...]
    strings: tuple[str, ...]


# By its text, not its path: a file may change while a process lives, and most files count for several nodes.
@cache
def _read_code(text: str) -> _Code:
    imports: list[tuple[str, str | None]] = []
    strings = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            imports.extend((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            imports.extend((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(_TEMPLATE_SUFFIXES):
            strings.append(node.value)
    return _Code(tuple(imports), tuple(strings))


def _source(module: str, root: Path) -> Path | None:
    path = root.joinpath(*module.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)
