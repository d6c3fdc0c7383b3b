"""Drift detection on real photos: false alarms without drift, detection of planted drift, beside simpler rules on the same pairs.

    python benchmarks/drift.py [--photos DIR] [--weights FILE] [--pairs 1000] [--repeats 20] [--strengths 0,1,2] [--cache DIR] [--json]

Pairs without drift are disjoint random draws, class shares free: 500 photos against 50 to 500. Planted drift (`planted.py`) is 500 plain
photos against 100 and 400 changed ones. A review alarms when its verdict is not pass. Intervals are Wilson's, 95 %. The planted tables are
measured once into the cache: about 20 minutes on two cores; a review takes about a second.

Evidently and TFX want other versions of protobuf. In an environment of its own (evidently, pandas, pyarrow, scipy, scikit-learn, pillow) it
judges the same pairs from the same cache, and the rows of both make one table:

    python benchmarks/drift.py --cache DIR --rules Evidently --json > evidently.json
    python benchmarks/drift.py --cache DIR --json > others.json
    python benchmarks/drift.py --merge others.json evidently.json
"""

# ruff: noqa: E402 the number of threads must be set before NumPy comes in
from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from math import sqrt
from pathlib import Path
from typing import Any

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # a process a core is faster than threads for one decision
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import numpy as np
import pandas as pd
from planted import PIXELS, ROWS, picture
from scipy import stats

from flowers_tfx.features import PROPERTIES
from flowers_tfx.storage import atomic_file
from flowers_tfx.validation import compare

SHARED = Path(os.environ.get("FLOWERS_SHARED", ROOT.parent / "shared")) / "data"
STRENGTHS = ("weak", "medium", "strong")
SIZES = (50, 100, 200, 400, 500)
PLANTED_PHOTOS = 600
BASELINE = 500
# No ties, no integers; the aspect ratio has few values.
CONTINUOUS = tuple(prop.name for prop in PROPERTIES if prop.kind == "float" and prop.name != "aspect_ratio")
Pair = tuple[pd.DataFrame, pd.DataFrame]
_CACHE = Path()


def measured(cache: Path, photos: Path, weights: Path) -> None:
    """Fills the cache with the tables that are not there yet."""
    files = sorted(photos.glob("*/*.jpg"))
    some = sorted(np.random.default_rng(0).permutation(len(files))[:PLANTED_PHOTOS])
    wanted: list[tuple[str, str, float, list[Path]]] = [("plain", "plain", 0.0, files), ("square", "square", 0.0, files)]
    for kind, pixels in PIXELS.items():
        for at in (0,) if pixels.share else range(3):
            wanted.append((f"{kind}-{at}", kind, 1.0 if pixels.share else pixels.strengths[at], [files[i] for i in some]))
    wanted = [entry for entry in wanted if not (cache / f"{entry[0]}.parquet").exists()]
    if not wanted:
        return
    from flowers_tfx.config import ModelConfig
    from flowers_tfx.data.properties import measure
    from flowers_tfx.data.sampling import sample
    from flowers_tfx.model.embedding import Embedder

    embedder = Embedder(ModelConfig(weights=str(weights)))
    began = time.monotonic()
    for number, (name, kind, strength, chosen) in enumerate(wanted, 1):
        rows = []
        for at in range(0, len(chosen), 32):
            batch = chosen[at : at + 32]
            originals = [path.read_bytes() for path in batch]
            quality = [photo.jpeg_quality or 90 for photo in (sample(data, 10**8) for data in originals)]
            seeds = [np.random.default_rng(zlib.crc32(str(path.relative_to(photos)).encode())) for path in batch]
            data = [
                picture(*values) for values in zip(originals, quality, [kind] * len(batch), [strength] * len(batch), seeds, strict=True)
            ]
            properties = measure([sample(photo, 10**8) for photo in data])
            for path, photo, values, vector in zip(batch, data, properties, embedder(data), strict=True):
                digest = hashlib.sha256(photo).hexdigest()
                rows.append({"uri": str(path), "digest": digest, "label": path.parent.name, **values, "embedding": vector.tolist()})
        with atomic_file(cache / f"{name}.parquet") as unfinished:
            pd.DataFrame(rows).to_parquet(unfinished)
        left = (time.monotonic() - began) / number * (len(wanted) - number)
        print(f"planted {number} of {len(wanted)}: {name}, {left:.0f} s left", file=sys.stderr, flush=True)


_TABLES: dict[str, pd.DataFrame] = {}


def table(name: str) -> pd.DataFrame:
    if name not in _TABLES:
        _TABLES[name] = pd.read_parquet(_CACHE / f"{name}.parquet")
    return _TABLES[name]


