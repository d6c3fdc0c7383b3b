"""Changes of a population of real photos with an exact effect, for `power.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize, stats

from flowers_tfx.validation.effects import separation_points

Floats = npt.NDArray[np.float64]
# Name, feature in `power`, and how the population changes.
CHANGES = {
    "brightness, more bright photos": ("mean_luma", "tilt"),
    "brightness, all photos moved": ("mean_luma", "move"),
    "sharpness, more sharp photos": ("sharpness", "tilt"),
    "width, more wide photos": ("width_px", "tilt"),
    "JPEG quality, more good photos": ("jpeg_quality", "tilt"),
    "black and white": ("grayscale", "share"),
    "class shares": ("label", "classes"),
    "content, along a random direction": ("embedding", "content"),
    "content, part of the photos zoomed": ("embedding", "zoom"),
}


def kolmogorov_smirnov(values: Floats, weights: Floats) -> float:
    """Points between the population and the weighted one."""
    order = np.argsort(values, kind="stable")
    gaps = np.cumsum(weights[order] - 1 / len(values))
    last = np.append(np.diff(values[order]) > 0, True)
    return float(100 * np.abs(gaps[last]).max())


def tilted(positions: Floats, strength: float) -> Floats:
    logarithms = strength * (positions - positions.mean())
    weights = np.exp(logarithms - logarithms.max())
    whole: Floats = weights / weights.sum()
    return whole


def weights_with(effect: float, positions: Floats, effect_of: Any, largest: float) -> Floats:
    """Weights of the photos, tilted by their positions until the change has this effect."""
    strength = optimize.brentq(lambda size: effect_of(tilted(positions, size)) - effect, 1e-6, largest)
    return tilted(positions, strength)


def unit_vectors(rows: pd.DataFrame) -> Floats:
    vectors: Floats = np.sqrt(np.maximum(np.stack(rows.embedding.to_list()), 0.0))
    whole: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return whole


class Content:
    """The population's content: `positions` [photos, directions] in standard deviations, and `counted`, the weights of the directions, as
    the view of contents has them. `moved`: by how much zooming moves the mean."""

    def __init__(self, population: pd.DataFrame, zoomed: pd.DataFrame) -> None:
        vectors = unit_vectors(population)
        left, singular, right = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
        unit = singular[:200] ** 2 / (singular[:200] ** 2).mean()
        self.positions, self.counted = left[:, :200] * np.sqrt(len(left)), unit / (unit + 3.0)
        same = population.set_index("uri").loc[zoomed.uri].reset_index()
        difference = (unit_vectors(zoomed) - unit_vectors(same)).mean(axis=0)
        self.moved = difference @ right[:200].T / singular[:200] * np.sqrt(len(left))

    def points(self, difference: Floats) -> float:
        """Of a difference [directions] of the means of old and new."""
        return separation_points(float((difference**2 * self.counted).sum() / self.counted.max()))


@dataclass(frozen=True)
class Photos:
    population: pd.DataFrame
    zoomed: pd.DataFrame
    content: Content


def draw(photos_of: Photos, change: str, effect: float, size: int, random: np.random.Generator) -> pd.DataFrame:
    """New photos of the population after a change with this effect, in points."""
    population, content = photos_of.population, photos_of.content
    feature, family = CHANGES[change]
    photos, sign = len(population), random.choice([-1.0, 1.0])
    weights = np.full(photos, 1 / photos)
    if family == "tilt":
        values = population[feature].to_numpy(np.float64)
        ranks = sign * stats.rankdata(values) / photos
        weights = weights_with(effect, ranks, lambda tilted: kolmogorov_smirnov(values, tilted), 200.0)
    elif family == "classes":
        counts = population.label.value_counts()
        grows = population.label.isin(counts.index[1::2]).to_numpy()
        share = grows.mean()
        weights = np.where(grows, 1 + effect / 100 / share, 1 - effect / 100 / (1 - share)) / photos
    elif family == "share":
        flagged = population[feature].to_numpy() == 1
        share = flagged.mean() + effect / 100
        weights = np.where(flagged, share / flagged.sum(), (1 - share) / (~flagged).sum())
    elif family == "content":
        direction = random.standard_normal(content.positions.shape[1])
        along = content.positions @ (direction / np.linalg.norm(direction))
        weights = weights_with(effect, along, lambda tilted: content.points(tilted @ content.positions), 20.0)
    new = population.iloc[random.choice(photos, size, p=weights)]
    if family == "move":
        values = population[feature].to_numpy(np.float64)
        moved = optimize.brentq(lambda by: 100 * stats.ks_2samp(values, values + by).statistic - effect, 0, np.ptp(values))
        new = new.assign(**{feature: new[feature] + sign * moved})
    elif family == "zoom":
        share = optimize.brentq(lambda part: content.points(part * content.moved) - effect, 0, 1)
        count = random.binomial(size, share)
        new = pd.concat([new.iloc[count:], photos_of.zoomed.iloc[random.choice(len(photos_of.zoomed), count)]])
    return new


def renamed(rows: pd.DataFrame) -> pd.DataFrame:
    """Photos that were drawn twice as two photos."""
    return rows.assign(uri=[f"{uri}#{number}" for number, uri in enumerate(rows.uri)])
