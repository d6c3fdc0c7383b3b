"""Installed packages beside requirements/in.txt and the lock file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from flowers_tfx.doctor.check_result import CheckResult, fail, ok, warn

if TYPE_CHECKING:
    from packaging.requirements import Requirement

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements"
_SETUP = "Install them again: `make setup`, in the checkout."
_MOST_NAMES = 6


def check_packages(folder: Path = REQUIREMENTS) -> CheckResult:
    """`folder`: with in.txt and lock.txt, as in a checkout; an installed program has none, and then nothing is compared."""
    try:
        import packaging.requirements  # noqa: F401
    except ImportError:
        return fail("The package `packaging` is missing: this Python does not have the program's packages.", _SETUP)
    if not (folder / "lock.txt").is_file():
        return ok("The lock file is not beside the program, so versions are not compared.")
    serve, pipeline = (sorted(_missing(lines)) for lines in _needed(folder / "in.txt"))
    if serve:
        return fail(f"Missing packages: {_names(serve + pipeline)}.", _SETUP)
    if {"tensorflow", "tfx"} <= set(pipeline):
        return ok("Only what `flowers serve` and `flowers predict` need is installed.")
    if pipeline:
        return fail(f"Missing packages: {_names(pipeline)}.", _SETUP)
    different = sorted(_different(folder / "lock.txt"))
    if different:
        return warn(
            f"Other versions than in the lock file: {_names(different)}.", "If something fails, `make setup` installs the tested versions."
        )
    return ok("All packages have the versions of the lock file.")


def _needed(path: Path) -> tuple[list[str], list[str]]:
    """The lines of in.txt that serving needs, and those that only the pipeline needs."""
    serve, _, rest = path.read_text(encoding="utf-8").partition("\n# pipeline")
    return serve.splitlines(), rest.partition("\n# dev")[0].splitlines()


def _requirements(lines: Iterable[str]) -> Iterator[Requirement]:
    from packaging.requirements import InvalidRequirement, Requirement

    for line in lines:
        text = line.partition("#")[0].rstrip().removesuffix("\\").strip()
        if text and not text.startswith("-"):
            try:
                requirement = Requirement(text)
            except InvalidRequirement:
                continue  # a damaged line: nothing can be compared with it
            if requirement.marker is None or requirement.marker.evaluate():
                yield requirement


def _missing(lines: Iterable[str]) -> Iterator[str]:
    return (requirement.name for requirement in _requirements(lines) if _installed(requirement.name) is None)


def _different(lock: Path) -> Iterator[str]:
    for requirement in _requirements(lock.read_text(encoding="utf-8").splitlines()):
        found = _installed(requirement.name)
        if found is not None and not requirement.specifier.contains(found, prereleases=True):
            yield f"{requirement.name} {found} ({requirement.specifier})"


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name) or None  # None also for a package whose metadata was damaged
    except metadata.PackageNotFoundError:
        return None


def _names(names: list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
