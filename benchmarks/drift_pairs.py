"""Pairs of tables of real photos, without drift and with planted drift.

The tables are measured once into a cache: all photos as they are (`plain`) and square, and PLANTED_PHOTOS of them per kind and strength of
drift in pixels.
"""

from __future__ import annotations

import hashlib
import sys
import time
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from planted import PIXELS, ROWS, picture

from flowers_tfx.storage import atomic_file

SIZES = (50, 100, 200, 400, 500)
PLANTED_PHOTOS = 600
BASELINE = 500
Pair = tuple[pd.DataFrame, pd.DataFrame]


def measure_tables(folder: Path, photos: Path, weights: Path) -> None:
    """Writes the tables that the folder lacks."""
    missing = [entry for entry in _tables(photos) if not (folder / f"{entry[0]}.parquet").exists()]
    if not missing:
        return
    from flowers_tfx.config import ModelConfig
    from flowers_tfx.model.embedding import Embedder

    embedder = Embedder(ModelConfig(weights=str(weights)))
    began = time.monotonic()
    for number, (name, kind, strength, files) in enumerate(missing, 1):
        batches = (_measure(photos, files[at : at + 32], kind, strength, embedder) for at in range(0, len(files), 32))
        with atomic_file(folder / f"{name}.parquet") as unfinished:
            pd.DataFrame([row for batch in batches for row in batch]).to_parquet(unfinished)
        left = (time.monotonic() - began) / number * (len(missing) - number)
        print(f"planted {number} of {len(missing)}: {name}, {left:.0f} s left", file=sys.stderr, flush=True)


def _tables(photos: Path) -> list[tuple[str, str, float, list[Path]]]:
    """Name, kind, strength and photos of every table."""
    files = sorted(photos.glob("*/*.jpg"))
    chosen = [files[at] for at in sorted(np.random.default_rng(0).permutation(len(files))[:PLANTED_PHOTOS])]
    tables = [("plain", "plain", 0.0, files), ("square", "square", 0.0, files)]
    for kind, pixels in PIXELS.items():
        for at in (0,) if pixels.share else range(3):
            tables.append((f"{kind}-{at}", kind, 1.0 if pixels.share else pixels.strengths[at], chosen))
    return tables


def _measure(photos: Path, files: list[Path], kind: str, strength: float, embedder: Any) -> list[dict[str, Any]]:
    """One row per photo, after the change of pixels."""
    from flowers_tfx.data.pixel_sample import sample_pixels
    from flowers_tfx.data.properties import measure

    originals = [file.read_bytes() for file in files]
    qualities = [photo.jpeg_quality or 90 for photo in (sample_pixels(data, 10**8) for data in originals)]
    seeds = [np.random.default_rng(zlib.crc32(str(file.relative_to(photos)).encode())) for file in files]
    changed = [picture(data, quality, kind, strength, seed) for data, quality, seed in zip(originals, qualities, seeds, strict=True)]
    properties = measure([sample_pixels(data, 10**8) for data in changed])
    return [
        {
            "uri": str(file),
            "digest": hashlib.sha256(data).hexdigest(),
            "label": file.parent.name,
            **values,
            "embedding": vector.tolist(),
        }
        for file, data, values, vector in zip(files, changed, properties, embedder(changed), strict=True)
    ]


@cache
def _table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / f"{name}.parquet")


def without_drift(folder: Path, number: int) -> tuple[int, Pair]:
    """The number of new photos, and disjoint random draws."""
    size, plain = SIZES[number % len(SIZES)], _table(folder, "plain")
    order = np.random.default_rng(number).permutation(len(plain))
    return size, (plain.iloc[order[:BASELINE]], plain.iloc[order[BASELINE : BASELINE + size]])


def with_drift(folder: Path, kind: str, strength: int, size: int, number: int) -> Pair:
    """`size` changed photos, and a baseline of others. `strength`: 0 to 2."""
    random = np.random.default_rng([number, size, strength, zlib.crc32(kind.encode())])
    plain = _table(folder, "plain")
    if kind in ROWS:
        change, strengths = ROWS[kind]
        order = random.permutation(len(plain))
        pool, rest = plain.iloc[order[BASELINE:]], plain.iloc[order[:BASELINE]]
        new = change(pool, size, strengths[strength], random)
        return (rest.assign(label="flower") if (new.label == "flower").all() else rest), new
    pixels = PIXELS[kind]
    changed, unchanged = _table(folder, f"{kind}-{0 if pixels.share else strength}"), _table(folder, pixels.before)
    new = changed.iloc[random.permutation(len(changed))[:size]]
    if pixels.share:
        count = round(size * pixels.strengths[strength])
        untouched = unchanged.set_index("uri").loc[new.uri.iloc[count:]].reset_index()
        new = pd.concat([new.iloc[:count], untouched])
    rest = unchanged[~unchanged.uri.isin(set(new.uri))]
    return rest.iloc[random.permutation(len(rest))[:BASELINE]], new
