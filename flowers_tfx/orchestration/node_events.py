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
    """What a node raised, as it raised it: runners wrap it."""

    node_id: str
    error: BaseException


@contextlib.contextmanager
def watch_nodes(watcher: Watcher) -> Iterator[list[Failure]]:
    """Within it, every node that a TFX runner launches in this process is reported to `watcher(node_id, event)`; yields the failures.

    TFX's runners have no hook of their own: they look `launcher.Launcher` up for each node, which is where this one steps in.
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
