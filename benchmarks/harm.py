"""What a change costs the model: the figure of the data review beside the real accuracy, on real photos.

    python benchmarks/harm.py [--photos DIR] [--weights FILE] [--cache DIR] [--models 10] [--json]

Each model's head is trained as the pipeline trains it, on 400 photos (50 more for `eval`, 100 for `test`); the others, 450, it never saw.
What the review says of 200 of these, changed, stands beside how many it really answers right:

- planted: the pixel changes of `planted.py` at three strengths, as in `drift.py`, whose cache it shares;
- source: the same photos as another website would deliver them (256 x 256 px at quality 75, a messenger's 160 px, a scan in grey);
- subset: real photos that are unlike the others: the darkest, the smallest files, the least sharp, the squarest, the least saturated.

Every one is reviewed with its labels, where the figure must be the real one, and without, where it is an estimate: its mean absolute error
and how often its interval holds the real accuracy, beside the mean of the model's own probabilities. Photos without any change, 300 pairs
of test and new photos, count false alarms. About 5 minutes on two cores besides the cache. Skipped with exit code 0 without photos or
weights.
"""

from __future__ import annotations

from real_photos import are_there, photo_options  # isort: split

import io
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from drift_pairs import measure_tables
from harm_models import TEST, Model, Photos, train_model
from PIL import Image, ImageOps
from planted import PIXELS
from scipy import special

from flowers_tfx.storage import atomic_file
from flowers_tfx.validation import Policy
from flowers_tfx.validation.findings.performance_findings import performance_findings
from flowers_tfx.validation.harm import AnsweredPhotos, measure_harm
from flowers_tfx.validation.model_figures import ModelFigures

NEW = 200
NULL_PAIRS, NULL_SIZES = 300, (50, 100, 200, 400)
POLICY = Policy()
HURTS = 0.08  # a change that costs more is counted on its own


def _another_website(image: Image.Image) -> tuple[Image.Image, int]:
    return ImageOps.fit(image, (256, 256)), 75


def _messenger(image: Image.Image) -> tuple[Image.Image, int]:
    image.thumbnail((160, 160))
    return image, 50


def _scan(image: Image.Image) -> tuple[Image.Image, int]:
    return ImageOps.grayscale(image).convert("RGB"), 80


SOURCES: dict[str, Callable[[Image.Image], tuple[Image.Image, int]]] = {
    "another website": _another_website,
    "messenger": _messenger,
    "grey scan": _scan,
}
# A property, and whether its lowest values are chosen.
SUBSETS = {
    "darkest": ("mean_luma", True),
    "smallest files": ("file_bytes", True),
    "least sharp": ("sharpness", True),
    "squarest": ("aspect_ratio", True),
    "least saturated": ("saturation", True),
    "brightest": ("mean_luma", False),
}


