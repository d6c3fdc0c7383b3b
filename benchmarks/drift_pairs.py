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


def measure_tables(folder: Path, photos: Path, weights: Path, only: str = "") -> None:
    """Writes the tables that the folder lacks, or the one called `only`."""
    missing = [entry for entry in _tables(photos) if only in ("", entry[0]) and not (folder / f"{entry[0]}.parquet").exists()]
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


def measured_table(folder: Path, photos: Path, weights: Path, name: str) -> pd.DataFrame:
    """One table, such as `plain`, all photos as they are; measured if the folder lacks it."""
    measure_tables(folder, photos, weights, only=name)
    return table_of(folder, name)


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
def table_of(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / f"{name}.parquet")


def without_drift(folder: Path, number: int) -> tuple[int, Pair]:
    """The number of new photos, and disjoint random draws."""
    size, plain = SIZES[number % len(SIZES)], table_of(folder, "plain")
    order = np.random.default_rng(number).permutation(len(plain))
    return size, (plain.iloc[order[:BASELINE]], plain.iloc[order[BASELINE : BASELINE + size]])


def with_drift(folder: Path, kind: str, strength: int, size: int, number: int) -> Pair:
    """`size` changed photos, and a baseline of others. `strength`: 0 to 2."""
    random = np.random.default_rng([number, size, strength, zlib.crc32(kind.encode())])
    plain = table_of(folder, "plain")
    if kind in ROWS:
        change, strengths = ROWS[kind]
        order = random.permutation(len(plain))
        pool, rest = plain.iloc[order[BASELINE:]], plain.iloc[order[:BASELINE]]
        new = change(pool, size, strengths[strength], random)
        return (rest.assign(label="flower") if (new.label == "flower").all() else rest), new
    pixels = PIXELS[kind]
    changed, unchanged = table_of(folder, f"{kind}-{0 if pixels.share else strength}"), table_of(folder, pixels.before)
    new = changed.iloc[random.permutation(len(changed))[:size]]
    if pixels.share:
        count = round(size * pixels.strengths[strength])
        untouched = unchanged.set_index("uri").loc[new.uri.iloc[count:]].reset_index()
        new = pd.concat([new.iloc[:count], untouched])
    rest = unchanged[~unchanged.uri.isin(set(new.uri))]
    return rest.iloc[random.permutation(len(rest))[:BASELINE]], new


def mixed_in(folder: Path, kind: str, strength: int, size: int, share: float, number: int) -> tuple[Pair, set[str]]:
    """New photos of which a share has changed, a baseline of others, and the digests of the changed photos."""
    random = np.random.default_rng([number, size, strength, zlib.crc32(kind.encode())])
    count = round(size * share)
    if kind in MIXED_ROWS:
        plain = table_of(folder, "plain")
        plain = plain.iloc[random.permutation(len(plain))].reset_index(drop=True)
        return MIXED_ROWS[kind](plain, size, count, random)
    pixels = PIXELS[kind]
    unchanged = table_of(folder, pixels.before)
    changed = table_of(folder, f"{kind}-{0 if pixels.share else strength}")
    changed = changed.iloc[random.permutation(len(changed))[:count]]
    rest = unchanged[~unchanged.uri.isin(set(changed.uri))]
    rest = rest.iloc[random.permutation(len(rest))[: BASELINE + size - count]]
    return (rest.iloc[:BASELINE], pd.concat([changed, rest.iloc[BASELINE:]])), set(changed.digest)


def _with_new_class(plain: pd.DataFrame, size: int, count: int, _: np.random.Generator) -> tuple[Pair, set[str]]:
    new = plain.iloc[BASELINE : BASELINE + size].copy()
    new.loc[new.index[:count], "label"] = "orchids"
    return (plain.iloc[:BASELINE], new), set(new.digest.iloc[:count])


def _with_swapped_labels(plain: pd.DataFrame, size: int, count: int, random: np.random.Generator) -> tuple[Pair, set[str]]:
    new = plain.iloc[BASELINE : BASELINE + size].copy()
    classes = sorted(plain.label.unique())
    wrong = [classes[(classes.index(label) + int(random.integers(1, len(classes)))) % len(classes)] for label in new.label.iloc[:count]]
    new.loc[new.index[:count], "label"] = wrong
    return (plain.iloc[:BASELINE], new), set(new.digest.iloc[:count])


def _with_copies(plain: pd.DataFrame, size: int, count: int, _: np.random.Generator) -> tuple[Pair, set[str]]:
    copies = plain.iloc[:count].assign(uri=plain.uri.iloc[:count] + "#again")
    return (plain.iloc[:BASELINE], pd.concat([copies, plain.iloc[BASELINE : BASELINE + size - count]])), set(copies.digest)


def _with_other_flowers(plain: pd.DataFrame, size: int, count: int, _: np.random.Generator) -> tuple[Pair, set[str]]:
    """Under one label: tulips, of which the baseline has none."""
    tulips, others = (plain[(plain.label == "tulips") == own].assign(label="flower") for own in (True, False))
    baseline = len(others) - (size - count)
    return (others.iloc[:baseline], pd.concat([tulips.iloc[:count], others.iloc[baseline:]])), set(tulips.digest.iloc[:count])


MIXED_ROWS = {
    "new class": _with_new_class,
    "swapped labels": _with_swapped_labels,
    "duplicates": _with_copies,
    "other flowers, one label": _with_other_flowers,
}
