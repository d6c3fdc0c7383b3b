"""A digest of the sources that a module runs on, so that an edit of the code is a cache miss from the right node on.

TFX hashes a `module_file`, but not a `run_fn` path, which is how this package is named to Trainer and Transform.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path

PACKAGE = "flowers_tfx"
_LIBRARIES = ("tfx", "tensorflow", "keras", "tensorflow-transform", "tensorflow-model-analysis", "pillow")


@cache
def code_digest(module: str, root: Path | None = None) -> str:
    """sha256 over `module`, every module of the package that it imports, however deep, and the versions of the main libraries.

    Raises ModuleNotFoundError when `module` has no source in `root`: its digest would never change.
    """
    base = root or Path(__file__).resolve().parent.parent
    if _source(module, base) is None:
        raise ModuleNotFoundError(f"There is no source of {module} in {base}.")
    digest = hashlib.sha256()
    for name in sorted(_closure(module, base)):
        source = _source(name, base)
        if source is not None:
            digest.update(f"{name}\0".encode() + source.read_bytes())
    for library in _LIBRARIES:
        digest.update(f"{library}={metadata.version(library)}".encode())
    return digest.hexdigest()


def imported_modules(module: str, root: Path) -> set[str]:
    """Modules of the package that the source of `module` names in an import, at any depth of its code."""
    source = _source(module, root)
    if source is None:
        return set()
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in names if name.split(".")[0] == PACKAGE and _source(name, root) is not None}


def _closure(module: str, root: Path) -> set[str]:
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(imported_modules(name, root))
    return seen


def _source(module: str, root: Path) -> Path | None:
    path = root.joinpath(*module.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)
