"""Is the smallest effect that a review states (`power`) found 9 times out of 10? On real photos.

    python benchmarks/power.py [--photos DIR] [--weights FILE] [--cache DIR] [--sizes 30,100,400] [--repeats 60] [--rows FILE]
    python benchmarks/power.py --cost [--cache DIR]

The real photos are the population. For each kind of change and number of new photos: what three reviews without a change state, their
median; then baselines of 500 photos of the population and new photos of a changed one, with exactly that effect, both drawn with
replacement. In how many of the reviews does the finding of that kind exist, and in how many does any? Changes of the population: photos
with large (in about every second repeat: small) values of a property become more frequent; every value of a property is moved by the same
amount and all else is as it was; classes become more frequent; photos that lie far along a random direction of the content do; part of the
photos show the middle of the frame only.
Rows are appended to --rows, and the next call goes on where they end. --cost: CPU seconds of a review with and without its power.
"""

from __future__ import annotations

from real_photos import are_there, photo_options  # isort: split

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from drift_pairs import measured_table
from power_changes import CHANGES, Content, Photos, draw, renamed

from flowers_tfx.finding_kinds import BY_NAME
from flowers_tfx.validation import Review, compare
from flowers_tfx.wilson import wilson_interval

BASELINE = 500


def is_found(review: Review, feature: str) -> bool:
    kinds = {BY_NAME[name].key for name in ("property", "content")}
    if feature == "label":
        return any(finding.id == "label:shares" for finding in review.findings)
    return any(finding.kind in kinds and finding.feature == feature for finding in review.findings)


def found_anything(review: Review) -> bool:
    return any(finding.p_value is not None and finding.p_value <= 0.01 for finding in review.findings)


def rows_of(photos: Photos, sizes: list[int], repeats: int, done: set[tuple[str, int, int]]) -> Iterator[dict[str, Any]]:
    population = photos.population
    for size in sizes:
        stated: dict[str, list[float | None]] = {}
        for seed in range(3):
            random = np.random.default_rng([seed, size])
            pair = (renamed(population.iloc[random.choice(len(population), count)]) for count in (BASELINE, size))
            for name, effect in compare(*pair, with_power=True).power.items():
                stated.setdefault(name, []).append(effect)
        for number in range(repeats):
            for at, (change, (feature, _)) in enumerate(CHANGES.items()):
                effects = [effect for effect in stated[feature] if effect is not None]
                if (change, size, number) in done or len(effects) < 2:
                    continue
                random = np.random.default_rng([number, size, at, 7])
                old = renamed(population.iloc[random.choice(len(population), BASELINE)])
                effect = statistics.median(effects)
                try:
                    new = renamed(draw(photos, change, effect, size, random))
                except ValueError:
                    continue  # the population cannot be changed that much
                review = compare(old, new, seed=number)
                yield {
                    "change": change,
                    "size": size,
                    "number": number,
                    "stated": effect,
                    "found": is_found(review, feature),
                    "any": found_anything(review),
                }


def report(rows: list[dict[str, Any]]) -> None:
    print(f"{'change':34}{'new photos':>11}{'stated':>8}{'found, %':>20}{'by any test, %':>16}")
    for change in CHANGES:
        for size in sorted({row["size"] for row in rows}):
            own = [row for row in rows if (row["change"], row["size"]) == (change, size)]
            if own:
                share = statistics.fmean(row["found"] for row in own)
                low, high = wilson_interval(share, len(own)) or (0.0, 1.0)
                cell = f"{100 * share:.0f} ({100 * low:.0f}-{100 * high:.0f})"
                print(f"{change:34}{size:>11}{own[0]['stated']:>8.1f}{cell:>20}{100 * statistics.fmean(row['any'] for row in own):>16.0f}")
    share = statistics.fmean(row["found"] for row in rows)
    low, high = wilson_interval(share, len(rows)) or (0.0, 1.0)
    print(f"all {len(rows)} reviews: {100 * share:.1f} % ({100 * low:.1f}-{100 * high:.1f})")


def cost(population: pd.DataFrame) -> None:
    """10,000 photos are rows of the population under other names: the tests take 2,000 of them."""
    for size in (30, 400, 10_000):
        random = np.random.default_rng(size)
        pair = [renamed(population.iloc[random.choice(len(population), count)]) for count in (2000, size)]
        pair = [rows.assign(digest=[f"{number:064x}" for number in range(len(rows))]) for rows in pair]
        seconds = []
        for with_power in (False, True):
            began = time.process_time()
            compare(*pair, with_power=with_power)
            seconds.append(time.process_time() - began)
        print(f"2,000 against {size:6}: review {seconds[0]:.2f} s CPU, with power {seconds[1]:.2f} s CPU", flush=True)


def main() -> None:
    parser = photo_options(__doc__)
    parser.add_argument("--cache", type=Path, help="folder of the measured table, as that of drift.py; default: a temporary one")
    parser.add_argument("--sizes", default="30,100,400")
    parser.add_argument("--repeats", type=int, default=60)
    parser.add_argument("--rows", type=Path, help="JSON lines that this call continues")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="ends after so long; call it again with the same --rows")
    parser.add_argument("--cost", action="store_true")
    args = parser.parse_args()
    if not are_there(args.photos, args.weights):
        return
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        cache = (args.cache or Path(temporary)).absolute()
        cache.mkdir(parents=True, exist_ok=True)
        population, zoomed = (measured_table(cache, args.photos, args.weights, name) for name in ("plain", "zoom-2"))
        if args.cost:
            cost(population)
            return
        photos = Photos(population, zoomed, Content(population, zoomed))
        file = args.rows or Path(temporary) / "rows"
        rows = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
        done = {(row["change"], row["size"], row["number"]) for row in rows}
        with file.open("a") as out:
            for row in rows_of(photos, [int(size) for size in args.sizes.split(",")], args.repeats, done):
                rows.append(row)
                print(json.dumps(row), file=out, flush=True)
                if time.monotonic() - began > args.seconds:
                    break
    report(rows)


if __name__ == "__main__":
    main()