def main() -> None:
    parser = photo_options(__doc__)
    parser.add_argument("--cache", type=Path, help="the cache of drift.py; default: a temporary folder")
    parser.add_argument("--models", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if not are_there(args.photos, args.weights):
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.cache or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        measure_tables(folder, args.photos, args.weights)
        measure_sources(folder, args.photos, args.weights)
        rows, alarms = run(folder, args.weights, args.models)
    if args.json:
        print(json.dumps({"rows": rows, "alarms": alarms}))
        return
    print_table(rows, alarms)


def measure_sources(folder: Path, photos: Path, weights: Path) -> None:
    """Writes the tables of other sources that the folder lacks: uri, digest, label, embedding of the photos of the planted tables."""
    import hashlib

    from flowers_tfx.config import ModelConfig
    from flowers_tfx.model.embedding import Embedder

    missing = [name for name in SOURCES if not (folder / f"source-{name}.parquet").exists()]
    if not missing:
        return
    embedder, chosen = Embedder(ModelConfig(weights=str(weights))), pd.read_parquet(folder / "blur-0.parquet", columns=["uri", "label"])
    for name in missing:
        changed = []
        for uri in chosen["uri"]:
            image, quality = SOURCES[name](Image.open(uri).convert("RGB"))
            out = io.BytesIO()
            image.save(out, "JPEG", quality=quality)
            changed.append(out.getvalue())
        vectors = np.concatenate([embedder(changed[at : at + 32]) for at in range(0, len(changed), 32)])
        digests = [hashlib.sha256(data).hexdigest() for data in changed]
        with atomic_file(folder / f"source-{name}.parquet") as unfinished:
            chosen.assign(digest=digests, embedding=list(vectors)).to_parquet(unfinished)


def read(folder: Path, name: str) -> Photos:
    frame = pd.read_parquet(folder / f"{name}.parquet")
    return Photos(frame.drop(columns="embedding"), np.stack(frame["embedding"].to_list()).astype(np.float32))


def run(folder: Path, weights: Path, models: int) -> tuple[list[dict[str, Any]], dict[str, int]]:
    plain = read(folder, "plain")
    changes = dict(planted_tables(folder)) | {("source", name): read(folder, f"source-{name}") for name in SOURCES}
    rows, alarms = [], {"pairs": 0, "measured": 0, "estimated": 0}
    for seed in range(models):
        model, test = train_model(plain, weights, seed)
        figures, random = model.figures(test), np.random.default_rng(seed)
        for (kind, name), new in [*changes.items(), *subsets(plain.rows(model.unseen), test)]:
            unseen = np.flatnonzero(~new.frame["uri"].isin(model.seen | set(test.frame["uri"])))
            rows.append({"kind": kind, "name": name, **judge(model, figures, new.rows(random.permutation(unseen)[:NEW]))})
        count_alarms(model, plain, alarms, random, NULL_PAIRS // models)
        print(f"model {seed + 1} of {models}", file=sys.stderr, flush=True)
    return rows, alarms


def planted_tables(folder: Path) -> Iterator[tuple[tuple[str, str], Photos]]:
    for kind, pixels in PIXELS.items():
        for at, strength in enumerate(("weak", "medium", "strong")):
            # Of a change of a share of the photos all are changed here.
            if not pixels.share or at == 2:
                yield ("planted", f"{kind}, {strength}"), read(folder, f"{kind}-{0 if pixels.share else at}")


def subsets(unseen: Photos, test: Photos) -> Iterator[tuple[tuple[str, str], Photos]]:
    left = unseen.rows(np.flatnonzero(~unseen.frame["uri"].isin(set(test.frame["uri"]))))
    yield ("none", "no change"), left
    for name, (feature, lowest) in SUBSETS.items():
        values = left.frame[feature].to_numpy(np.float64)
        if feature == "aspect_ratio":
            values = np.abs(np.log(values))
        yield ("subset", name), left.rows(np.argsort(values if lowest else -values, kind="stable")[: NEW // 2])


def judge(model: Model, figures: ModelFigures, new: Photos) -> dict[str, Any]:
    """The real accuracy, and what the review says with and without labels."""
    answers = model.answers(new)
    probabilities = special.softmax(model.logits(new.features), axis=1)
    names = np.array(model.labels, object)[probabilities.argmax(axis=1)]
    real = float((names == new.frame["label"].to_numpy(object)).mean())
    measured = measure_harm(AnsweredPhotos(new.frame, answers, figures, POLICY.alpha))
    estimated = measure_harm(AnsweredPhotos(new.frame.drop(columns="label"), answers, figures, POLICY.alpha))
    assert measured is not None
    assert estimated is not None
    return {
        "real": real,
        "test": figures.correct / figures.photos,
        "measured": measured["accuracy"],
        "estimated": estimated["accuracy"],
        "interval": estimated["interval"],
        "mean_probability": float(probabilities.max(axis=1).mean()),
    }


def count_alarms(model: Model, plain: Photos, alarms: dict[str, int], random: np.random.Generator, pairs: int) -> None:
    """Test and new photos drawn from those that the model never saw."""
    for number in range(pairs):
        order = random.permutation(model.unseen)
        figures = model.figures(plain.rows(order[:TEST]))
        new = plain.rows(order[TEST : TEST + NULL_SIZES[number % len(NULL_SIZES)]])
        answers = model.answers(new)
        alarms["pairs"] += 1
        for key, frame in (("measured", new.frame), ("estimated", new.frame.drop(columns="label"))):
            asked = AnsweredPhotos(frame, answers, figures, POLICY.alpha)
            alarms[key] += any(True for _ in performance_findings(measure_harm(asked) or {}, asked, POLICY))


def print_table(rows: list[dict[str, Any]], alarms: dict[str, int]) -> None:
    frame = pd.DataFrame(rows)
    unchanged = float(frame[frame.kind == "none"].real.mean())
    frame["group"] = [
        f"{kind}, costs {'more' if real < unchanged - HURTS else 'less'} than {100 * HURTS:.0f} points" if kind != "none" else "no change"
        for kind, real in zip(frame.kind, frame.real, strict=True)
    ]
    print("| photos | reviews | real accuracy | error with labels | estimate | mean probability | interval holds it | its width |")
    print("|---|---|---|---|---|---|---|---|")
    for name, part in frame.groupby("group"):
        low, high = (np.array([ends[at] for ends in part.interval]) for at in (0, 1))
        errors = [100 * (part[key] - part.real).abs().mean() for key in ("measured", "estimated", "mean_probability")]
        inside = 100 * ((low <= part.real) & (part.real <= high)).mean()
        print(
            f"| {name} | {len(part)} | {100 * part.real.mean():.1f} | {errors[0]:.2f} | {errors[1]:.1f} | {errors[2]:.1f} "
            f"| {inside:.0f} % | {100 * (high - low).mean():.0f} |"
        )
    print(f"false alarms in {alarms['pairs']} pairs without a change: {alarms['measured']} with labels, {alarms['estimated']} without")


if __name__ == "__main__":
    main()
