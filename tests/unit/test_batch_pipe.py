"""Batches of photos for the measuring process arrive as they were sent, or, cut off, not at all."""

from __future__ import annotations

import io

import numpy as np
import pytest

from flowers_tfx.monitoring.batch_pipe import read_batches, write_batch
from flowers_tfx.monitoring.photo_sample import Batch, PhotoToMeasure

FEATURES = np.arange(5, dtype=np.float32) / 3
PHOTOS = (
    PhotoToMeasure(-0.25, "r1", 0, "s", "d1", b"first\n\x00", "net", FEATURES),
    PhotoToMeasure(-0.5, "r2", 3, "s", "d2", b"second", "", None),
)


def written(*batches: Batch) -> bytes:
    stream = io.BytesIO()
    for batch in batches:
        write_batch(stream, batch, ["closed"])
    return stream.getvalue()


def test_a_batch_arrives_as_it_was_sent() -> None:
    read = list(read_batches(io.BytesIO(written(Batch(PHOTOS, 0.125), Batch()))))
    assert [closed for _, closed in read] == [["closed"], ["closed"]]
    first, second = (batch for batch, _ in read)
    assert (second.photos, first.share) == ((), 0.125)
    for sent, got in zip(PHOTOS, first.photos, strict=True):
        assert (got.priority, got.request, got.number, got.segment, got.digest, got.photo, got.network) == (
            sent.priority,
            sent.request,
            sent.number,
            sent.segment,
            sent.digest,
            sent.photo,
            sent.network,
        )
    assert first.photos[0].features is not None and np.array_equal(first.photos[0].features, FEATURES)
    assert first.photos[1].features is None


@pytest.mark.parametrize("missing", [1, 7, 30, 200])
def test_a_batch_that_is_cut_off_is_left_out(missing: int) -> None:
    whole = written(Batch(PHOTOS))
    assert len(list(read_batches(io.BytesIO(whole + whole[:-missing])))) == 1
