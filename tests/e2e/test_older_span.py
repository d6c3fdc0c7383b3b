"""A data root that an older version began and this one goes on with: macOS's spelling of a class everywhere, and the feature label_int."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from flowers_tfx.tfrecords import read_records
from tests.conftest import write_photos
from tests.e2e.conftest import Workshop

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.long]
MAC, NFC = "Lo\N{COMBINING DIAERESIS}wenzahn", "L\N{LATIN SMALL LETTER O WITH DIAERESIS}wenzahn"


def deliver(shop: Workshop, first: int) -> None:
    shutil.rmtree(shop.photos, ignore_errors=True)
    write_photos(shop.photos, 30, classes=(MAC, "roses", "tulips"), first=first)
    shop.flowers("dataset", "index", str(shop.photos), "--json")


def age(span_dir: Path) -> None:
    """Rewrites a span as the older version wrote it. Its digest stays: nothing here computes it from the rows."""
    for shard in span_dir.glob("*.tfrecord.gz"):
        with gzip.open(shard) as file:
            examples = [tf.train.Example.FromString(record) for record in read_records(file)]
        with tf.io.TFRecordWriter(str(shard), "GZIP") as out:
            for example in examples:
                values = example.features.feature
                values["label_int"].int64_list.value.append(0)
                values["label"].bytes_list.value[0] = values["label"].bytes_list.value[0].decode().replace(NFC, MAC).encode()
                out.write(example.SerializeToString())
    manifest = span_dir / "manifest.json"
    manifest.write_text(manifest.read_text().replace(json.dumps(NFC), json.dumps(MAC)))


def findings(report: dict[str, Any]) -> list[str]:
    page = Path(report["reports"]["review"])
    return [finding["id"] for finding in json.loads(page.with_name("review.json").read_text())["findings"]]


def test_an_older_span_and_a_new_one_train_one_model(workshop: Workshop) -> None:
    workshop.config.write_text(workshop.config.read_text().replace("fine_tune_epochs: 14", "fine_tune_epochs: 1"))
    deliver(workshop, 0)
    workshop.flowers("ingest", "--config", str(workshop.config), "--json")
    age(workshop.data_root / "span-1")
    known = workshop.flowers("ingest", "--config", str(workshop.config), "--json")
    assert (known["span"], known["known"], known["rejected"]) == (None, 90, 0)
    deliver(workshop, 600)
    report = workshop.run()
    assert report["status"] == "succeeded"
    # Without pretrained weights there are no embeddings.
    assert [finding for finding in findings(report) if finding.startswith(("schema:", "label:", "conflict:"))] == ["schema:embedding"]
    assert set(report["metrics"]["per_class"]) == {NFC, "roses", "tulips"}
    labels = Path(report["pushed_model"]) / "assets.extra" / "labels.txt"
    assert labels.read_text(encoding="utf-8").splitlines() == [NFC, "roses", "tulips"]
    [span_1, span_2] = workshop.flowers("spans", "--config", str(workshop.config), "--json")
    assert span_1["label_counts"] == span_2["label_counts"] == {NFC: 30, "roses": 30, "tulips": 30}