def without_drift(number: int) -> tuple[int, Pair]:
    size, plain = SIZES[number % len(SIZES)], table("plain")
    order = np.random.default_rng(number).permutation(len(plain))
    return size, (plain.iloc[order[:BASELINE]], plain.iloc[order[BASELINE : BASELINE + size]])


def with_drift(kind: str, strength: int, size: int, number: int) -> Pair:
    random = np.random.default_rng([number, size, strength, zlib.crc32(kind.encode())])
    if kind in ROWS:
        change, strengths = ROWS[kind]
        order = random.permutation(len(table("plain")))
        pool, rest = table("plain").iloc[order[BASELINE:]], table("plain").iloc[order[:BASELINE]]
        new = change(pool, size, strengths[strength], random)
        return (rest.assign(label="flower") if (new.label == "flower").all() else rest), new
    pixels = PIXELS[kind]
    changed, plain = table(f"{kind}-{0 if pixels.share else strength}"), table(pixels.before)
    new = changed.iloc[random.permutation(len(changed))[:size]]
    if pixels.share:
        count = round(size * pixels.strengths[strength])
        untouched = plain.set_index("uri").loc[new.uri.iloc[count:]].reset_index()
        new = pd.concat([new.iloc[:count], untouched])
    rest = plain[~plain.uri.isin(set(new.uri))]
    return rest.iloc[random.permutation(len(rest))[:BASELINE]], new


def kolmogorov_smirnov(old: pd.DataFrame, new: pd.DataFrame) -> bool:
    """Two-sample tests on the continuous columns and chi-squared on labels and grayscale, Bonferroni at 1 % together."""
    p_values = [stats.ks_2samp(old[name], new[name]).pvalue for name in CONTINUOUS]
    for name in ("label", "grayscale"):
        counts = pd.crosstab(np.r_[np.zeros(len(old)), np.ones(len(new))], np.r_[old[name], new[name]])
        p_values.append(stats.chi2_contingency(counts)[1] if counts.shape[1] > 1 else 1.0)
    return bool(min(p_values) <= 0.01 / len(p_values))


def tfdv_at_a_tenth(old: pd.DataFrame, new: pd.DataFrame) -> bool:
    """TFDV's own comparators at 0.1: Jensen-Shannon on the continuous columns, L-infinity on labels."""
    from flowers_tfx.review.tfdv_distances import tfdv_distances

    columns = [*CONTINUOUS, "label"]
    return max((value or 0.0 for by in tfdv_distances(old[columns], new[columns]).values() for value in by.values()), default=0.0) > 0.1


def evidently_preset(old: pd.DataFrame, new: pd.DataFrame) -> bool:
    """Evidently's default preset, its verdict on the whole table."""
    from evidently import Report  # type: ignore[import-not-found]
    from evidently.presets import DataDriftPreset  # type: ignore[import-not-found]

    columns = [*CONTINUOUS, "label", "grayscale", "width_px", "height_px"]
    snapshot = Report([DataDriftPreset()]).run(new[columns], old[columns]).dict()
    share = next(metric["value"]["share"] for metric in snapshot["metrics"] if metric["metric_name"].startswith("DriftedColumnsCount"))
    return bool(share >= 0.5)


REVIEW = "review"
RULES: dict[str, Callable[[pd.DataFrame, pd.DataFrame], bool]] = {
    "KS, Bonferroni": kolmogorov_smirnov,
    "TFDV at 0.1": tfdv_at_a_tenth,
    "Evidently": evidently_preset,
}


def judged(job: tuple[str, int, int, int, tuple[str, ...]]) -> dict[str, Any]:
    kind, strength, size, number, rules = job
    if kind:
        old, new = with_drift(kind, strength, size, number)
    else:
        size, (old, new) = without_drift(number)
    said: dict[str, Any] = {"kind": kind, "strength": strength, "size": size, "number": number}
    if REVIEW in rules:
        began = time.monotonic()
        said |= {"verdict": compare(old, new, seed=number).verdict, "seconds": time.monotonic() - began}
    return said | {name: RULES[name](old, new) for name in rules if name != REVIEW}


