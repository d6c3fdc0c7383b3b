"""What of a class's photos makes others look like the class: one trait of a donor photo is given to a recipient, everything else stays.

A trait that should not matter, such as a corner, the frame or the light, pulls towards the donor's class only if the model relies on it.
What the change itself does, a seam for one, is seen with donors of the other classes: every effect is the difference between the two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flowers_tfx.explain import effects, perturbations
from flowers_tfx.explain.answer_changes import EXAMPLES
from flowers_tfx.explain.model_function import Answers, Floats, Pictures
from flowers_tfx.explain.photo_set import PhotoSet
from flowers_tfx.explain.selected_photos import SelectedPhotos, spread_over_classes
from flowers_tfx.litert import PROBABILITIES
from flowers_tfx.threads import map_in_threads

GRID = 4  # cells across and down
# A frame of this share of the picture's width.
FRAME = 1 / 14
# Classes that give each recipient a donor, and recipients: with more classes each is a donor for fewer photos.
_DONOR_CLASSES, _RECIPIENTS = 5, 100
# Pictures that are made and asked about at a time.
_BATCH = 256
_SEED = 16

Trait = Callable[[Pictures, Pictures], Pictures]  # of a recipient and a donor
Indices = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """Indices of photos: `recipients` and `donors`, [P] each, and the class of each donor."""

    recipients: Indices
    donors: Indices
    classes: Indices


def choose_pairs(photo_set: PhotoSet) -> Pairs:
    """A donor of each class, or of some classes in turn, for each of the recipients; the donors of a class in turn."""
    rng = np.random.default_rng(_SEED)
    members = {label: rng.permutation(np.flatnonzero(photo_set.truth == label)) for label in np.unique(photo_set.truth).tolist()}
    labels, next_donor, rows = sorted(members), dict.fromkeys(members, 0), []
    for turn, recipient in enumerate(spread_over_classes(photo_set, _RECIPIENTS).indices.tolist()):
        for step in range(min(_DONOR_CLASSES, len(labels))):
            label = labels[(turn + step * max(1, len(labels) // _DONOR_CLASSES)) % len(labels)]
            donors = members[label][members[label] != recipient]
            if len(donors):
                rows.append((recipient, int(donors[next_donor[label] % len(donors)]), label))
                next_donor[label] += 1
    table = np.array(rows, np.int64).reshape(-1, 3)
    return Pairs(*table.T)


def answer_pairs(give: Callable[[int, int], Pictures], pairs: Pairs, answers: Answers, classes: int) -> Floats:
    """Probabilities [P, classes] of the picture that `give` makes of each pair's recipient and donor."""
    rows = list(zip(pairs.recipients.tolist(), pairs.donors.tolist(), strict=True))
    batches = [
        answers(np.stack(list(map_in_threads(lambda pair: give(*pair), rows[start : start + _BATCH]))))[PROBABILITIES]
        for start in range(0, len(rows), _BATCH)
    ]
    return np.concatenate(batches) if batches else np.zeros((0, classes), np.float32)


def between(trait: Trait, photo_set: PhotoSet) -> Callable[[int, int], Pictures]:
    return lambda recipient, donor: trait(photo_set.pictures[recipient], photo_set.pictures[donor])


def compare_donors(selected: SelectedPhotos, pairs: Pairs, before: Doubles, after: Floats) -> list[dict[str, Any]]:
    """Of each class with donors: what its trait does. `before` [N, classes] of the unchanged photos, `after` [P, classes] of the pairs,
    whose indices are rows of the selection.

    `pull`: by how much more the probability of the class is with donors of the class than with others, on photos of other classes.
    `hold`: the same on photos of the class itself. `drawn`: the share of the photos of other classes that get the class's answer
    with a donor of the class, and not without a change; `drawn_by_others`: with donors of other classes. `examples`: recipients and donors
    with the largest pull, by their index in the whole set.
    """
    photo_set, entries = selected.photo_set, []
    for label in np.unique(pairs.classes).tolist():
        gains, recipients, donors = _gains(pairs, after[:, label].astype(np.float64), label)
        own = photo_set.truth[recipients] == label
        foreign = photo_set.truth[pairs.recipients] != label
        from_class = pairs.classes == label
        drawn = (after.argmax(axis=1) == label) & (before.argmax(axis=1) != label)[pairs.recipients]
        largest = np.flatnonzero(~own)[np.argsort(-gains[~own], kind="stable")[:EXAMPLES]]
        entries.append(
            {"class": photo_set.labels[label], "pairs": int((~own).sum())}
            | effects.mean(gains[~own], "pull", donors[~own])
            | effects.mean(gains[own], "hold", donors[own])
            | effects.share(drawn[foreign & from_class], "drawn")
            | {"drawn_by_others": effects.share(drawn[foreign & ~from_class], "drawn")["drawn"]}
            | {"examples": [selected.name([recipients[at], donors[at]]) for at in largest]}
        )
    return entries


def _gains(pairs: Pairs, probability: Doubles, label: int) -> tuple[Doubles, Indices, Indices]:
    """Of each pair with a donor of the class: the probability, less its mean over the same recipient's other pairs."""
    from_class = pairs.classes == label
    size = int(pairs.recipients.max()) + 1
    sums = np.bincount(pairs.recipients[~from_class], weights=probability[~from_class], minlength=size)
    counts = np.bincount(pairs.recipients[~from_class], minlength=size)
    rows = np.flatnonzero(from_class & (counts[pairs.recipients] > 0))
    recipients = pairs.recipients[rows]
    return probability[rows] - sums[recipients] / counts[recipients], recipients, pairs.donors[rows]


def cell_box(row: int, column: int) -> tuple[float, float, float, float]:
    return column / GRID, row / GRID, (column + 1) / GRID, (row + 1) / GRID


def cells() -> list[tuple[int, int]]:
    return [(row, column) for row in range(GRID) for column in range(GRID)]


def give_box(box: tuple[float, float, float, float]) -> Trait:
    def trait(recipient: Pictures, donor: Pictures) -> Pictures:
        changed, (x0, y0, x1, y1) = recipient.copy(), perturbations.pixels(box, len(recipient))
        changed[y0:y1, x0:x1] = donor[y0:y1, x0:x1]
        return changed

    return trait


def give_frame(recipient: Pictures, donor: Pictures) -> Pictures:
    width = round(FRAME * len(recipient))
    changed = donor.copy()
    changed[width:-width, width:-width] = recipient[width:-width, width:-width]
    return changed


def give_brightness(recipient: Pictures, donor: Pictures) -> Pictures:
    return perturbations.with_brightness(recipient, perturbations.mean_luma(donor))


def give_contrast(recipient: Pictures, donor: Pictures) -> Pictures:
    return perturbations.with_contrast(recipient, perturbations.luma_spread(donor))


TRAITS: dict[str, Trait] = {"border": give_frame, "brightness": give_brightness, "contrast": give_contrast}
