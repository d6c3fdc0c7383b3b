"""ImportExampleGen on a window of spans: TFX's own, with the window as an execution property instead of a pattern with {SPAN}.

The stock driver resolves spans by modification time and does not run on every runner; here the window's digests name the content.
"""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import tensorflow as tf
from tfx import types
from tfx.components.example_gen.import_example_gen import executor
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.proto import example_gen_pb2
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from flowers_tfx.data.windows import window_spans
from flowers_tfx.features import SPLITS


class ImportExampleGenSpec(standard_component_specs.FileBasedExampleGenSpec):
    PARAMETERS = {
        **standard_component_specs.FileBasedExampleGenSpec.PARAMETERS,
        "window": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }


class ImportExampleGenExecutor(executor.Executor):
    def GetInputSourceToExamplePTransform(self) -> Any:
        return _ReadWindow


class _ReadWindow(beam.PTransform):
    """Pipeline -> Examples of one split of every span in the window."""

    def __init__(self, exec_properties: dict[str, Any], split: str) -> None:
        super().__init__()
        spans = window_spans(exec_properties[standard_component_specs.INPUT_BASE_KEY], exec_properties["window"])
        self._patterns = [f"{span.path}/{split}-*.tfrecord.gz" for span in spans]

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        return (
            pipeline
            | "Patterns" >> beam.Create(self._patterns)
            | "Read" >> beam.io.ReadAllFromTFRecord()
            | "ToExample" >> beam.Map(tf.train.Example.FromString).with_output_types(tf.train.Example)
        )


class ImportExampleGen(base_beam_component.BaseBeamComponent):
    SPEC_CLASS = ImportExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(ImportExampleGenExecutor)

    def __init__(self, data_root: str, window: Any, code: str) -> None:
        splits = [example_gen_pb2.Input.Split(name=split, pattern=split) for split in SPLITS]
        spec = ImportExampleGenSpec(
            input_base=data_root,
            input_config=example_gen_pb2.Input(splits=splits),
            output_config=example_gen_pb2.Output(),
            output_data_format=example_gen_pb2.FORMAT_TF_EXAMPLE,
            output_file_format=example_gen_pb2.FORMAT_TFRECORDS_GZIP,
            window=window,
            code=code,
            examples=types.Channel(type=standard_artifacts.Examples),
        )
        super().__init__(spec=spec)
