"""What the answers depend on beside the thing itself: one property of the photos at a time, marks and frames, and what photos of a class
share in one place."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowers_tfx.explain import place_colours, transplants
from flowers_tfx.explain.marks import MARKS, measure_mark, measure_occlusion
from flowers_tfx.explain.model_function import Answers, Vectors
from flowers_tfx.explain.photo_set import PhotoSet
from flowers_tfx.explain.property_curves import CURVES, measure_curve
from flowers_tfx.explain.selected_photos import SelectedPhotos, spread_over_classes
from flowers_tfx.litert import PROBABILITIES
from flowers_tfx.progress import ProgressCallback

_MOST_PHOTOS = 100


def dependence(photo_set: PhotoSet, answers: Answers, outputs: Vectors, progress: ProgressCallback | None = None) -> dict[str, Any]:
    """The key `dependence` of explanations.json. `outputs`: of the unchanged photos of the set."""
    cells = transplants.cells()
    total = len(CURVES) + len(MARKS) + 1 + len(cells) + len(transplants.TRAITS)
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, total)

    selected = spread_over_classes(photo_set, _MOST_PHOTOS)
    before = outputs[PROBABILITIES][selected.indices]
    result: dict[str, Any] = {"photos": len(selected.indices), "curves": [], "marks": [], "occlusion": [], "transplants": []}
    if not len(selected.indices):
        return result
    for curve in CURVES:
        result["curves"].append(measure_curve(curve, selected, answers, before))
        advance()
    for mark in MARKS:
        result["marks"].append(measure_mark(mark, selected, answers, before))
        advance()
    result["occlusion"] = measure_occlusion(selected, answers, before)
    advance()
    result["transplants"] = _transplants(selected, answers, before.astype(np.float64), advance)
    return result


def _transplants(selected: SelectedPhotos, answers: Answers, before: Any, advance: Any) -> list[dict[str, Any]]:
    photo_set, classes = selected.photo_set, len(selected.photo_set.labels)
    pairs = transplants.choose_pairs(photo_set)
    entries = []
    for row, column in transplants.cells():
        box = transplants.cell_box(row, column)
        after = transplants.answer_pairs(transplants.between(transplants.give_box(box), photo_set), pairs, answers, classes)
        for entry in transplants.compare_donors(selected, pairs, before, after):
            colour = place_colours.typical_colour(photo_set, box, photo_set.labels.index(entry["class"]))
            entries.append({"trait": "cell", "row": row, "column": column, "box": list(box), "colour": colour} | entry)
        advance()
    for name, trait in transplants.TRAITS.items():
        after = transplants.answer_pairs(transplants.between(trait, photo_set), pairs, answers, classes)
        entries += [{"trait": name} | entry for entry in transplants.compare_donors(selected, pairs, before, after)]
        advance()
    return entries
