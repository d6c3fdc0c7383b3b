"""What is in a cache key and what is not. That TFX's launcher still makes its keys where we change them is tests/e2e/test_run.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tfx.orchestration import metadata
from tfx.orchestration.portable import cache_utils
from tfx.proto.orchestration import executable_spec_pb2, pipeline_pb2
from tfx.types import standard_artifacts

from flowers_tfx.orchestration.cache_keys import CACHE_KEY, content_keys


@pytest.fixture()
def key(tmp_path: Path) -> Any:
    connection = metadata.sqlite_metadata_connection_config(str(tmp_path / "m.sqlite"))

    def of(parameters: dict[str, Any] | None = None, workers: int = 1, **inputs: int) -> str:
        spec = executable_spec_pb2.BeamExecutableSpec(beam_pipeline_args=[f"--direct_num_workers={workers}"])
        spec.python_executor_spec.class_path = "some.Executor"
        artifacts = {}
        for name, artifact_id in inputs.items():
            artifact = standard_artifacts.String() if name == "answer" else standard_artifacts.Examples()
            artifact.id = artifact_id
            artifacts["_SelectInputs.window" if name == "answer" else name] = [artifact]
        with metadata.Metadata(connection) as handle:
            context = cache_utils.get_cache_context(
                metadata_handle=handle,
                pipeline_node=pipeline_pb2.PipelineNode(),
                pipeline_info=pipeline_pb2.PipelineInfo(id="p"),
                executor_spec=spec,
                input_artifacts=artifacts,
                output_artifacts={},
                parameters=parameters or {},
            )
        return str(context.name)

    return of


def test_beam_options_do_not_count(key: Any) -> None:
    assert key(workers=1) != key(workers=2)  # TFX's own
    with content_keys():
        assert key(workers=1) == key(workers=2)


def test_strings_count_by_value_and_artifacts_by_identity(key: Any) -> None:
    with content_keys():
        assert key({"window": "a"}, answer=1) == key({"window": "a"}, answer=2)
        assert key({"window": "a"}, answer=1) != key({"window": "b"}, answer=1)
        assert key(examples=1) != key(examples=2)


def test_a_driver_can_say_what_the_result_depends_on(key: Any) -> None:
    with content_keys():
        assert key({CACHE_KEY: "k", "csv": "a"}) == key({CACHE_KEY: "k", "csv": "b"})
        assert key({CACHE_KEY: "k"}) != key({CACHE_KEY: "l"})
        assert key({CACHE_KEY: "", "csv": "a"}) != key({CACHE_KEY: "", "csv": "b"})


def test_tfx_is_left_as_it_was() -> None:
    before = cache_utils.get_cache_context
    with pytest.raises(RuntimeError), content_keys():
        raise RuntimeError
    assert cache_utils.get_cache_context is before
