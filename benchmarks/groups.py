"""Groups of photos that a review names: photos of another source, or with a planted change, mixed into photos like the baseline's.

    python benchmarks/groups.py [--photos DIR] [--weights FILE] [--cache DIR] [--kinds A,B] [--first 0] [--repeats 2] [--rows FILE]
    python benchmarks/groups.py --ceiling [--cache DIR]
    python benchmarks/groups.py --cost [--cache DIR]

500 photos against 200 and 400, of which 5, 10 or 30 % have changed (`planted.py`, medium and strong; changes of labels, copies and other
flowers have one strength). Of reviews that do not pass: whether there is a group, its precision and recall (of all groups together), and
the verdict of the photos in no group. Rows are appended to --rows, and the next call goes on where they end. `--ceiling`: what a classifier
reaches that was trained on 400 photos with this very change and on the same photos without it, at 10 %: the best smaller one of precision
and recall over all thresholds. `--cost`: CPU seconds of a search.
"""

from __future__ import annotations

from real_photos import are_there, photo_options  # isort: split

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from drift_pairs import MIXED_ROWS, measure_tables, mixed_in, table_of
from pieces import judge_missing
from planted import PIXELS
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from flowers_tfx.features import PROPERTIES
from flowers_tfx.review.comparison import compare_sides
from flowers_tfx.review.sides import Side
from flowers_tfx.validation import Policy, compare
from flowers_tfx.validation.groups.columns import PhotoColumns
from flowers_tfx.validation.photo_pool import pool_photos
from flowers_tfx.validation.tables.reading import read_tables

SIZES, SHARES, STRENGTHS = (200, 400), (0.05, 0.1, 0.3), {1: "medium", 2: "strong"}
CONTINUOUS = [prop.name for prop in PROPERTIES if prop.kind == "float" and prop.name != "aspect_ratio"]
NUMBERS = [prop.name for prop in PROPERTIES if prop.tested and prop.role == "number"]


def judge(folder: Path, kind: str, strength: int, size: int, share: float, number: int) -> dict[str, Any]:
    """A row: the verdict, and how well the groups are the planted photos."""
    (old, new), planted = mixed_in(folder, kind, strength, size, share, number)
    began = time.process_time()
    review = compare_sides(Side("baseline", old), Side("new", new), Policy(), seed=number).review
    seconds = time.process_time() - began
    chosen = {digest for group in review.groups for digest in group["photos"]}
    hits = len(chosen & planted)
    return {
        "kind": kind,
        "strength": strength,
        "size": size,
        "share": share,
        "number": number,
        "verdict": review.verdict,
        "groups": len(review.groups),
        "precision": hits / len(chosen) if chosen else None,
        "recall": hits / len(planted) if chosen else None,
        "without": review.groups[-1]["verdict_without"] if review.groups else None,
        "words": [group["words"] for group in review.groups],
        "story": review.story,
        "seconds": seconds,
    }


def ceiling(folder: Path, kind: str, strength: int) -> float:
    """The best smaller one of precision and recall, at 10 %, of linear classifiers on properties, embeddings or both, and of a
    forest on the columns that the search sees."""
    pixels = PIXELS[kind]
    before, after = table_of(folder, pixels.before), table_of(folder, f"{kind}-{0 if pixels.share else strength}")
    uris = np.random.default_rng(0).permutation(after.uri.to_numpy())
    learned, tested = set(uris[:400]) | set(before.uri) - set(after.uri), set(uris[400:])
    sides = [pd.concat([table[table.uri.isin(part)] for table in (before, after)]) for part in (learned, tested)]
    labels = [np.repeat([False, True], [before.uri.isin(part).sum(), after.uri.isin(part).sum()]) for part in (learned, tested)]
    numbers = [side[NUMBERS].astype(float).fillna(0).to_numpy() for side in sides]
    ranks = QuantileTransformer(output_distribution="normal", n_quantiles=200).fit(numbers[0])
    normal = [ranks.transform(part) for part in numbers]
    views = [[np.hstack([part, part**2]) for part in normal], [np.sqrt(np.stack(list(side.embedding)).clip(0)) for side in sides]]
    scores = []
    for train, test in views:
        scale = StandardScaler().fit(train)
        model = LogisticRegression(C=0.03, max_iter=1000).fit(scale.transform(train), labels[0])
        scores.append(model.decision_function(scale.transform(test)))
    scores.append(sum(score / score.std() for score in scores))
    columns, photos = search_columns(folder, kind, strength), [read_tables(side, side).new for side in sides]
    changed = [np.isin(part.digests.astype(str), after.digest.astype(str)) for part in photos]
    trees = ExtraTreesClassifier(400, min_samples_leaf=2, max_features=0.4, random_state=0).fit(columns.of(photos[0]), changed[0])
    by_trees = trees.predict_proba(columns.of(photos[1]))[:, 1]
    return max(_best_of_both(by_trees, changed[1]), *(_best_of_both(score, labels[1]) for score in scores))


