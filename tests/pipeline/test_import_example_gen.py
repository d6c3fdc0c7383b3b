"""ImportExampleGen on spans of older versions: properties that were measured later, features that nothing reads, other spellings."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.testing.util import assert_that
from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from flowers_tfx.components.import_example_gen import ImportExampleGenExecutor
from flowers_tfx.curated_schema import curated_schema
from flowers_tfx.data.decisions import read_decisions
from flowers_tfx.data.edited_spans import edited_span
from flowers_tfx.data.ingest import IngestRequest, ingest
from flowers_tfx.data.sidecars import write_sidecar
from flowers_tfx.data.spans import Span, list_spans, read_photos
from flowers_tfx.data.windows import window_text
from flowers_tfx.features import SPLITS
from flowers_tfx.review.decisions import decide
from flowers_tfx.tfrecords import read_records


@pytest.fixture
def root(tmp_path: Path, photos_of: Callable[..., Path]) -> Path:
    for first in (0, 500):
        photos = photos_of(tmp_path / "photos", 10, first=first)
        csv = tmp_path / "all.csv"
        csv.write_text("".join(f"{photo},{photo.parent.name}\n" for photo in sorted(photos.glob("*/*.jpg"))))
        request = IngestRequest(str(csv), ("daisy", "roses", "tulips"), str(tmp_path / "root"))
        ingest(request, lambda: beam.Pipeline(runner=FnApiRunner()))
    return tmp_path / "root"


def check_examples(root: Path, window: str, check: Callable[[list[tf.train.Example]], None]) -> None:
    """Calls `check` with the Examples of all splits."""
    read = ImportExampleGenExecutor().GetInputSourceToExamplePTransform()
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        properties = {"input_base": str(root), "window": window}
        splits = [pipeline | split >> read(properties, split) for split in SPLITS]
        assert_that(splits | "All" >> beam.Flatten(), check)


def test_values_of_sidecars_join_the_examples_of_their_span(root: Path) -> None:
    before = window_text(list_spans(root))
    one = list_spans(root)[0]
    expected = {digest: (row / 100, row, f"word {row}") for row, digest in enumerate(read_photos(one)["digest"])}
    columns = dict(zip(("shade", "count", "word"), map(list, zip(*expected.values(), strict=True)), strict=True))
    # What the Examples hold already stays, and a value that is missing is left out.
    noise, gaps = [-1.0] * len(expected), [None] * len(expected)
    table = pa.table({"digest": list(expected), **columns, "noise": noise, "gap": pa.array(gaps, pa.int64())})
    write_sidecar(one.path, one.digest, table.sort_by("digest"))

    def with_values(examples: list[tf.train.Example]) -> None:
        assert len(examples) == 60
        for features in (example.features.feature for example in examples):
            digest = features["digest"].bytes_list.value[0].decode()
            assert ("shade" in features) == (features["span"].int64_list.value[0] == 1) == (digest in expected)
            assert features["noise"].float_list.value[0] >= 0
            assert "gap" not in features
            if digest in expected:
                shade, count, word = expected[digest]
                assert features["shade"].float_list.value[0] == pytest.approx(shade)
                assert (features["count"].int64_list.value[0], features["word"].bytes_list.value[0].decode()) == (count, word)

    def without_values(examples: list[tf.train.Example]) -> None:
        assert len(examples) == 60
        assert not any("shade" in example.features.feature for example in examples)

    check_examples(root, window_text(list_spans(root)), with_values)
    check_examples(root, before, without_values)


def test_what_reviewers_left_out_and_relabelled(root: Path) -> None:
    photos = read_photos(list_spans(root)[0]).groupby("label", sort=True)["digest"].first()
    for action, more in (("exclude", {"photos": [photos["daisy"]]}), ("relabel", {"labels": {photos["roses"]: "tulips"}})):
        decide(str(root), action, 1, (), "a tulip", "Ada", classes=("tulips",), **more)  # type: ignore[arg-type]
    spans = [edited_span(read_decisions(root), span) for span in list_spans(root)]

    def check(examples: list[tf.train.Example]) -> None:
        labels = {e.features.feature["digest"].bytes_list.value[0].decode(): e.features.feature["label"] for e in examples}
        assert len(examples) == len(labels) == 59 and photos["daisy"] not in labels
        assert labels[photos["roses"]].bytes_list.value == [b"tulips"]
        assert sorted(label.bytes_list.value[0] for label in labels.values()) == [b"daisy"] * 19 + [b"roses"] * 19 + [b"tulips"] * 21

    check_examples(root, window_text(spans, read_decisions(root)), check)


MAC, NFC = "Lo\N{COMBINING DIAERESIS}wenzahn", "L\N{LATIN SMALL LETTER O WITH DIAERESIS}wenzahn"


def as_older_version_wrote(span: Span) -> None:
    """Rewrites the Examples with the feature `label_int`, and one class as macOS spells it."""
    for shard in span.path.glob("*.tfrecord.gz"):
        with gzip.open(shard) as file:
            examples = [tf.train.Example.FromString(record) for record in read_records(file)]
        with tf.io.TFRecordWriter(str(shard), "GZIP") as out:
            for example in examples:
                values = example.features.feature
                values["label_int"].int64_list.value.append(1)
                if values["label"].bytes_list.value[0] == b"daisy":
                    values["label"].bytes_list.value[0] = MAC.encode()
                out.write(example.SerializeToString())


@pytest.mark.parametrize("sidecar", [False, True])
def test_spans_of_an_older_version_give_examples_without_anomalies(root: Path, sidecar: bool) -> None:
    old = list_spans(root)[0]
    as_older_version_wrote(old)
    if sidecar:
        write_sidecar(old.path, old.digest, pa.table({"digest": sorted(read_photos(old)["digest"])}))
    schema = curated_schema("", ("daisy", NFC, "roses", "tulips"))

    def check(examples: list[tf.train.Example]) -> None:
        assert len(examples) == 60
        spans = {span: [e for e in examples if e.features.feature["span"].int64_list.value[0] == span] for span in (1, 2)}
        labels = {span: {e.features.feature["label"].bytes_list.value[0].decode() for e in spans[span]} for span in spans}
        assert labels == {1: {NFC, "roses", "tulips"}, 2: {"daisy", "roses", "tulips"}}
        names = {span: set().union(*(e.features.feature for e in spans[span])) for span in spans}
        assert names[1] == names[2]
        batch = ExamplesToRecordBatchDecoder().DecodeBatch([example.SerializeToString() for example in examples])
        statistics = generate_statistics_in_memory(batch, tfdv.StatsOptions(schema=schema))
        assert not tfdv.validate_statistics(statistics, schema).anomaly_info

    check_examples(root, window_text(list_spans(root)), check)
