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
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tfx.orchestration.portable import cache_utils
from tfx.proto.orchestration import executable_spec_pb2

from flowers_tfx.components.outside_driver import CACHE_KEY
from flowers_tfx.orchestration.artifact_content import CONTENT, is_whole, recorded_content

__all__ = ["CACHE_KEY", "content_keys", "without_beam_options"]

Outputs = Mapping[str, Sequence[Any]]


@contextlib.contextmanager
def content_keys() -> Iterator[None]:
    """Inside the `with` block, TFX's launcher uses keys by content, and takes only results whose files are all there."""
    stock, stock_outputs = cache_utils.get_cache_context, cache_utils.get_cached_outputs

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

    def whole_outputs(*args: Any, **others: Any) -> Outputs | None:
        outputs: Outputs | None = stock_outputs(*args, **others)
        return outputs if outputs is not None and not missing_outputs(outputs) else None

    cache_utils.get_cache_context, cache_utils.get_cached_outputs = by_content, whole_outputs
    try:
        yield
    finally:
        cache_utils.get_cache_context, cache_utils.get_cached_outputs = stock, stock_outputs


def missing_outputs(outputs: Outputs) -> list[tuple[str, str]]:
    """Names and URIs of the artifacts of which files are gone. TFX itself looks whether the folder of an artifact exists."""
    return [
        (name, artifact.uri)
        for name, artifacts in sorted(outputs.items())
        for artifact in artifacts
        if not is_whole(artifact.uri, recorded_content({CONTENT: artifact.get_string_custom_property(CONTENT)}))
    ]


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
