"""ImportExampleGen on a window of spans: TFX's own, with the window as an execution property instead of a pattern with {SPAN}.

The stock driver resolves spans by modification time and does not run on every runner; here the window's digests name the content.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import tensorflow as tf
from tfx.components.example_gen.import_example_gen import executor
from tfx.proto import example_gen_pb2
from tfx.types import standard_component_specs

from flowers_tfx.components.own_component import OwnBeamComponent
from flowers_tfx.data.records import read_records
from flowers_tfx.data.windows import window_spans
from flowers_tfx.features import SPLITS
from flowers_tfx.storage import BucketPath, configure_beam_worker, in_bucket
from flowers_tfx.storage.s3_endpoint import endpoint_url


@dataclass(frozen=True)
class ImportExampleGenParameters:
    window: str


class ImportExampleGenExecutor(executor.Executor):
    def GetInputSourceToExamplePTransform(self) -> Any:
        return _ReadWindow


class _ReadWindow(beam.PTransform):
    """Pipeline -> Examples of one split of every span in the window."""

    def __init__(self, exec_properties: dict[str, Any], split: str) -> None:
        super().__init__()
        root = exec_properties[standard_component_specs.INPUT_BASE_KEY]
        spans = window_spans(root, exec_properties["window"])
        self._in_bucket = in_bucket(root)
        if self._in_bucket:
            self._shards = [str(span.path / name) for span in spans for name in span.manifest["files"] if name.startswith(f"{split}-")]
        else:
            self._shards = [f"{span.path}/{split}-*.tfrecord.gz" for span in spans]

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        return (
            pipeline
            | "Shards" >> beam.Create(self._shards)
            | "Read" >> (_ReadShards() if self._in_bucket else beam.io.ReadAllFromTFRecord())
            | "ToExample" >> beam.Map(tf.train.Example.FromString).with_output_types(tf.train.Example)
        )


class _ReadShards(beam.PTransform):
    """URIs of shards in a bucket -> records, with one request a shard. Beam's own source needs the job's options, which workers of a pool
    are started without."""

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        return shards | "Spread" >> beam.Reshuffle() | "Records" >> beam.ParDo(_ReadShard(endpoint_url()))


class _ReadShard(beam.DoFn):
    def __init__(self, s3_endpoint: str) -> None:
        self._s3_endpoint = s3_endpoint

    def setup(self) -> None:
        configure_beam_worker(self._s3_endpoint)

    def process(self, uri: str) -> Iterator[bytes]:
        with BucketPath(uri).stream() as packed, gzip.open(packed) as file:
            yield from read_records(file)


class ImportExampleGen(OwnBeamComponent):
    STOCK_SPEC = standard_component_specs.FileBasedExampleGenSpec
    PARAMETERS = ImportExampleGenParameters
    EXECUTOR = ImportExampleGenExecutor

    def __init__(self, data_root: str, **values: Any) -> None:
        splits = [example_gen_pb2.Input.Split(name=split, pattern=split) for split in SPLITS]
        super().__init__(
            input_base=data_root,
            input_config=example_gen_pb2.Input(splits=splits),
            output_config=example_gen_pb2.Output(),
            output_data_format=example_gen_pb2.FORMAT_TF_EXAMPLE,
            output_file_format=example_gen_pb2.FORMAT_TFRECORDS_GZIP,
            **values,
        )
