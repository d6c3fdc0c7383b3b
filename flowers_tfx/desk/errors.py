"""Requests that the desk refuses; each becomes a page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class DeskError(Exception):
    """`status`: of HTTP; `message`: one sentence with the cause; `hint`: what to do."""

    status: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return self.message
