"""The version that Pusher published, as the nodes after it read it."""

from __future__ import annotations

from tfx import types


def pushed_version(pushed: types.Artifact) -> int:
    """0 if nothing was pushed."""
    if not pushed.get_int_custom_property("pushed"):
        return 0
    return int(pushed.get_string_custom_property("pushed_version") or 0)
