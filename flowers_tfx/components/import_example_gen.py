"""ImportExampleGen on a window of spans: TFX's own, with the window as an execution property instead of a pattern with {SPAN}.

The stock driver resolves spans by modification time and does not run on every runner; here the window's digests name the content.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import tensorflow as tf
from tfx.components.example_gen.import_example_gen import executor
from tfx.proto import example_gen_pb2
from tfx.types import standard_component_specs

from flowers_tfx import features
from flowers_tfx.class_names import class_name
from flowers_tfx.components.own_component import OwnBeamComponent
from flowers_tfx.data.photo_edits import PhotoEdits
from flowers_tfx.data.sidecars import MeasuredValues, read_sidecars
from flowers_tfx.data.spans import Span
from flowers_tfx.data.windows import window_spans
from flowers_tfx.features import SPLITS
from flowers_tfx.storage import BucketPath, configure_beam_worker, in_bucket, storage_path
from flowers_tfx.storage.s3_endpoint import endpoint_url
from flowers_tfx.tfrecords import read_records


@dataclass(frozen=True)
class ImportExampleGenParameters:
    window: str


class ImportExampleGenExecutor(executor.Executor):
    def GetInputSourceToExamplePTransform(self) -> Any:
        return _ReadWindow


class _ReadWindow(beam.PTransform):
    """Pipeline -> Examples of one split of every span in the window, as reviewers left them, with the properties that sidecars add."""

    def __init__(self, exec_properties: dict[str, Any], split: str) -> None:
        super().__init__()
        root = exec_properties[standard_component_specs.INPUT_BASE_KEY]
        spans = window_spans(root, exec_properties["window"])
        self._in_bucket = in_bucket(root)
        changed = [span for span in spans if span.sidecars or span.edits]
        self._plain = [shard for span in spans if span not in changed for shard in self._shards(span, split)]
        self._changed = [(span, shard) for span in changed for shard in _shard_paths(span, split)]

    def _shards(self, span: Span, split: str) -> list[str]:
        return _shard_paths(span, split) if self._in_bucket else [f"{span.path}/{split}-*.tfrecord.gz"]

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        examples = (
            pipeline
            | "Shards" >> beam.Create(self._plain)
            | "Read" >> (_ReadShards() if self._in_bucket else beam.io.ReadAllFromTFRecord())
            | "ToExample" >> beam.Map(_parse).with_output_types(tf.train.Example)
        )
        if not self._changed:
            return examples
        return (examples, pipeline | "ChangedSpans" >> _ReadChanged(self._changed)) | "WithChanged" >> beam.Flatten()


def _shard_paths(span: Span, split: str) -> list[str]:
    return [str(span.path / name) for name in span.manifest["files"] if name.startswith(f"{split}-")]


class _ReadChanged(beam.PTransform):
    """Pipeline -> Examples of the given shards of spans with sidecars or edits of reviewers."""

    def __init__(self, shards: list[tuple[Span, str]]) -> None:
        super().__init__()
        self._shards = [(str(span.path), span.digest, span.sidecars, span.edits, shard) for span, shard in shards]

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        return (
            pipeline
            | "Shards" >> beam.Create(self._shards)
            | "Spread" >> beam.Reshuffle()
            | "Read" >> beam.ParDo(_ReadChangedShard(endpoint_url())).with_output_types(tf.train.Example)
        )


class _ReadChangedShard(beam.DoFn):
    def __init__(self, s3_endpoint: str) -> None:
        self._s3_endpoint = s3_endpoint

    def setup(self) -> None:
        configure_beam_worker(self._s3_endpoint)

    def process(self, source: tuple[str, str, tuple[str, ...], PhotoEdits, str]) -> Iterator[tf.train.Example]:
        span_dir, digest, ids, edits, shard = source
        values = MeasuredValues(list(read_sidecars(storage_path(span_dir), digest, ids)))
        path = storage_path(shard)
        with path.stream() if isinstance(path, BucketPath) else path.open("rb") as packed, gzip.open(packed) as file:
            for record in read_records(file):
                example = _parse(record)
                photo = example.features.feature[features.DIGEST].bytes_list.value[0].decode()
                if photo in edits.excluded:
                    continue
                if photo in edits.labels:
                    example.features.feature[features.LABEL].bytes_list.value[0] = edits.labels[photo].encode()
                _add(example, values.for_photo(photo))
                yield example


def _parse(record: bytes) -> tf.train.Example:
    """An Example as ingest writes it today: those of older spans may hold retired features, or another spelling of the class."""
    example = tf.train.Example.FromString(record)
    for name in features.RETIRED:
        example.features.feature.pop(name, None)
    labels = example.features.feature[features.LABEL].bytes_list.value
    labels[0] = class_name(labels[0].decode()).encode()
    return example


def _add(example: tf.train.Example, values: Mapping[str, Any]) -> None:
    """Properties that the Example has stay as they are."""
    own = set(example.features.feature)
    for name, value in values.items():
        if name in own:
            continue
        if isinstance(value, str):
            example.features.feature[name].bytes_list.value.append(value.encode())
        elif isinstance(value, int):
            example.features.feature[name].int64_list.value.append(value)
        elif value is not None:
            example.features.feature[name].float_list.value.append(value)


class _ReadShards(beam.PTransform):
    """URIs of shards in a bucket -> records, with one request per shard. Beam's own source needs the job's options, which workers of a pool
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
