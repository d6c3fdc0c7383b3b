"""The structure of the program, measured: who imports whom, how long files and functions are.

    python scripts/structure.py            # a summary; exit code 1 where a rule is broken
    python scripts/structure.py --arrows   # every import between rooms, with the files it stands in

Nothing is imported: it reads the sources, imports inside functions and under TYPE_CHECKING included. `RANKS` is the one table of the rooms:
a room may import those above it, and none below.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "flowers_tfx"
# From the ground up. A room is a package or a module of flowers_tfx; the last ones lie beside it.
RANKS = (
    "errors",
    "progress",
    "code_digest",
    "features",
    "backbones",
    "model_files",
    "finding_kinds",
    "config",
    "curated_schema",
    "storage",
    "data",
    "samples",
    "registry",
    "validation",
    "reports",
    "model",
    "inference",
    "review",
    "selection",
    "components",
    "orchestration",
    "pipeline_def",
    "runners",
    "cli",
    "__main__",
)
# What a room must never import, at any depth of its own code.
NEVER = {
    "tfx": ("data", "samples", "registry", "validation", "reports", "model", "inference", "review"),
    "tensorflow": ("validation", "reports", "samples", "registry", "storage", "config"),
    "apache_beam": ("validation", "reports", "samples", "registry", "config", "model", "inference"),
}
LONGEST_FILE, LONG_FUNCTION = 250, 40


@dataclass(frozen=True)
class Import:
    """`source`, a module, imports `target`, a module of ours or a foreign package, in `line` of its file."""

    source: str
    target: str
    line: int


@dataclass(frozen=True)
class Function:
    name: str
    module: str
    lines: int


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Every module of the program by its dotted name; tests, scripts and benchmarks are none of it."""
    files = [*(root / PACKAGE).rglob("*.py"), *(root / "runners").rglob("*.py"), root / "pipeline_def.py"]
    found = {}
    for path in sorted(files):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(root: Path = ROOT) -> Iterator[Import]:
    known = modules(root)
    for name, path in known.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(name, alias.name, node.lineno)
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    foreign = not is_ours(node.module)
                    yield Import(name, inner if foreign or inner in known else node.module, node.lineno)


def room(module: str) -> str:
    """The room that a module of ours lies in; `flowers_tfx` itself, which holds the version alone, is the ground."""
    first, _, rest = module.partition(".")
    return rest.partition(".")[0] if first == PACKAGE else first


def is_ours(module: str) -> bool:
    return module.partition(".")[0] in (PACKAGE, "runners", "pipeline_def")


def arrows(root: Path = ROOT) -> list[Import]:
    """Imports from one room into another."""
    found = [one for one in imports(root) if is_ours(one.target) and room(one.target) and room(one.source)]
    return [one for one in found if room(one.source) != room(one.target)]


def rooms_without_rank(root: Path = ROOT) -> list[str]:
    return sorted({room(name) for name in modules(root) if room(name)} - set(RANKS))


def upward_arrows(root: Path = ROOT) -> list[Import]:
    """Imports of a room that lies above; without any there is no circle between rooms."""
    rank = {name: at for at, name in enumerate(RANKS)}
    return [one for one in arrows(root) if rank.get(room(one.target), len(RANKS)) > rank.get(room(one.source), -1)]


def forbidden_imports(root: Path = ROOT) -> list[Import]:
    return [one for one in imports(root) if room(one.source) in NEVER.get(one.target.partition(".")[0], ())]


def hidden_imports(root: Path = ROOT) -> list[Import]:
    """Uses of importlib to import: the arrows above would not see what they bring in."""
    harmless = ("importlib.metadata", "importlib.resources")
    return [one for one in imports(root) if one.target.partition(".")[0] in ("importlib", "runpy") and one.target not in harmless]


def circles(root: Path = ROOT) -> list[list[str]]:
    """Circles of modules, imports inside functions included: each a list of names that import each other (Tarjan 1972)."""
    known = modules(root)
    graph: dict[str, set[str]] = {name: set() for name in known}
    for one in imports(root):
        # A package's __init__ that gathers the names of its modules is no part of what these need.
        if one.target in known and one.target != one.source and known[one.source].name != "__init__.py":
            graph[one.source].add(one.target)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for target in sorted(graph[name]):
            if target not in index:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], index[target])
        if low[name] == index[name]:
            members = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(members) > 1:
                found.append(sorted(members))

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return found


def long_files(root: Path = ROOT) -> list[tuple[str, int]]:
    """Files of code outside tests that are longer than LONGEST_FILE lines, benchmarks and scripts included."""
    places = (PACKAGE, "runners", "benchmarks", "scripts")
    files = [path for place in places for path in (root / place).rglob("*.py")] + [*root.glob("*.py")]
    sizes = [(path.relative_to(root).as_posix(), len(path.read_text(encoding="utf-8").splitlines())) for path in files]
    return sorted((entry for entry in sizes if entry[1] > LONGEST_FILE), key=lambda entry: -entry[1])


def functions(root: Path = ROOT) -> list[Function]:
    """Longest first, lines of signature and docstring included."""
    found = []
    for name, path in modules(root).items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.append(Function(node.name, name, (node.end_lineno or node.lineno) - node.lineno + 1))
    return sorted(found, key=lambda one: -one.lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arrows", action="store_true")
    if parser.parse_args().arrows:
        for one in sorted(arrows(), key=lambda one: (RANKS.index(room(one.source)), one.source, one.target)):
            print(f"{room(one.source):15} -> {room(one.target):15} {one.source}:{one.line} {one.target}")
        return 0
    rules = {
        "rooms without a rank": rooms_without_rank(),
        "upward arrows": [f"{one.source}:{one.line} imports {one.target}" for one in upward_arrows()],
        "circles of modules": [" <-> ".join(names) for names in circles()],
        "forbidden imports": [f"{one.source}:{one.line} imports {one.target}" for one in forbidden_imports()],
        "hidden imports": [f"{one.source}:{one.line} uses {one.target}" for one in hidden_imports()],
        f"files over {LONGEST_FILE} lines": [f"{name}: {lines}" for name, lines in long_files()],
    }
    for name, broken in rules.items():
        print(f"{name}: {len(broken)}", *broken, sep="\n  ")
    every = functions()
    longest = every[0]
    print(f"functions: {len(every)}, longest {longest.module}.{longest.name} with {longest.lines} lines")
    over = [one for one in every if one.lines > LONG_FUNCTION]
    print(f"functions over {LONG_FUNCTION} lines: {len(over)}", *(f"{one.module}.{one.name}: {one.lines}" for one in over), sep="\n  ")
    return 1 if any(rules.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