def merged(files: Iterable[Path]) -> list[dict[str, Any]]:
    """Rows on the same pair as one."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for file in files:
        for row in json.loads(file.read_text(encoding="utf-8")):
            rows.setdefault(tuple(row[name] for name in ("kind", "strength", "size", "number")), {}).update(row)
    return list(rows.values())


def _start(cache: Path) -> None:
    global _CACHE  # noqa: PLW0603 a worker process is told once where the tables lie
    _CACHE = cache


def wilson(alarms: int, total: int) -> tuple[float, float]:
    z, share = 1.96, alarms / total
    middle, half = share + z * z / (2 * total), z * sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return max(0.0, middle - half) / (1 + z * z / total), (middle + half) / (1 + z * z / total)


def alarmed(rows: Iterable[dict[str, Any]], rule: str) -> list[bool]:
    key = "verdict" if rule == REVIEW else rule
    return [row[key] not in (False, "pass") for row in rows if key in row]


def shown(hits: list[bool]) -> str:
    if not hits:
        return "not run"
    low, high = wilson(sum(hits), len(hits))
    return f"{100 * statistics.fmean(hits):.1f} ({100 * low:.1f}-{100 * high:.1f})"


def report(rows: list[dict[str, Any]], strengths: list[int]) -> None:
    rules = [rule for rule in (REVIEW, *RULES) if alarmed(rows, rule)]
    print("False alarms, % of pairs without drift (95 % interval)")
    for size in SIZES:
        own = [row for row in rows if not row["kind"] and row["size"] == size]
        if own:
            print(f"  {size:4} new photos, {len(own):4} pairs: " + ", ".join(f"{rule} {shown(alarmed(own, rule))}" for rule in rules))
    print("\nDetection, % of repeats: 100 / 400 new photos; in brackets those that the gate stops")
    print(f"  {'kind':26}" + "".join(f"{STRENGTHS[at]:>26}" for at in strengths))
    for kind in [*PIXELS, *ROWS]:
        cells = []
        for at in strengths:
            parts = []
            for size in (100, 400):
                own = [row for row in rows if (row["kind"], row["strength"], row["size"]) == (kind, at, size) and "verdict" in row]
                if own:
                    blocked = statistics.fmean(row["verdict"] == "blocked" for row in own)
                    parts.append(f"{100 * statistics.fmean(alarmed(own, 'review')):.0f} [{100 * blocked:.0f}]")
            cells.append(" / ".join(parts))
        print(f"  {kind:26}" + "".join(f"{cell:>26}" for cell in cells))
    print("\nMean detection over kinds, % (interval of all repeats together)")
    for at in strengths:
        for size in (100, 400):
            own = [row for row in rows if row["kind"] and row["strength"] == at and row["size"] == size]
            print(f"  {STRENGTHS[at]:7} {size}: " + ", ".join(f"{rule} {shown(alarmed(own, rule))}" for rule in rules))
    took = sorted(row["seconds"] for row in rows if "seconds" in row)
    if took:
        print(f"\nA decision takes {statistics.median(took):.1f} s, at most {took[-1]:.1f} s (one core each)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=SHARED / "flower_photos")
    parser.add_argument("--weights", type=Path, default=SHARED / "weights" / "mobilenet_v2_0.35_224_imagenet_no_top.weights.h5")
    parser.add_argument("--cache", type=Path, help="folder of the planted tables; default: a temporary one")
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--strengths", default="0,1,2")
    parser.add_argument("--rules", default="review;KS, Bonferroni;TFDV at 0.1", help=f"of {'; '.join([REVIEW, *RULES])}")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--merge", type=Path, nargs="+", metavar="FILE", help="judge nothing: one table from what --json gave")
    args = parser.parse_args()
    if args.merge:
        report(merged(args.merge), [int(at) for at in args.strengths.split(",")])
        return
    if not args.photos.is_dir() or not args.weights.is_file():
        print(f"skipped: no photos in {args.photos} or no weights at {args.weights}")
        return
    with tempfile.TemporaryDirectory() as temporary:
        cache = (args.cache or Path(temporary)).absolute()
        cache.mkdir(parents=True, exist_ok=True)
        measured(cache, args.photos, args.weights)
        rules = tuple(rule for rule in args.rules.split(";") if rule)
        strengths = [int(at) for at in args.strengths.split(",")]
        jobs: list[tuple[str, int, int, int, tuple[str, ...]]] = [("", 0, 0, number, rules) for number in range(args.pairs)]
        for kind in [*PIXELS, *ROWS]:
            jobs += [(kind, at, size, number, rules) for at in strengths for size in (100, 400) for number in range(args.repeats)]
        rows = []
        began = time.monotonic()
        with ProcessPoolExecutor(args.processes, initializer=_start, initargs=(cache,)) as pool:
            for row in pool.map(judged, jobs, chunksize=4):
                rows.append(row)
                if len(rows) % 100 == 0:
                    left = (time.monotonic() - began) / len(rows) * (len(jobs) - len(rows))
                    print(f"{len(rows)} of {len(jobs)} pairs, {left:.0f} s left", file=sys.stderr, flush=True)
    if args.json:
        print(json.dumps(rows))
    else:
        report(rows, strengths)


if __name__ == "__main__":
    main()
