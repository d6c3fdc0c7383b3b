"""Events of the nodes that a TFX runner launches in this process: started, cached, complete, failed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from tfx.orchestration.portable import launcher

Event = Literal["planned", "started", "cached", "complete", "failed"]
Watcher = Callable[[str, Event], None]


@dataclass(frozen=True)
class Failure:
    """The original error of a node: runners wrap it."""

    node_id: str
    error: BaseException


@contextlib.contextmanager
def watch_nodes(watcher: Watcher) -> Iterator[list[Failure]]:
    """Inside the `with` block, every node that a TFX runner launches in this process is reported to `watcher(node_id, event)`. Yields the
    failures.

    TFX's runners have no hook of their own: they look up `launcher.Launcher` for each node, so it is replaced here.
    """

    failures: list[Failure] = []

    class WatchedLauncher(launcher.Launcher):
        def launch(self) -> Any:
            node_id = self._pipeline_node.node_info.id
            self._event: Event = "complete"
            watcher(node_id, "started")
            try:
                result = super().launch()
            except BaseException as error:
                failures.append(Failure(node_id, error))
                watcher(node_id, "failed")
                raise
            watcher(node_id, self._event)
            return result

        def _prepare_execution(self) -> Any:
            prepared = super()._prepare_execution()
            if not prepared.is_execution_needed:
                self._event = "cached"
            return prepared

    stock = launcher.Launcher
    launcher.Launcher = WatchedLauncher
    try:
        yield failures
    finally:
        launcher.Launcher = stock