def search_columns(folder: Path, kind: str, strength: int) -> PhotoColumns:
    """Those of a search in a pair at 10 % of 400."""
    pair, _ = mixed_in(folder, kind, strength, 400, 0.1, 0)
    tables = read_tables(*pair)
    return PhotoColumns(pool_photos(tables.baseline, tables.new))


def _best_of_both(scores: Any, changed: Any) -> float:
    best = 0.0
    for threshold in np.unique(scores):
        recall, others = (scores[changed] >= threshold).mean(), (scores[~changed] >= threshold).mean()
        best = max(best, min(recall, 0.1 * recall / (0.1 * recall + 0.9 * others)))
    return float(best)


def report(rows: list[dict[str, Any]]) -> None:
    print("Reviews that do not pass: with a group / precision / recall of the groups / the other photos pass; n")
    for strength, word in STRENGTHS.items():
        for size in SIZES:
            for share in SHARES:
                own = [row for row in rows if (row["strength"], row["size"], row["share"]) == (strength, size, share)]
                print(f"  {word:7} {round(100 * share):3} % of {size}: {summary(own)}")
    print("\n10 % of 400, by kind: medium | strong")
    for kind in dict.fromkeys(row["kind"] for row in rows):
        cells = [
            [row for row in rows if (row["kind"], row["strength"], row["size"], row["share"]) == (kind, s, 400, 0.1)] for s in STRENGTHS
        ]
        print(f"  {kind:26}" + " | ".join(f"{summary(cell):48}" for cell in cells))
    print(f"\nCPU seconds of a review with a search: median {np.median([row['seconds'] for row in rows if row['groups']]):.1f}")


def summary(rows: list[dict[str, Any]]) -> str:
    alarms = [row for row in rows if row["verdict"] != "pass"]
    if not alarms:
        return f"all {len(rows)} pass" if rows else "not run"
    grouped = [row for row in alarms if row["groups"]]
    if not grouped:
        return f"0 of {len(alarms)} ({len(rows)} pairs)"
    parts = [_mean([row[key] for row in grouped]) for key in ("precision", "recall")]
    passes = sum(row["without"] == "pass" for row in grouped)
    return f"{len(grouped)} of {len(alarms)} / {' / '.join(parts)} / {passes} of {len(grouped)} ({len(rows)} pairs)"


def _mean(values: list[float]) -> str:
    """With half of its 95 % interval."""
    half = f" +- {1.96 * np.std(values, ddof=1) / np.sqrt(len(values)):.2f}" if len(values) > 2 else ""
    return f"{np.mean(values):.2f}{half}"


