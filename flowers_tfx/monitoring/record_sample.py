"""A sample of the measured photos that stands for all that were answered."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pandas as pd

from flowers_tfx.monitoring.record_columns import ID, MEASURED, PHOTO, SHARE


def sample_measured(records: pd.DataFrame, most: int, seed: int = 0) -> pd.DataFrame:
    """At most `most` measured photos, in their order.

    Under load the service measures a share of the photos, so that photos of quiet hours are over-represented among the measured ones. Each
    is chosen with a weight of 1/share: weighted sampling without replacement, Efraimidis and Spirakis 2006. A hash of the request decides,
    so neither the order nor the size of the table matters.
    """
    measured = records[records[MEASURED].astype(bool)]
    keys = [_key(f"{seed}\0{answer}\0{photo}", share) for answer, photo, share in measured[[ID, PHOTO, SHARE]].itertuples(index=False)]
    chosen = np.argsort(np.array(keys), kind="stable")[:most]
    return measured.iloc[np.sort(chosen)]


def _key(text: str, share: float) -> float:
    """An exponentially distributed number with the rate 1/share: the smallest are chosen."""
    place = (int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest(), "big") + 1) / 2**56
    return -math.log(place) * share
