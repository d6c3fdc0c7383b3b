"""What a change of photos does to a model's answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from flowers_tfx.explain import effects
from flowers_tfx.explain.selected_photos import SelectedPhotos

# Photos that show an effect best.
EXAMPLES = 3

Doubles = npt.NDArray[np.float64]


def compare_answers(selected: SelectedPhotos, before: Doubles, after: Doubles) -> dict[str, Any]:
    """Probabilities [N, classes] of the photos as they are and changed. Over all photos and by class.

    `accuracy`, `probability` (of the true class): of the changed photos; `accuracy_change`, `change`: less those of the unchanged ones.
    `flipped`: the share of the photos that get another answer. `pull` of a class: the mean change of its probability on photos of the
    other classes; `drawn`: the share of those that get its answer only after the change. `examples`: the photos with the largest fall
    of the true class, or the largest rise of the class, by their index in the whole set."""
    truth, rows = selected.photo_set.truth, np.arange(len(selected.indices))
    answer, earlier = after.argmax(axis=1), before.argmax(axis=1)
    right, probability = answer == truth, after[rows, truth]
    change = probability - before[rows, truth]
    classes = {}
    for at, label in enumerate(selected.photo_set.labels):
        own, rise = truth == at, after[:, at] - before[:, at]
        drawn = (answer == at) & (earlier != at)
        classes[label] = {
            **{"photos": int(own.sum())} | effects.share(right[own], "accuracy") | effects.mean(probability[own], "probability"),
            **effects.mean(rise[~own], "pull") | effects.share(drawn[~own], "drawn"),
            "examples": selected.name([row for row in np.argsort(-rise, kind="stable").tolist() if not own[row]][:EXAMPLES]),
        }
    return {
        **effects.share(right, "accuracy") | effects.mean(probability, "probability") | effects.mean(change, "change"),
        **effects.mean(right.astype(np.float64) - (earlier == truth), "accuracy_change"),
        "flipped": effects.share(answer != earlier, "flipped")["flipped"],
        "examples": selected.name(np.argsort(change, kind="stable")[:EXAMPLES]),
        "classes": classes,
    }
