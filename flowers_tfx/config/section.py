"""The base class and validators of all sections of the configuration."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError


class Section(BaseModel):
    """A part of the configuration: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def first_problem(error: ValidationError) -> tuple[str, str, Any]:
    """Dotted key, reason and value of the first error."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"] if isinstance(part, str) and part not in ("int", "literal['all']"))
    return key, first["msg"].removeprefix("Value error, "), first["input"]


def split_commas(value: Any) -> Any:
    """A list may be written as `a,b` on the command line."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def parse_on_off(value: Any) -> Any:
    """`on` or `off` from the words that YAML reads as booleans, and from booleans."""
    word = str(value).lower() if isinstance(value, bool | str) else ""
    return {"true": "on", "yes": "on", "on": "on", "false": "off", "no": "off", "off": "off"}.get(word, value)
