"""The death of a process between two of its changes of files."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.buckets import Killed

_CHANGES = ("rename", "replace", "unlink", "rmdir")


def ends_before_kill(monkeypatch: pytest.MonkeyPatch, steps: int, work: Callable[[], object]) -> bool:
    """Does the work, which dies before its change number `steps`, from 0; whether it came to its end before that."""
    left = steps

    def counted(operation: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            return operation(*arguments, **options)

        return call

    with monkeypatch.context() as patched:
        for name in _CHANGES:
            patched.setattr(os, name, counted(getattr(os, name)))
        try:
            work()
        except Killed:
            return False
    return True
