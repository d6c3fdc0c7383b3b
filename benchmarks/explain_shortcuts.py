"""Does the page of a model name a planted shortcut? Part of benchmarks/explain.py; can be run alone:

    python benchmarks/explain_shortcuts.py [--photos DIR] [--weights FILE] [--seeds 4] [--shortcuts "corner mark,grass"] [--json]

Each model is trained as the pipeline trains it, the head on frozen features, on photos of which one class has a shortcut: a mark in a
corner, drawn grass behind the flower, a frame, or darkness. Its class and its place change with the seed. Then the analyses of the page
are made from `test`, which has the shortcut too, and the first three entries are searched for it by place, class and kind: of what the
answers depend on that they should not (`reliance`), and of the concepts of the class.

- learned: by how much the probability of the class rises when the shortcut is put into `test` photos of the other classes. A model that
  has not learned it has nothing to be found.
- alarms: in models without a shortcut, the share of the same searches that find something all the same.

About 90 s a model on two cores. Skipped with exit code 0 without photos or weights.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from shortcut_models import Photos, Trained, read_photos, train_model
from shortcuts import CORNERS, NONE, SHORTCUTS, STRENGTHS

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("FLOWERS_SHARED", ROOT.parent / "shared")) / "data"
FIRST = 3  # entries that a reader sees at once
LEARNED = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    args = parser.parse_args()
    run(args)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--photos", type=Path, default=SHARED / "flower_photos", help="a folder per class")
    parser.add_argument("--weights", type=Path, default=SHARED / "weights" / "mobilenet_v2_0.35_224_imagenet_no_top.weights.h5")
    parser.add_argument("--seeds", type=int, default=4, help="models of each shortcut and strength, each with another class and place")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--shortcuts", default=",".join([*SHORTCUTS, NONE]), help="names with commas; none: photos as they are")
    parser.add_argument("--strengths", default=",".join(STRENGTHS))
    parser.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> None:
    if not args.photos.is_dir() or not args.weights.is_file():
        print(f"skipped: no photos in {args.photos} or no weights at {args.weights}")
        return
    photos = read_photos(args.photos)
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    cases = [
        (name, strength, seed)
        for seed in seeds
        for name in args.shortcuts.split(",")
        for strength in (args.strengths.split(",") if name != NONE else [NONE])
    ]
    rows = []
    for number, (name, strength, seed) in enumerate(cases, 1):
        rows.append(measure(photos, str(args.weights), name, strength, seed))
        print(f"{number} of {len(cases)}", json.dumps(rows[-1]), file=sys.stderr, flush=True)
    print(json.dumps({"summary": summary(rows), "models": rows}) if args.json else table(summary(rows)))


def measure(photos: Photos, weights: str, name: str, strength: str, seed: int) -> dict[str, Any]:
    """Trains one model and searches its analyses for the shortcut; without one, for each shortcut in each class."""
    started = time.process_time()
    target, place = seed % len(photos.labels), seed % len(CORNERS)
    trained = train_model(photos, weights, name, strength, seed)
    values = analyse(trained)
    row: dict[str, Any] = {"shortcut": name, "strength": strength, "seed": seed, "accuracy": round(trained.accuracy, 3)}
    if name == NONE:
        row["suspicious"] = [
            [name, concept["words"]] for name in photos.labels for concept in values["concepts"][name] if concept["suspicious"]
        ]
        row["alarms"] = {
            shortcut: [
                [rank_in_reliance(values, shortcut, label, corner), rank_in_concepts(values, shortcut, label, corner)]
                for label in photos.labels
                for corner in (CORNERS if shortcut == "corner mark" else CORNERS[:1])
            ]
            for shortcut in SHORTCUTS
        }
    else:
        label, corner = photos.labels[target], CORNERS[place]
        row |= {
            "class": label,
            "place": corner if name == "corner mark" else None,
            "learned": round(trained.learned or 0.0, 3),
            "reliance_rank": rank_in_reliance(values, name, label, corner),
            "concept_rank": rank_in_concepts(values, name, label, corner),
            "concepts": [[concept["words"], concept["share"], concept["suspicious"]] for concept in values["concepts"][label][:FIRST]],
        }
    row["reliance"] = [[entry["kind"], entry["class"], entry["place"], entry["effect"]] for entry in values["reliance"][:5]]
    return row | {"cpu_s": round(time.process_time() - started, 1)}


def analyse(trained: Trained) -> dict[str, Any]:
    """The keys of explanations.json that are searched."""
    from flowers_tfx.explain.background import background_dependence
    from flowers_tfx.explain.concepts import find_concepts
    from flowers_tfx.explain.dependence import dependence
    from flowers_tfx.explain.reliance import reliance
    from flowers_tfx.explain.salient_regions import salient_masks

    test, answers = trained.test, trained.answers
    outputs = answers(test.pictures)
    concepts = find_concepts(test, answers, outputs, trained.head, salient_masks(test.pictures), lambda done, total: None)
    background, dependences = background_dependence(test, answers, outputs, {}), dependence(test, answers, outputs)
    return {"concepts": concepts.concepts, "reliance": reliance(background, dependences)}


def rank_in_reliance(values: dict[str, Any], shortcut: str, label: str, corner: str) -> int | None:
    """The place of the first entry that names the shortcut, from 1; None if none does."""
    for rank, entry in enumerate(values["reliance"], 1):
        kind, same = entry["kind"], entry["class"] == label
        named = {
            "corner mark": kind in ("corner", "mark") and corner in entry["place"],
            "grass": kind == "background",
            "frame": kind == "border",
            "darkness": kind == "brightness",
        }[shortcut]
        if same and named:
            return rank
    return None


def rank_in_concepts(values: dict[str, Any], shortcut: str, label: str, corner: str) -> int | None:
    """Of those that the page calls suspicious."""
    for rank, concept in enumerate(values["concepts"][label], 1):
        place, colours = concept["position"]["words"] or "", [colour["name"] for colour in concept["colours"]]
        named = {
            "corner mark": place == f"in the {corner} corner",
            "grass": "green" in colours and (concept["inside"] or 0) < 0.5,
            "frame": "corner" in place or "edge" in place or place in ("at the top", "at the bottom"),
            "darkness": False,  # concepts are parts of photos
        }[shortcut]
        if named and concept["suspicious"]:
            return rank
    return None


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each shortcut and strength, and the alarms of the models without a shortcut."""
    lines = []
    for name in SHORTCUTS:
        alarms = [pair for row in rows if row["shortcut"] == NONE for pair in row["alarms"][name]]
        for strength in STRENGTHS:
            models = [row for row in rows if (row["shortcut"], row["strength"]) == (name, strength)]
            if models:
                learned = [row for row in models if row["learned"] >= LEARNED]
                lines.append(
                    {
                        "shortcut": name,
                        "strength": strength,
                        "models": len(models),
                        "rise": float(np.mean([row["learned"] for row in models])),
                        "learned": len(learned),
                        "reliance": sum(_first(row["reliance_rank"]) for row in learned),
                        "concepts": sum(_first(row["concept_rank"]) for row in learned),
                        "either": sum(_first(row["reliance_rank"]) or _first(row["concept_rank"]) for row in learned),
                        "searches": len(alarms),
                        "alarms_reliance": sum(_first(pair[0]) for pair in alarms),
                        "alarms_concepts": sum(_first(pair[1]) for pair in alarms),
                    }
                )
    return lines


def _first(rank: int | None) -> bool:
    return rank is not None and rank <= FIRST


def table(lines: list[dict[str, Any]]) -> str:
    head = f"{'shortcut':14}{'strength':10}{'models':>7}{'rise':>7}{'learned':>9}{'reliance':>10}{'concepts':>10}{'either':>8}   alarms"
    rows = [
        f"{line['shortcut']:14}{line['strength']:10}{line['models']:>7}{line['rise']:>7.2f}{line['learned']:>9}{line['reliance']:>10}"
        f"{line['concepts']:>10}{line['either']:>8}   {line['alarms_reliance']} and {line['alarms_concepts']} of {line['searches']}"
        for line in lines
    ]
    return "\n".join([head, *rows])


if __name__ == "__main__":
    main()
