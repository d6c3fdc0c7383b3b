"""What one run does differently from what the configuration says: nodes that do not ask the cache, and the part of the pipeline to run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from flowers_tfx.errors import InputError

ALL_NODES = "*"


@dataclass(frozen=True)
class RunOptions:
    """`no_cache`: nodes that run although the cache has their results, or ALL_NODES. Only `from_node` and what follows it runs, and only
    `to_node` and what it needs; empty: no limit."""

    no_cache: tuple[str, ...] = ()
    from_node: str = ""
    to_node: str = ""

    def check(self, node_ids: Collection[str]) -> None:
        """Raises InputError for a node that the pipeline does not have."""
        for option, names in (("--no-cache", self.no_cache), ("--from", (self.from_node,)), ("--to", (self.to_node,))):
            for name in names:
                if name and name != ALL_NODES and name not in node_ids:
                    raise InputError(f"{option}: the pipeline has no node {name}.", f"It has {', '.join(node_ids)}.")

    def forced(self, node_ids: Collection[str]) -> list[str]:
        return [node_id for node_id in node_ids if ALL_NODES in self.no_cache or node_id in self.no_cache]
