"""What is told about versions: their states, as TensorFlow Serving has them, and what is counted of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

State = Literal["START", "LOADING", "AVAILABLE", "UNLOADING", "END"]
ErrorCode = Literal["OK", "UNAVAILABLE", "FAILED_PRECONDITION", "DATA_LOSS", "RESOURCE_EXHAUSTED", "INTERNAL"]
Role = Literal["serving", "canary", "shadow"]
Change = Literal["loaded", "kept out", "taken out", "freed"]


@dataclass(frozen=True)
class VersionState:
    """`message`: why the version does not serve, or what else is to be known of it."""

    version: str
    state: State
    error_code: ErrorCode = "OK"
    message: str = ""

    def as_json(self) -> dict[str, Any]:
        """An element of `model_version_status`."""
        return {"version": self.version, "state": self.state, "status": {"error_code": self.error_code, "error_message": self.message}}


class VersionMetrics(Protocol):
    """What is counted of versions. Several threads call it."""

    def version_changed(self, version: str, change: Change) -> None: ...

    def version_roles(self, roles: Mapping[Role, str]) -> None:
        """The version in each role that has one."""

    def shadow_compared(self, version: str, same_label: bool, difference: float) -> None:
        """One photo. `difference`: the largest of a class's probability."""

    def shadow_skipped(self, version: str, photos: int) -> None:
        """Photos that the shadow was not asked about, since requests waited."""


class NoMetrics:
    """Counts nothing."""

    def version_changed(self, version: str, change: Change) -> None:
        pass

    def version_roles(self, roles: Mapping[Role, str]) -> None:
        pass

    def shadow_compared(self, version: str, same_label: bool, difference: float) -> None:
        pass

    def shadow_skipped(self, version: str, photos: int) -> None:
        pass
