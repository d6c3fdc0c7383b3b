"""The photos of some rows of a span, read from its TFRecords a batch at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import tensorflow as tf

from flowers_tfx import features
from flowers_tfx.storage import StoragePath, local_file

_WANTED = {features.DIGEST: tf.io.FixedLenFeature([], tf.string), features.IMAGE: tf.io.FixedLenFeature([], tf.string)}


_BATCH = 32


def span_pictures(folder: StoragePath, digests: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Digest and bytes of each photo of the span in `digests`; reading ends with the last of them."""
    missing = {digest.encode() for digest in digests}
    if not missing:
        return
    for shard in sorted(path for path in folder.iterdir() if path.name.endswith(".tfrecord.gz")):
        # A shard at a time: TensorFlow reads no s3://, and a copy of a whole span may not fit on this machine's disk.
        with local_file(shard) as file:
            for records in tf.data.TFRecordDataset(str(file), compression_type="GZIP").batch(_BATCH):
                batch = tf.io.parse_example(records, _WANTED)
                for digest, photo in zip(batch[features.DIGEST].numpy(), batch[features.IMAGE].numpy(), strict=True):
                    if digest in missing:
                        missing.discard(digest)
                        yield digest.decode(), photo
                if not missing:
                    return
