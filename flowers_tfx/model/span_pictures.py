"""The photos themselves of some rows of a span: from its TFRecords, without reading what is not asked for into memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import tensorflow as tf

from flowers_tfx import features

_WANTED = {features.DIGEST: tf.io.FixedLenFeature([], tf.string), features.IMAGE: tf.io.FixedLenFeature([], tf.string)}


_BATCH = 32


def span_pictures(folder: Path, digests: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Digest and bytes of each photo of the span whose digest is asked for; reading ends with the last of them."""
    left = {digest.encode() for digest in digests}
    if not left:
        return
    files = sorted(str(path) for path in folder.glob("*.tfrecord.gz"))
    batches = tf.data.TFRecordDataset(files, compression_type="GZIP").batch(_BATCH)
    for batch in batches.map(lambda records: tf.io.parse_example(records, _WANTED)).as_numpy_iterator():
        for digest, photo in zip(batch[features.DIGEST], batch[features.IMAGE], strict=True):
            if digest in left:
                left.discard(digest)
                yield digest.decode(), photo
        if not left:
            return
