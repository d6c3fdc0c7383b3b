"""The test with random weights for `rise`: what flowers_tfx.explain.randomisation does for the methods with gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def rise_cascade(
    gradients: Any, pictures: list[Any], targets: list[int], classes: int, progress: Callable[[], None]
) -> list[dict[str, float]]:
    """As flowers_tfx.explain.randomisation.cascade, with 512 masks: LiteRT's weights cannot be changed, so the SavedModel answers."""
    from flowers_tfx.explain.hidden_parts import HiddenParts
    from flowers_tfx.explain.quality import rank_correlation
    from flowers_tfx.explain.rise import evidence, fit_maps, run_trials

    layers = gradients.layers
    stages = [0, *(1 + round(share * (layers - 1)) for share in (0, 0.25, 0.5, 0.75, 1))]
    maps: dict[int, list[Any]] = {stage: [] for stage in stages}
    for stage in stages:
        answers = answers_of(gradients.randomised(stage) if stage else gradients, classes)
        for picture, target in zip(pictures, targets, strict=True):
            trials = run_trials(HiddenParts(picture), answers, 512)
            maps[stage].append(fit_maps(trials, evidence(trials.vectors["probabilities"])[:, (target,)])[0])
            progress()
    trained = maps.pop(0)
    return [
        {
            "layers": stage,
            "correlation": float(np.mean([rank_correlation(*pair) for pair in zip(trained, random, strict=True)])),
            "correlation_of_sizes": float(np.mean([rank_correlation(abs(a), abs(b)) for a, b in zip(trained, random, strict=True)])),
        }
        for stage, random in maps.items()
    ]


def answers_of(gradients: Any, classes: int) -> Any:
    """A network with gradients as LiteRT's models answer: probabilities alone."""

    def answers(pictures: Any) -> dict[str, Any]:
        batches = np.array_split(np.asarray(pictures), max(len(pictures) // 32, 1))
        logits = np.concatenate(
            [gradients(batch.astype(np.float32), np.zeros((len(batch), classes), np.float32)).logits for batch in batches]
        )
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return {"probabilities": powers / powers.sum(axis=1, keepdims=True)}

    return answers
