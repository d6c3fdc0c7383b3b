"""Cache keys by content, for the runners that launch nodes in this process.

TFX's own key has a node's execution properties, the ids of its input artifacts and its executor's spec. Three things in it are not content:
- a string output (`window`, `baseline`) is an artifact with a new id each time, and also an execution property of its reader: the
  property is enough, so a node that reads outside the pipeline may run again without a miss of all later nodes;
- Beam's options, the number of workers among them, are part of the executor's spec: they change no result;
- a node that reads or writes outside the pipeline is not a function of its properties: its driver sets the property
  `cache_key` to what the result depends on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from tfx.orchestration.portable import cache_utils
from tfx.proto.orchestration import executable_spec_pb2

from flowers_tfx.components.outside_driver import CACHE_KEY

__all__ = ["CACHE_KEY", "content_keys", "without_beam_options"]


@contextlib.contextmanager
def content_keys() -> Iterator[None]:
    """Inside the `with` block, TFX's launcher uses keys by content."""
    stock = cache_utils.get_cache_context

    def by_content(
        *args: Any, executor_spec: Any = None, input_artifacts: Any = None, parameters: dict[str, Any] | None = None, **others: Any
    ) -> Any:
        return stock(
            *args,
            executor_spec=without_beam_options(executor_spec),
            input_artifacts={key: value for key, value in (input_artifacts or {}).items() if not _feeds_a_parameter(key)},
            parameters=_content_parameters(parameters or {}),
            **others,
        )

    cache_utils.get_cache_context = by_content
    try:
        yield
    finally:
        cache_utils.get_cache_context = stock


def without_beam_options(spec: Any) -> Any:
    if not isinstance(spec, executable_spec_pb2.BeamExecutableSpec):
        return spec
    bare = executable_spec_pb2.BeamExecutableSpec()
    bare.CopyFrom(spec)
    del bare.beam_pipeline_args[:]
    del bare.beam_pipeline_args_placeholders[:]
    return bare


def _feeds_a_parameter(input_key: str) -> bool:
    """TFX's compiler names the inputs that feed execution properties `_<node>.<output>`."""
    return input_key.startswith("_") and "." in input_key


def _content_parameters(parameters: dict[str, Any]) -> dict[str, Any]:
    key = parameters.get(CACHE_KEY)
    return {CACHE_KEY: key} if key else parameters
