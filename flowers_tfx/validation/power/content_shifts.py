"""The smallest shift of the content that would have been found.

Shifts go in random directions, all alike once each direction is measured in its standard deviations: so do the differences of two kinds of
photos. Draws without drift plus the shift's scores are the scores that it would have had.
"""

from __future__ import annotations

import numpy as np

from flowers_tfx.validation.effects import separation_points
from flowers_tfx.validation.permutation import Floats, Permutations
from flowers_tfx.validation.power.hypothetical import CriticalValues, Sizes, smallest_strength
from flowers_tfx.validation.spectrum import Spectrum

REVIEWS = 200
# So much of a shift's squared distance shows: the directions are estimated from the photos at hand, and new photos that were drawn from
# other ones vary in more ways than by chance alone. Calibrated on real photos (benchmarks/power.py).
SHOWN = 0.55


def smallest_content_effect(permutations: Permutations, critical: CriticalValues) -> float | None:
    """In points, as a finding on the content measures it. None if no shift would be found."""
    sizes, spectra = Sizes.of(permutations), critical.view.spectra
    draws = np.concatenate([spectrum.distances(ridges)[1:] for spectrum, ridges in spectra], axis=1)

    def share_found(strength: float) -> float:
        """`strength`: sum of the squared scores that the shift adds."""
        shifted = [
            spectrum.shifted(_scores(spectrum, strength, number)).distances(ridges) for number, (spectrum, ridges) in enumerate(spectra)
        ]
        return critical.exceeded(draws, np.concatenate(shifted, axis=1))

    # No shift can explain more of the positions than all of their variance.
    strength = smallest_strength(share_found, float(sizes.all))
    if strength is None:
        return None
    first, ridges = spectra[0]
    unit = first.weights * len(first.weights)
    weights = unit / (unit + ridges[1])
    return separation_points(strength / SHOWN / sizes.effective * float(weights.mean() / weights.max()))


def _scores(spectrum: Spectrum, strength: float, seed: int) -> Floats:
    """[REVIEWS, directions]: what shifts in random directions add to the scores."""
    directions = np.random.default_rng(seed).standard_normal((REVIEWS, len(spectrum.weights)))
    scores: Floats = directions * np.sqrt(strength / (directions**2).sum(axis=1, keepdims=True))
    return scores
