"""How much memory there is for another version: of the machine, and of the control groups that limit this process (containers)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flowers_tfx.artifact_files import LITERT_FILE

# What the interpreter of one thread takes besides its weights: 5.7 MB measured with MobileNetV2 0.35 at 224 px.
_BYTES_PER_THREAD = 8_000_000


def needed_memory(folder: Path, threads: int) -> int:
    """Bytes that a version needs at least, when so many threads ask it: its file, and an interpreter with weights of its own for each."""
    weights = (folder / LITERT_FILE).stat().st_size
    return weights * (1 + threads) + _BYTES_PER_THREAD * threads


def available_memory(root: Path = Path("/")) -> int | None:
    """Bytes that this process can still take; None where the system does not tell."""
    limits = [limit for limit in (_machine(root), *_control_groups(root)) if limit is not None]
    return min(limits, default=None)


@dataclass(frozen=True)
class _Files:
    """The names of one kind of control group's files. `cache`: the line of memory.stat with what the system gives back when asked to."""

    limit: str
    usage: str
    cache: str


_V1 = _Files("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_V2 = _Files("memory.max", "memory.current", "inactive_file")


def _machine(root: Path) -> int | None:
    kilobytes = _values(root / "proc/meminfo").get("MemAvailable:")
    return None if kilobytes is None else kilobytes * 1024


def _control_groups(root: Path) -> Iterator[int | None]:
    """Of each group that the process is in, up to the topmost that can be seen: in a container that is the container's own."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top, files = (root / "sys/fs/cgroup/memory", _V1) if controllers else (root / "sys/fs/cgroup", _V2)
        group = top / path.lstrip("/")
        while True:
            yield _group(group, files)
            if group == top:
                break
            group = group.parent


def _group(group: Path, files: _Files) -> int | None:
    """None for a group without a limit."""
    limit, usage = (_text(group / name).strip() for name in (files.limit, files.usage))
    if not limit.isdigit() or not usage.isdigit():
        return None
    return max(0, int(limit) - int(usage) + _values(group / "memory.stat").get(files.cache, 0))


def _values(file: Path) -> dict[str, int]:
    """Of lines such as `name 123` or `name 123 kB`."""
    rows = [line.split() for line in _text(file).splitlines()]
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""
