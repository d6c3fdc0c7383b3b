"""What all sections of the configuration share."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the configuration: frozen, and without keys that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def listed(value: Any) -> Any:
    """A list may be written as `a,b` on the command line."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def switch(value: Any) -> Any:
    """YAML reads `on`, `off`, `true` and `false` as booleans, a command line as strings."""
    return {True: "on", False: "off", "true": "on", "false": "off"}.get(value, value)
