"""ImportExampleGen on spans with properties that were measured later."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pytest
import tensorflow as tf
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.testing.util import assert_that

from flowers_tfx.components.import_example_gen import ImportExampleGenExecutor
from flowers_tfx.data.ingest import IngestRequest, ingest
from flowers_tfx.data.sidecars import write_sidecar
from flowers_tfx.data.spans import list_spans, read_photos
from flowers_tfx.data.windows import window_text
from flowers_tfx.features import SPLITS


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