def cost(folder: Path) -> None:
    """10 % of another website among new photos. There are only 1,000 photos: both sides draw from the same ones with replacement, each a
    little different, so that no two are copies and no side can be told by its photos."""
    (old, new), planted = mixed_in(folder, "another website", 2, 400, 0.1, 0)
    changed = new[new.digest.isin(planted)]
    plain = pd.concat([old, new[~new.digest.isin(planted)]])
    for photos in (400, 10_000):
        random = np.random.default_rng(0)
        baseline = _drawn(plain, max(500, min(photos, 2000)), random)
        fresh = pd.concat([_drawn(changed, photos // 10, random), _drawn(plain, photos - photos // 10, random)], ignore_index=True)
        baseline["digest"], fresh["digest"] = (
            [f"{name}-{row}" for row in range(len(side))] for name, side in (("old", baseline), ("new", fresh))
        )
        began = time.process_time()
        review = compare_sides(Side("baseline", baseline), Side("new", fresh), Policy()).review
        whole = time.process_time() - began
        began = time.process_time()
        compare(baseline, fresh, Policy(), with_power=True)
        alone = time.process_time() - began
        chosen = {digest for group in review.groups for digest in group["photos"]}
        hits = len(chosen & set(fresh.digest.iloc[: photos // 10]))
        print(
            f"{photos} new photos: {whole:.1f} CPU s with groups, {alone:.1f} without; {[g['words'] for g in review.groups]}, "
            f"{hits} of them are of the {photos // 10} that changed; without them {[g['verdict_without'] for g in review.groups][-1:]}",
            flush=True,
        )


def _drawn(table: pd.DataFrame, photos: int, random: np.random.Generator) -> pd.DataFrame:
    """Sizes and qualities of real photos; the other numbers shrink by up to 10 %, and the content lies between two photos of a class."""
    rows = table.iloc[random.integers(0, len(table), photos)].reset_index(drop=True)
    for column in ("file_bytes", *(name for name in CONTINUOUS if name in rows)):
        rows[column] = (rows[column] * random.uniform(0.9, 1.0, photos)).astype(rows[column].dtype)
    contents = {label: np.stack(list(part.embedding)) for label, part in table.groupby("label")}
    others = np.stack([contents[label][random.integers(0, len(contents[label]))] for label in rows.label])
    part = random.uniform(0.3, 0.7, (photos, 1))
    rows["embedding"] = list(part * np.stack(list(rows.embedding)) + (1 - part) * others)
    rows["phash"] = [f"{int(random.integers(0, 2**63)):016x}" for _ in range(photos)]
    return rows


def main() -> None:
    parser = photo_options(__doc__)
    parser.add_argument("--cache", type=Path, help="folder of the planted tables; default: a temporary one")
    parser.add_argument("--first", type=int, default=0, help="number of the first pair of a kind")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument(
        "--kinds", default=",".join([*PIXELS, *(kind.replace(",", ";") for kind in MIXED_ROWS)]), help="a ; stands for a comma"
    )
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--shares", default=",".join(map(str, SHARES)))
    parser.add_argument("--rows", type=Path, help="JSON lines that this call continues")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="ends after so long; call it again with the same --rows")
    parser.add_argument("--ceiling", action="store_true")
    parser.add_argument("--cost", action="store_true")
    args = parser.parse_args()
    if not are_there(args.photos, args.weights):
        return
    kinds = [kind.replace(";", ",") for kind in args.kinds.split(",")]
    with tempfile.TemporaryDirectory() as temporary:
        cache = (args.cache or Path(temporary)).absolute()
        cache.mkdir(parents=True, exist_ok=True)
        measure_tables(cache, args.photos, args.weights)
        if args.cost:
            cost(cache)
        elif args.ceiling:
            for kind in (kind for kind in kinds if kind in PIXELS):
                print(f"{kind:26}" + " | ".join(f"{word} {ceiling(cache, kind, at):.2f}" for at, word in STRENGTHS.items()), flush=True)
        else:
            sizes, shares = ([float(value) for value in text.split(",")] for text in (args.sizes, args.shares))
            jobs = [
                (kind, at, int(size), share, number)
                for number in range(args.first, args.first + args.repeats)
                for share in shares
                for size in sizes
                for kind in kinds
                for at in (STRENGTHS if kind in PIXELS else (2,))
            ]
            report(judge_missing(args.rows or Path(temporary) / "rows", jobs, partial(judge, cache), args.seconds))


if __name__ == "__main__":
    main()
