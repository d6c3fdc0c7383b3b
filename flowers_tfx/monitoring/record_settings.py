"""What a recorder needs to know."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

Lost = Literal["disk", "backlog", "error"]
Result = Literal["measured", "left out", "failed"]


@dataclass(frozen=True)
class RecordSettings:
    """`folder`: of this machine. A segment is closed after `file_bytes` or `file_s`; all records and kept photos together have at most
    `max_bytes`, and those of one process that are not closed yet `open_bytes`. `keep_photos`: share, 0 to 1. Nothing is written while less
    than `min_free_bytes` of the disk are free."""

    folder: str
    max_pixels: int
    keep_photos: float = 0.0
    file_bytes: int = 16_000_000
    file_s: float = 600.0
    max_bytes: int = 2_000_000_000
    open_bytes: int = 1_000_000_000
    min_free_bytes: int = 200_000_000

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class RecordCounters(Protocol):
    """What a recorder counts, for Prometheus. Threads call it."""

    def recorded(self, photos: int) -> None:
        """Answers whose record was written."""

    def lost(self, reason: Lost, photos: int) -> None:
        """Answers whose record was not written."""

    def measured(self, result: Result, photos: int) -> None:
        """Photos that were measured, left out under load, or could not be measured."""

    def failed(self) -> None:
        """An error that was not expected; the log has it."""
