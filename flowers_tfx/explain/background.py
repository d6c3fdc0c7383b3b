"""Background against the thing itself: where a class's evidence lies, and what the answers become when one of the two is changed.

What the thing is comes from `salient_regions`, without the model. Photos where nothing plausible stands out are left out and counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from flowers_tfx.explain import effects
from flowers_tfx.explain.answer_changes import compare_answers
from flowers_tfx.explain.background_changes import CHANGES, Change, paste, without_thing
from flowers_tfx.explain.explanation import Explanation
from flowers_tfx.explain.model_function import Answers, Pictures, Vectors
from flowers_tfx.explain.photo_set import PhotoSet
from flowers_tfx.explain.salient_regions import Mask, salient_masks
from flowers_tfx.explain.selected_photos import SelectedPhotos, select, spread_over_classes
from flowers_tfx.explain.transplants import Pairs, answer_pairs, choose_pairs, compare_donors
from flowers_tfx.litert import PROBABILITIES
from flowers_tfx.progress import ProgressCallback
from flowers_tfx.threads import map_in_threads

_MOST_PHOTOS = 100


def background_dependence(
    photo_set: PhotoSet,
    answers: Answers,
    outputs: Vectors,
    explanations: Mapping[int, Explanation],
    progress: ProgressCallback | None = None,
) -> dict[str, Any]:
    """The key `background` of explanations.json. `outputs`: of the unchanged photos of the set."""
    steps = iter(range(1, len(CHANGES) + 3))

    def advance() -> None:
        if progress:
            progress(next(steps), len(CHANGES) + 2)

    asked = spread_over_classes(photo_set, _MOST_PHOTOS)
    outlines = salient_masks(asked.photo_set.pictures)
    masks = {index: mask for index, mask in zip(asked.indices.tolist(), outlines, strict=True) if mask is not None}
    advance()
    chosen, shapes = select(photo_set, list(masks)), list(masks.values())
    before = outputs[PROBABILITIES][chosen.indices].astype(np.float64)
    variants = []
    for name, change in CHANGES.items():
        after = answers(_changed(change, chosen.photo_set.pictures, shapes))[PROBABILITIES].astype(np.float64) if masks else before
        variants.append({"name": name} | compare_answers(chosen, before, after))
        advance()
    swapped = _swap(chosen, answers, before, shapes)
    advance()
    return {
        "photos": len(asked.indices),
        "without_mask": len(asked.indices) - len(masks),
        "indices": list(masks),
        "unchanged": compare_answers(chosen, before, before),
        "variants": variants,
        "attribution": _attribution(photo_set, masks, explanations),
        **swapped,
    }


def _changed(change: Change, pictures: Pictures, masks: list[Mask]) -> Pictures:
    return np.stack(list(map_in_threads(lambda pair: change(*pair), list(zip(pictures, masks, strict=True)))))


def _swap(selected: SelectedPhotos, answers: Answers, before: npt.NDArray[np.float64], masks: list[Mask]) -> dict[str, Any]:
    """Each thing before the backgrounds of photos of its own class and of others: `own_class` is what the cut and the paste do,
    `difference` what the background tells the model beyond that."""
    chosen = selected.photo_set
    pairs = choose_pairs(chosen)
    backgrounds = list(map_in_threads(lambda pair: without_thing(*pair), list(zip(chosen.pictures, masks, strict=True))))
    after = answer_pairs(partial(_give_background, chosen.pictures, masks, backgrounds), pairs, answers, len(chosen.labels))
    truth = chosen.truth[pairs.recipients]
    own = pairs.classes == truth
    right = (after.argmax(axis=1) == truth).astype(np.float64)
    probability = after[np.arange(len(truth)), truth].astype(np.float64)
    columns = (("accuracy", right), ("probability", probability))

    def means(rows: npt.NDArray[np.bool_]) -> dict[str, Any]:
        return {key: value for name, column in columns for key, value in effects.mean(column[rows], name, pairs.recipients[rows]).items()}

    return {
        "swapped": {
            **{"own_class": means(own), "other_class": means(~own), "difference": _difference(pairs, own, right, probability)},
            "classes": {
                label: {"own_class": means(own & (truth == at)), "other_class": means(~own & (truth == at))}
                for at, label in enumerate(chosen.labels)
            },
        },
        "transplants": compare_donors(selected, pairs, before, after),
    }


def _give_background(pictures: Pictures, masks: list[Mask], backgrounds: list[Pictures], recipient: int, donor: int) -> Pictures:
    return paste(pictures[recipient], backgrounds[donor], masks[recipient])


def _difference(
    pairs: Pairs, own: npt.NDArray[np.bool_], right: npt.NDArray[np.float64], probability: npt.NDArray[np.float64]
) -> dict[str, Any]:
    """Own class less other classes, of each recipient that has both."""
    rows = []
    for recipient in np.unique(pairs.recipients[own]).tolist():
        mine = pairs.recipients == recipient
        if (mine & ~own).any():
            rows.append([values[mine & own].mean() - values[mine & ~own].mean() for values in (right, probability)])
    table = np.array(rows, np.float64).reshape(-1, 2)
    return effects.mean(table[:, 0], "accuracy") | effects.mean(table[:, 1], "probability")


def _attribution(photo_set: PhotoSet, masks: Mapping[int, Mask], explanations: Mapping[int, Explanation]) -> dict[str, Any]:
    """By the true class: the share of the positive evidence inside the outline, beside the share of the picture that it covers."""
    rows = []
    for index in sorted(masks.keys() & explanations.keys()):
        evidence = np.maximum(explanations[index].map.astype(np.float64), 0)
        if evidence.sum() > 0:
            inside = float(evidence[masks[index]].sum() / evidence.sum())
            rows.append((int(photo_set.truth[index]), inside, float(masks[index].mean())))
    table = np.array(rows, np.float64).reshape(-1, 3)
    return {
        label: {"photos": int((own := table[:, 0] == at).sum())}
        | effects.mean(table[own, 1], "inside")
        | effects.mean(table[own, 2], "area")
        for at, label in enumerate(photo_set.labels)
    }
