"""The structure of the program, measured: who imports whom, how long files and functions are.

    python scripts/structure.py             # a summary; the exit code is 1 if a rule is broken
    python scripts/structure.py --imports   # every import between packages, with file and line

Nothing is imported: it reads the sources, imports inside functions and under TYPE_CHECKING included. `LAYERS` is the one table: a package
imports only packages that are earlier in it.
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
# From the ground up: packages and modules of flowers_tfx; `pipeline_def` and `runners` lie beside it.
LAYERS = (
    "errors",
    "wilson",
    "progress",
    "stop_signals",
    "webhook",
    "staleness",
    "code_digest",
    "features",
    "class_names",
    "backbones",
    "artifact_files",
    "parity_certificate",
    "finding_kinds",
    "texts",
    "config",
    "curated_schema",
    "storage",
    "tfrecords",
    "warm_up_requests",
    "data",
    "samples",
    "threads",
    "litert",
    "picture_gradients",
    "model_folder",
    "registry",
    "validation",
    "reports",
    "model_card",
    "model",
    "inference",
    "explain",
    "review",
    "warm_start",
    "selection",
    "monitoring",
    "serving",
    "desk",
    "components",
    "orchestration",
    "doctor",
    "experiments",
    "retention",
    "forgetting",
    "deliveries",
    "pipeline_def",
    "runners",
    "cli",
    "__main__",
)
# Libraries, and the packages that must not import them, inside functions neither.
_WITHOUT_TENSORFLOW = ("inference", "explain", "monitoring", "serving", "desk")
FORBIDDEN = {
    "tfx": ("data", "samples", "registry", "validation", "reports", "model_card", "model", "review", *_WITHOUT_TENSORFLOW),
    "tensorflow": ("validation", "reports", "model_card", "samples", "registry", "storage", "config", *_WITHOUT_TENSORFLOW),
    "apache_beam": ("validation", "reports", "model_card", "samples", "registry", "config", "model", *_WITHOUT_TENSORFLOW),
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
    """Every module of the program by its dotted name, without tests, scripts and benchmarks."""
    files = [*(root / PACKAGE).rglob("*.py"), *(root / "runners").rglob("*.py"), root / "pipeline_def.py"]
    paths = {}
    for path in sorted(files):
        parts = path.relative_to(root).with_suffix("").parts
        paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return paths


def imports(root: Path = ROOT) -> Iterator[Import]:
    paths = modules(root)
    for name, path in paths.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(name, alias.name, node.lineno)
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    foreign = not is_ours(node.module)
                    yield Import(name, inner if foreign or inner in paths else node.module, node.lineno)


def layer_of(module: str) -> str:
    """The entry of LAYERS that a module of ours belongs to; empty for `flowers_tfx` itself, which holds only the version."""
    first, _, rest = module.partition(".")
    return rest.partition(".")[0] if first == PACKAGE else first


def is_ours(module: str) -> bool:
    return module.partition(".")[0] in (PACKAGE, "runners", "pipeline_def")


def imports_between_packages(root: Path = ROOT) -> list[Import]:
    """Imports from one package into another."""
    inner = [one for one in imports(root) if is_ours(one.target) and layer_of(one.target) and layer_of(one.source)]
    return [one for one in inner if layer_of(one.source) != layer_of(one.target)]


def packages_without_layer(root: Path = ROOT) -> list[str]:
    return sorted({layer_of(name) for name in modules(root) if layer_of(name)} - set(LAYERS))


def forbidden_layer_imports(root: Path = ROOT) -> list[Import]:
    """Imports of a package that is later in LAYERS; if there are none, no packages import each other in a cycle."""
    position = {name: at for at, name in enumerate(LAYERS)}
    return [
        one
        for one in imports_between_packages(root)
        if position.get(layer_of(one.target), len(LAYERS)) > position.get(layer_of(one.source), -1)
    ]


def forbidden_imports(root: Path = ROOT) -> list[Import]:
    return [one for one in imports(root) if layer_of(one.source) in FORBIDDEN.get(one.target.partition(".")[0], ())]


def hidden_imports(root: Path = ROOT) -> list[Import]:
    """Uses of importlib to import: the functions above do not see what it imports."""
    harmless = ("importlib.metadata", "importlib.resources", "importlib.util.find_spec")  # the last only looks
    return [one for one in imports(root) if one.target.partition(".")[0] in ("importlib", "runpy") and one.target not in harmless]


def cycles(root: Path = ROOT) -> list[list[str]]:
    """Modules that import each other in a cycle, imports inside functions included: a list of names for each cycle (Tarjan 1972)."""
    paths = modules(root)
    graph: dict[str, set[str]] = {name: set() for name in paths}
    for one in imports(root):
        # A package's __init__ only gathers the names of its modules: they do not depend on it.
        if one.target in paths and one.target != one.source and paths[one.source].name != "__init__.py":
            graph[one.source].add(one.target)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    components: list[list[str]] = []

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
                components.append(sorted(members))

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return components


def long_files(root: Path = ROOT) -> list[tuple[str, int]]:
    """Files of code outside tests that are longer than LONGEST_FILE lines, benchmarks and scripts included."""
    places = (PACKAGE, "runners", "benchmarks", "scripts")
    files = [path for place in places for path in (root / place).rglob("*.py")] + [*root.glob("*.py")]
    sizes = [(path.relative_to(root).as_posix(), len(path.read_text(encoding="utf-8").splitlines())) for path in files]
    return sorted((entry for entry in sizes if entry[1] > LONGEST_FILE), key=lambda entry: -entry[1])


def functions(root: Path = ROOT) -> list[Function]:
    """Longest first, lines of signature and docstring included."""
    measured = []
    for name, path in modules(root).items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                measured.append(Function(node.name, name, (node.end_lineno or node.lineno) - node.lineno + 1))
    return sorted(measured, key=lambda one: -one.lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--imports", action="store_true")
    if parser.parse_args().imports:
        for one in sorted(imports_between_packages(), key=lambda one: (LAYERS.index(layer_of(one.source)), one.source, one.target)):
            print(f"{layer_of(one.source):15} -> {layer_of(one.target):15} {one.source}:{one.line} {one.target}")
        return 0
    rules = {
        "packages without a layer": packages_without_layer(),
        "imports of a later layer": [f"{one.source}:{one.line} imports {one.target}" for one in forbidden_layer_imports()],
        "cycles of modules": [" <-> ".join(names) for names in cycles()],
        "forbidden imports": [f"{one.source}:{one.line} imports {one.target}" for one in forbidden_imports()],
        "hidden imports": [f"{one.source}:{one.line} uses {one.target}" for one in hidden_imports()],
        f"files over {LONGEST_FILE} lines": [f"{name}: {lines}" for name, lines in long_files()],
    }
    for name, broken in rules.items():
        print(f"{name}: {len(broken)}", *broken, sep="\n  ")
    measured = functions()
    longest = measured[0]
    print(f"functions: {len(measured)}, longest {longest.module}.{longest.name} with {longest.lines} lines")
    over = [one for one in measured if one.lines > LONG_FUNCTION]
    print(f"functions over {LONG_FUNCTION} lines: {len(over)}", *(f"{one.module}.{one.name}: {one.lines}" for one in over), sep="\n  ")
    return 1 if any(rules.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
