"""The photos themselves of some rows of a span: from its TFRecords, without reading what is not asked for into memory."""

from __future__ import annotations

from collections.abc import Container, Iterator
from pathlib import Path

import tensorflow as tf

from flowers_tfx import features

_WANTED = {features.DIGEST: tf.io.FixedLenFeature([], tf.string), features.IMAGE: tf.io.FixedLenFeature([], tf.string)}


def span_pictures(folder: Path, digests: Container[str]) -> Iterator[tuple[str, bytes]]:
    """Digest and bytes of each photo of the span whose digest is asked for."""
    files = sorted(str(path) for path in folder.glob("*.tfrecord.gz"))
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP"):
        values = tf.io.parse_single_example(record, _WANTED)
        digest = values[features.DIGEST].numpy().decode()
        if digest in digests:
            yield digest, values[features.IMAGE].numpy()
