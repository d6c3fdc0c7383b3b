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

from __future__ import annotations

from real_photos import are_there, photo_options  # isort: split

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from drift_pairs import SIZES, measure_tables, with_drift, without_drift
from pieces import judge_missing
from planted import PIXELS, ROWS
from scipy import stats

from flowers_tfx.features import PROPERTIES
from flowers_tfx.review.comparison import compare_sides
from flowers_tfx.review.sides import Side
from flowers_tfx.validation import Policy
from flowers_tfx.wilson import wilson_interval

STRENGTHS = ("weak", "medium", "strong")
# No ties, no integers; the aspect ratio has few values.
CONTINUOUS = tuple(prop.name for prop in PROPERTIES if prop.kind == "float" and prop.name != "aspect_ratio")
Job = tuple[Path, str, int, int, int, tuple[str, ...]]


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


def judge(job: Job) -> dict[str, Any]:
    """A row: the pair of the job, and the answer of each of its rules."""
    folder, kind, strength, size, number, rules = job
    if kind:
        old, new = with_drift(folder, kind, strength, size, number)
    else:
        size, (old, new) = without_drift(folder, number)
    row: dict[str, Any] = {"kind": kind, "strength": strength, "size": size, "number": number}
    if REVIEW in rules:
        began = time.monotonic()
        review = compare_sides(Side("baseline", old), Side("new", new), Policy(), seed=number).review
        row |= {"verdict": review.verdict, "groups": len(review.groups), "seconds": time.monotonic() - began}
    return row | {name: RULES[name](old, new) for name in rules if name != REVIEW}


def judge_all(jobs: list[Job], processes: int) -> list[dict[str, Any]]:
    rows = []
    began = time.monotonic()
    with ProcessPoolExecutor(processes) as pool:
        for row in pool.map(judge, jobs, chunksize=4):
            rows.append(row)
            if len(rows) % 100 == 0:
                left = (time.monotonic() - began) / len(rows) * (len(jobs) - len(rows))
                print(f"{len(rows)} of {len(jobs)} pairs, {left:.0f} s left", file=sys.stderr, flush=True)
    return rows


def merge(files: Iterable[Path]) -> list[dict[str, Any]]:
    """Rows on the same pair as one."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for file in files:
        for row in json.loads(file.read_text(encoding="utf-8")):
            rows.setdefault(tuple(row[name] for name in ("kind", "strength", "size", "number")), {}).update(row)
    return list(rows.values())


def alarmed(rows: Iterable[dict[str, Any]], rule: str) -> list[bool]:
    key = "verdict" if rule == REVIEW else rule
    return [row[key] not in (False, "pass") for row in rows if key in row]


def share(hits: list[bool]) -> str:
    if not hits:
        return "not run"
    low, high = wilson_interval(statistics.fmean(hits), len(hits)) or (0.0, 1.0)
    return f"{100 * statistics.fmean(hits):.1f} ({100 * low:.1f}-{100 * high:.1f})"


def grouped(rows: Iterable[dict[str, Any]]) -> list[bool]:
    """Of reviews: whether they name groups of photos."""
    return [row["groups"] > 0 for row in rows if "groups" in row]


def report(rows: list[dict[str, Any]], strengths: list[int]) -> None:
    rules = [rule for rule in (REVIEW, *RULES) if alarmed(rows, rule)]
    print("False alarms, % of pairs without drift (95 % interval)")
    for size in SIZES:
        own = [row for row in rows if not row["kind"] and row["size"] == size]
        if own:
            columns = [*(f"{rule} {share(alarmed(own, rule))}" for rule in rules), f"with groups {share(grouped(own))}"]
            print(f"  {size:4} new photos, {len(own):4} pairs: " + ", ".join(columns))
    print("\nDetection, % of repeats: 100 / 400 new photos; in brackets those that the gate stops; in braces those with groups")
    print(f"  {'kind':26}" + "".join(f"{STRENGTHS[at]:>26}" for at in strengths))
    for kind in [*PIXELS, *ROWS]:
        cells = []
        for at in strengths:
            parts = []
            for size in (100, 400):
                own = [row for row in rows if (row["kind"], row["strength"], row["size"]) == (kind, at, size) and "verdict" in row]
                if own:
                    blocked = statistics.fmean(row["verdict"] == "blocked" for row in own)
                    groups = f" {{{100 * statistics.fmean(grouped(own)):.0f}}}" if grouped(own) else ""
                    parts.append(f"{100 * statistics.fmean(alarmed(own, 'review')):.0f} [{100 * blocked:.0f}]{groups}")
            cells.append(" / ".join(parts))
        print(f"  {kind:26}" + "".join(f"{cell:>32}" for cell in cells))
    print("\nMean detection over kinds, % (interval of all repeats together)")
    for at in strengths:
        for size in (100, 400):
            own = [row for row in rows if row["kind"] and row["strength"] == at and row["size"] == size]
            print(f"  {STRENGTHS[at]:7} {size}: " + ", ".join(f"{rule} {share(alarmed(own, rule))}" for rule in rules))
    took = sorted(row["seconds"] for row in rows if "seconds" in row)
    if took:
        print(f"\nA decision takes {statistics.median(took):.1f} s, at most {took[-1]:.1f} s (one core each)")


def main() -> None:
    parser = photo_options(__doc__)
    parser.add_argument("--cache", type=Path, help="folder of the planted tables; default: a temporary one")
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first pair without drift")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--strengths", default="0,1,2")
    parser.add_argument("--rules", default="review;KS, Bonferroni;TFDV at 0.1", help=f"of {'; '.join([REVIEW, *RULES])}")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=Path, help="JSON lines that this call continues, in one process")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="ends after so long; call it again with the same --rows")
    parser.add_argument("--merge", type=Path, nargs="+", metavar="FILE", help="judge nothing: one table from what --json gave")
    args = parser.parse_args()
    if args.merge:
        report(merge(args.merge), [int(at) for at in args.strengths.split(",")])
        return
    if not are_there(args.photos, args.weights):
        return
    with tempfile.TemporaryDirectory() as temporary:
        cache = (args.cache or Path(temporary)).absolute()
        cache.mkdir(parents=True, exist_ok=True)
        measure_tables(cache, args.photos, args.weights)
        rules = tuple(rule for rule in args.rules.split(";") if rule)
        strengths = [int(at) for at in args.strengths.split(",")]
        jobs: list[Job] = [(cache, "", 0, 0, number, rules) for number in range(args.first, args.first + args.pairs)]
        for kind in [*PIXELS, *ROWS]:
            jobs += [(cache, kind, at, size, number, rules) for at in strengths for size in (100, 400) for number in range(args.repeats)]
        if args.rows:
            rows = judge_missing(args.rows, (job[1:5] for job in jobs), lambda *pair: judge((cache, *pair, rules)), args.seconds)
        else:
            rows = judge_all(jobs, args.processes)
    if args.json:
        print(json.dumps(rows))
    else:
        report(rows, strengths)


if __name__ == "__main__":
    main()
