"""Pairs without drift, reviewed with everything on: harm, groups and power. How many alarm, and how many have groups?

    python benchmarks/null_pairs.py [--photos DIR] [--weights FILE] [--cache DIR] [--models 10] [--pairs 300] [--rows FILE] [--seconds 280]

A model's head is trained on 400 photos, as the pipeline trains it, with 50 for `eval` and 100 for `test` (`harm_models.py`). Its photos of
`train` and `eval` are the baseline; 50, 100, 200 or 400 new photos are drawn from those that it never saw, with their labels. Rows are
appended to --rows, and the next call goes on where they end.
"""

from __future__ import annotations

from real_photos import are_there, photo_options  # isort: split

import statistics
import tempfile
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from drift_pairs import measured_table
from harm_models import Model, Photos, train_model
from pieces import judge_missing

from flowers_tfx.review.comparison import compare_sides
from flowers_tfx.review.serving_model import ServingModel
from flowers_tfx.review.sides import Side
from flowers_tfx.validation import Policy
from flowers_tfx.wilson import wilson_interval

SIZES = (50, 100, 200, 400)


Trained = tuple[Model, ServingModel, Any]


def train(plain: Photos, weights: Path, seed: int) -> Trained:
    """The model, as a review asks it, and the rows of the photos that it and its `test` never saw."""
    model, test = train_model(plain, weights, seed)
    fresh = model.unseen[~plain.frame["uri"].iloc[model.unseen].isin(set(test.frame["uri"])).to_numpy()]
    return model, ServingModel(f"model {seed}", model.figures(test)), fresh


def judge(models: Callable[[int], Trained], plain: Photos, seed: int, number: int) -> dict[str, Any]:
    """A row: the verdict, what warns or stops, and what the review adds to it."""
    model, serving, fresh = models(seed)
    size = SIZES[number % len(SIZES)]
    new = plain.rows(np.random.default_rng([seed, number]).permutation(fresh)[:size])
    baseline = plain.frame[plain.frame["uri"].isin(model.seen)]
    began = time.process_time()
    sides = Side("baseline", baseline), Side("new", new.frame, answers=model.answers(new))
    review = compare_sides(*sides, Policy(), seed=number, model=serving).review
    return {
        "size": size,
        "verdict": review.verdict,
        "findings": [finding.id for finding in review.of_level("warn", "error")],
        "groups": len(review.groups),
        "harm": review.harm is not None,
        "power": bool(review.power),
        "seconds": time.process_time() - began,
    }


def report(rows: list[dict[str, Any]]) -> None:
    for size in (*SIZES, None):
        own = [row for row in rows if size in (row["size"], None)]
        if own:
            print(f"{size or 'all':>4} new photos: {share(own, 'alarms')} {share(own, 'groups')}")
    print(f"of {len(rows)}: {sum(row['harm'] for row in rows)} with harm, {sum(row['power'] for row in rows)} with power")
    print(f"alarms: {[row['findings'] for row in rows if row['verdict'] != 'pass']}")
    print(f"CPU seconds of a review: median {statistics.median(row['seconds'] for row in rows):.1f}")


def share(rows: list[dict[str, Any]], what: str) -> str:
    hits = [row["groups"] > 0 if what == "groups" else row["verdict"] != "pass" for row in rows]
    low, high = wilson_interval(statistics.fmean(hits), len(hits)) or (0.0, 1.0)
    return f"{what} {sum(hits)} of {len(hits)} ({100 * low:.1f}-{100 * high:.1f} %)"


def main() -> None:
    parser = photo_options(__doc__)
    parser.add_argument("--cache", type=Path, help="the cache of drift.py; default: a temporary folder")
    parser.add_argument("--models", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--rows", type=Path, help="JSON lines that this call continues")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="ends after so long; call it again with the same --rows")
    args = parser.parse_args()
    if not are_there(args.photos, args.weights):
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = (args.cache or Path(temporary)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        frame = measured_table(folder, args.photos, args.weights, "plain")
        plain = Photos(frame, np.stack(frame["embedding"].to_list()).astype(np.float32))
        jobs = [(seed, number) for seed in range(args.models) for number in range(-(-args.pairs // args.models))]
        report(
            judge_missing(
                args.rows or Path(temporary) / "rows", jobs, partial(judge, cache(partial(train, plain, args.weights)), plain), args.seconds
            )
        )


if __name__ == "__main__":
    main()
