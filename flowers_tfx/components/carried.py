"""For executors that are not an OwnExecutor yet."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tfx import types

from flowers_tfx.components.local_artifacts import local_artifacts

Do = Callable[[Any, dict[str, Any], dict[str, list[types.Artifact]], dict[str, Any]], None]


def carried(do: Do) -> Do:
    @functools.wraps(do)
    def wrapped(
        self: Any, input_dict: dict[str, Any], output_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]
    ) -> None:
        with local_artifacts(input_dict, output_dict):
            do(self, input_dict, output_dict, exec_properties)

    return wrapped
