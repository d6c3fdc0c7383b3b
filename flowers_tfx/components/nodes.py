"""The nodes of a pipeline while it is wired: a list that is read by component class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tfx import types
from tfx.dsl.components.base.base_node import BaseNode


class Nodes:
    """In the order in which they were added. Reading a node that was not added yet raises KeyError with its class."""

    def __init__(self) -> None:
        self._by_class: dict[type[BaseNode], BaseNode] = {}

    def add(self, node: BaseNode, after: Sequence[type[BaseNode]] = ()) -> None:
        """`after`: nodes to wait for although none of their outputs is read. Nodes that are not in the pipeline are ignored."""
        for upstream in after:
            if upstream in self._by_class:
                node.add_upstream_node(self._by_class[upstream])
        self._by_class[type(node)] = node

    def output(self, component: type[BaseNode], name: str) -> types.BaseChannel:
        """The artifacts of an output."""
        return self._by_class[component].outputs[name]

    def value(self, component: type[BaseNode], name: str) -> Any:
        """The value of a `String` output, as a placeholder for another node's parameter."""
        return self.output(component, name).future()[0].value

    def __iter__(self) -> Iterator[BaseNode]:
        return iter(self._by_class.values())
