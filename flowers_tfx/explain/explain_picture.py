"""Why a model gave its answer to one picture, with the checks of the explanation."""

from __future__ import annotations

import time

import numpy as np

from flowers_tfx.errors import InputError
from flowers_tfx.explain.explanation import Explanation
from flowers_tfx.explain.hidden_parts import HiddenParts
from flowers_tfx.explain.methods import TITLES, Method
from flowers_tfx.explain.model_function import Answers, Floats, Gradients, Pictures
from flowers_tfx.explain.quality import MapChecks, add_noise, measure_quality, rank_correlation
from flowers_tfx.explain.regions import find_regions
from flowers_tfx.explain.rise import MASKS, Trials, evidence, fit_maps, run_trials, stretch
from flowers_tfx.litert import FEATURES, PROBABILITIES

_RANDOM_HEADS = 8


def explain_picture(
    picture: Pictures,
    answers: Answers,
    method: Method,
    gradients: Gradients | None = None,
    target: int | None = None,
    masks: int = MASKS,
) -> Explanation:
    """Why the picture, uint8 [s, s, 3], got the class with the index `target`, or with None the most probable one.

    `masks`: of the method rise; fewer take less time, and the map changes more with the next ones. `answers` is asked for a few pictures
    at a time: an exception of it ends the work, so a caller can stop what takes too long. Raises InputError where the method needs
    gradients and there are none.
    """
    started = time.perf_counter()
    probabilities = answers(picture[np.newaxis])[PROBABILITIES][0]
    ranked = [int(index) for index in np.argsort(-probabilities, kind="stable")]
    target = ranked[0] if target is None else target
    runner_up = next((index for index in ranked if index != target), target)
    parts = HiddenParts(picture)
    if method == "rise":
        maps, checks = _explain_by_masks(parts, answers, target, runner_up, masks)
    else:
        maps, checks = _explain_by_gradients(picture, gradients, method, target, runner_up, len(probabilities))
    quality = measure_quality(maps[0], parts, answers, target, checks)
    regions = find_regions(maps[0])
    return Explanation(target, method, maps[0], regions, quality, runner_up, maps[1], time.perf_counter() - started)


def _explain_by_masks(
    parts: HiddenParts, answers: Answers, target: int, runner_up: int, masks: int
) -> tuple[tuple[Floats, Floats], MapChecks]:
    """The maps [s, s] of both classes, and the checks of the first."""
    trials = run_trials(parts, answers, masks)
    first, second = fit_maps(trials, evidence(trials.vectors[PROBABILITIES])[:, (target, runner_up)])
    again = run_trials(HiddenParts(add_noise(parts.picture)), answers, masks // 2, seed=1)
    noisy = fit_maps(again, evidence(again.vectors[PROBABILITIES])[:, (target,)])[0]
    heads = _maps_of_random_heads(trials)
    return (stretch(first, parts.size), stretch(second, parts.size)), MapChecks(
        stability=rank_correlation(first, noisy),
        randomised_correlation=float(np.mean([abs(rank_correlation(first, head)) for head in heads])) if len(heads) else None,
    )


def _maps_of_random_heads(trials: Trials) -> Floats:
    """float32 [heads, m, m]: the maps of networks with the same layers and a random last one, from the same answers; none where the model
    does not answer with features."""
    if FEATURES not in trials.vectors:
        return np.zeros((0, *trials.shown.shape[1:]), np.float32)
    features = trials.vectors[FEATURES]
    heads = np.random.default_rng(0).normal(size=(features.shape[1], _RANDOM_HEADS)).astype(np.float32)
    return fit_maps(trials, features @ heads)


def _explain_by_gradients(
    picture: Pictures, gradients: Gradients | None, method: Method, target: int, runner_up: int, classes: int
) -> tuple[tuple[Floats, Floats], MapChecks]:
    if gradients is None:
        raise InputError(
            f"This model has no signature of gradients, which {TITLES[method]} needs.",
            "Use the method rise, or train and push the model again.",
        )
    # Here, since the service imports this module, and is installed without saliency.
    from flowers_tfx.explain.gradient_maps import CHECK_PIECES, attribute, coarse

    explained, other = (attribute(method, gradients, picture, index, classes) for index in (target, runner_up))
    noisy = attribute(method, gradients, add_noise(picture), target, classes, CHECK_PIECES)
    random = attribute(method, gradients.randomised(gradients.layers), picture, target, classes, CHECK_PIECES)
    checks = MapChecks(
        stability=rank_correlation(coarse(explained.map), coarse(noisy.map)),
        randomised_correlation=abs(rank_correlation(coarse(explained.map), coarse(random.map))),
        # The sum of the others says nothing of which parts come first.
        completeness_error=explained.completeness_error if method == "ig" else None,
    )
    return (explained.map, other.map), checks
