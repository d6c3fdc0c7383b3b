"""The views: each looks at all photos together, baseline and new, without knowing which is which, and asks one question of both groups.

- property: is a property's distribution another one? Ranks (location), their squares (spread) and counts below cuts (any other change).
- joint: are all properties together different? Many small shifts in one direction add up (Hotelling's T2 on ranks and their squares).
- sparse: do a few photos lie far out? Exact counts in the tails of each property, of the distance to all, of colourless photos.
- label: are the class shares different; and do labels contradict what the photos look like?
- together: do all views taken together say that something changed, though none is sure?
- content: do the photos show something else? Embeddings of the frozen backbone: T2 with several ridges, linear and with a Gaussian kernel;
  and the shares of the kinds of pictures that they fall into by themselves (clusters).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy import special, stats
from sklearn.cluster import KMeans

from flowers_tfx import features
from flowers_tfx.validation.permutation import Floats, Permutations, Spectrum, View, centred_gram, centred_kernel, upper_shares
from flowers_tfx.validation.photo_table import BROKEN_ERROR, Photos
from flowers_tfx.validation.review import Finding
from flowers_tfx.validation.sampling import sample_rows
from flowers_tfx.validation.subjects import CLASS_SHARES, LABEL_CONSISTENCY, OUTLYING_PHOTOS

T2_RIDGES = (0.001, 0.03, 0.3)
RIDGES = (0.5, 3.0, 30.0)
KERNEL_RIDGES = (1e4,)  # so large a ridge makes it the maximum mean discrepancy itself
DIRECTIONS = 200
KINDS = (6, 8, 12, 20)
CLUSTERINGS = 6
KIND_DIRECTIONS = 50
MOST_CONTENTS = 2000
CUTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
TAILS = (0.005, 0.01, 0.02, 0.035, 0.05)
# One error rate for the review, shared out: what people act on most gets most.
WEIGHTS = {"property": 1.0, "joint": 0.7, "sparse": 0.6, "label": 1.0, "consistency": 0.5, "content": 0.8, "together": 1.0}
DOUBTS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3)


@dataclass(frozen=True)
class Column:
    """A column of a view: the feature it is about; `cut` and `upper` for counts: flagged are photos beyond this value."""

    feature: str
    method: str
    cut: float = np.nan
    upper: bool = False


@dataclass(frozen=True)
class ViewResult:
    """A view with what its statistics are about. `values`: what the columns with a cut were cut from, by feature. `separation`: squared
    distance of the groups' means in standard deviations, freed of chance; `towards`: how far each photo lies in the direction of the new.
    """

    view: View
    columns: tuple[Column, ...]
    values: Mapping[str, Floats] = field(default_factory=dict)
    separation: float = np.nan
    towards: Floats | None = None


@dataclass(frozen=True)
class Pool:
    """Both groups as one: the baseline's photos first."""

    photos: Photos
    is_new: npt.NDArray[np.bool_]


def pool_photos(baseline: Photos, new: Photos) -> Pool:
    both = Photos(
        np.concatenate([baseline.uris, new.uris]),
        np.concatenate([baseline.digests, new.digests]),
        np.concatenate([baseline.labels, new.labels]),
        np.concatenate([baseline.phashes, new.phashes]),
        {name: np.concatenate([values, new.numbers[name]]) for name, values in baseline.numbers.items()},
        {name: np.concatenate([values, new.words[name]]) for name, values in baseline.words.items()},
        None if baseline.embeddings is None or new.embeddings is None else np.concatenate([baseline.embeddings, new.embeddings]),
    )
    return Pool(both, np.repeat([False, True], [len(baseline), len(new)]))


def complete_embeddings(pool: Pool) -> tuple[Pool, list[Finding]]:
    """Embeddings that are missing or not finite stand in the middle of the others where they are few, or the content isn't compared."""
    embeddings = pool.photos.embeddings
    if embeddings is None or not embeddings.size:
        return pool, []
    broken = ~np.isfinite(embeddings).all(axis=1)
    if not broken.any():
        return pool, []
    share = 100 * float(broken.mean())
    few = share < BROKEN_ERROR
    text = f"The embeddings are missing or not finite in {int(broken.sum())} of {len(broken)} photos: " + (
        "these were left out of the comparison of contents." if few else "the content was not compared."
    )
    found = Finding("schema:embedding", "warn" if few else "error", "schema", features.EMBEDDING, text, effect=share, unit="points")
    mended = np.where(broken[:, None], embeddings[~broken].mean(axis=0), embeddings) if few else None
    return replace(pool, photos=replace(pool.photos, embeddings=mended)), [found]


def compute_views(pool: Pool, draws: Permutations) -> dict[str, ViewResult]:
    """Every view that the features at hand allow, by name."""
    found: dict[str, ViewResult] = {}
    numbers = {**{name: values for name, values in pool.photos.numbers.items() if name not in _FLAGS}, **_derived(pool.photos)}
    ranked = {name: _ranks(values) for name, values in numbers.items()}
    ranked = {name: ranks for name, ranks in ranked.items() if np.ptp(ranks) > 0}
    labels = _classes(pool)
    found["property"] = _properties(pool, draws, ranked, numbers)
    outlying: Floats | None = None
    if ranked:
        found["joint"], outlying = _jointly(draws, ranked, labels)
    found["sparse"] = _sparse(draws, numbers, outlying)
    if labels.max(initial=0) > 0:
        found["label"] = _labels(pool, draws, labels)
    embeddings = pool.photos.embeddings
    if embeddings is not None and np.ptp(embeddings, axis=0).any():
        found["content"], margins = _content(draws, embeddings, labels, _some(pool.photos))
        if margins is not None:
            found["consistency"] = _consistency(draws, margins)
    found = {name: looked for name, looked in found.items() if looked.columns}
    if len(found) > 1:
        found["together"] = _together([looked.view for looked in found.values()])
    return found


def _together(views: list[View]) -> ViewResult:
    """Fisher's combination of the views (1932): none of them may be sure, and all of them uneasy. The draws calibrate it as they stand
    together, so that views need not be independent."""
    total = sum(-np.log(view.p_values) for view in views)
    return ViewResult(View("together", np.asarray(total)[:, None], WEIGHTS["together"]), (Column("together", "Fisher"),))


_FLAGS = ("grayscale", "exif_orientation", "capture_month")


def _derived(photos: Photos) -> dict[str, Floats]:
    """Colour balance and size, which single channels and sides tell only together."""
    n, found = photos.numbers, {}
    if {"mean_red", "mean_green", "mean_blue"} <= set(n):
        red, green, blue = n["mean_red"], n["mean_green"], n["mean_blue"]
        found["red-green balance"] = red - green
        found["yellow-blue balance"] = (red + green) / 2 - blue
        found["red-blue balance"] = (red + 1) / (red + blue + 2)
    if {"width_px", "height_px"} <= set(n):
        found["pixels"] = n["width_px"] * n["height_px"]
        found["longer side"] = np.maximum(n["width_px"], n["height_px"])
    return found


def _ranks(values: Floats) -> Floats:
    """Mid-ranks in (0, 1), 0.5 where missing; rounded values keep their ties."""
    ranks = np.full(len(values), 0.5)
    known = np.isfinite(values)
    if known.any():
        ranks[known] = (stats.rankdata(values[known]) - 0.5) / known.sum()
    return ranks


def _classes(pool: Pool) -> npt.NDArray[np.int64]:
    """A number a class; all one class where a side has no labels at all: a finding says that, and there is nothing to compare."""
    labels = pool.photos.labels
    sides = (labels[pool.is_new == side] for side in (False, True))
    if all(any(label is not None for label in side) for side in sides):
        return _codes(labels)
    return np.zeros(len(labels), np.int64)


def _codes(words: npt.NDArray[np.object_]) -> npt.NDArray[np.int64]:
    codes: npt.NDArray[np.int64] = np.unique(np.array([str(word) for word in words]), return_inverse=True)[1].astype(np.int64)
    return codes


def _legendre(ranks: Floats) -> tuple[Floats, Floats]:
    """First and second orthonormal polynomial on (0, 1): location and spread (Neyman's smooth test, 1937)."""
    return np.sqrt(12) * (ranks - 0.5), np.sqrt(5) * (6 * ranks**2 - 6 * ranks + 1)


def _properties(pool: Pool, draws: Permutations, ranked: Mapping[str, Floats], numbers: Mapping[str, Floats]) -> ViewResult:
    plain: list[Floats] = []
    flags: list[npt.NDArray[np.bool_]] = []
    about: list[Column] = []
    for name, ranks in ranked.items():
        plain += _legendre(ranks)
        about += [Column(name, "location"), Column(name, "spread")]
    flagged: list[Column] = []
    for name in ranked:
        for cut, flag in _cuts(numbers[name], CUTS):
            flags.append(flag)
            flagged.append(Column(name, "share", cut))
    for name, words in _categories(pool.photos):
        for word in sorted({str(value) for value in words if value is not None}):
            flags.append(np.array([value is not None and str(value) == word for value in words], bool))
            flagged.append(Column(name, f"share of {word}"))
    for name, values in pool.photos.numbers.items():
        flags.append(np.isnan(values))
        flagged.append(Column(name, "missing"))
    return _scored(draws, plain, flags, about, flagged, "property", numbers)


def _scored(
    draws: Permutations,
    plain: list[Floats],
    flags: list[npt.NDArray[np.bool_]],
    about: list[Column],
    flagged: list[Column],
    name: str,
    values: Mapping[str, Floats],
    one_sided: bool = False,
) -> ViewResult:
    parts: list[Floats] = []
    columns: list[Column] = []
    if plain:
        parts.append(draws.scores(np.stack(plain, axis=1)))
        columns += about
    useful = [i for i, flag in enumerate(flags) if 0 < flag.sum() < len(flag)]
    if useful:
        parts.append(draws.flag_scores(np.stack([flags[i] for i in useful], axis=1)))
        columns += [flagged[i] for i in useful]
    scores = np.concatenate(parts, axis=1) if parts else np.zeros((len(draws.groups), 0))
    return ViewResult(View(name, scores if one_sided else np.abs(scores), WEIGHTS[name]), tuple(columns), values)


def _cuts(values: Floats, shares: tuple[float, ...]) -> list[tuple[float, npt.NDArray[np.bool_]]]:
    """Photos at or below each quantile; equal cuts once."""
    known = values[np.isfinite(values)]
    if not len(known):
        return []
    with np.errstate(invalid="ignore"):
        return [(float(cut), values <= cut) for cut in np.unique(np.quantile(known, shares, method="lower"))]


def _categories(photos: Photos) -> list[tuple[str, list[object]]]:
    found: list[tuple[str, list[object]]] = [(name, list(values)) for name, values in photos.words.items() if not name.endswith("_band")]
    for name in _FLAGS:
        if name in photos.numbers:
            found.append((name, [None if np.isnan(value) else int(value) for value in photos.numbers[name]]))
    return found


def _jointly(draws: Permutations, ranked: dict[str, Floats], labels: npt.NDArray[np.int64]) -> tuple[ViewResult, Floats]:
    """T2 over ranks, their squares, and both; and how far out each photo lies (Mahalanobis distance of normal scores)."""
    first, second = (np.stack(part, axis=1) for part in zip(*(_legendre(ranks) for ranks in ranked.values()), strict=True))
    both = np.concatenate([first, second], axis=1)
    looked = _distances("joint", draws, ((Spectrum.of_columns(draws, part), T2_RIDGES) for part in (both, first, _within(both, labels))))
    normal = special.ndtri(np.clip(np.stack(list(ranked.values()), axis=1), 1e-6, 1 - 1e-6))
    normal -= normal.mean(axis=0)
    covariance = normal.T @ normal / len(normal)
    ridge = 0.05 * np.trace(covariance) / len(covariance)
    return looked, np.einsum("ij,ij->i", normal @ np.linalg.inv(covariance + ridge * np.eye(len(covariance))), normal)


def _distances(name: str, draws: Permutations, spectra: Iterable[tuple[Spectrum, tuple[float, ...]]]) -> ViewResult:
    """T2 of each spectrum with each of its ridges; the first one tells what a finding is reported by."""
    statistics: list[Floats] = []
    separation, towards = 0.0, np.zeros(draws.photos)
    for spectrum, ridges in spectra:
        statistics.append(spectrum.distances(ridges))
        if len(statistics) == 1:
            separation, towards = _separation(draws, statistics[0][:, 1], spectrum, ridges[1]), spectrum.towards(ridges[1])
    ranks = np.concatenate(statistics, axis=1)
    columns = tuple(Column(name, f"T2 {i}") for i in range(ranks.shape[1]))
    return ViewResult(View(name, _comparable(ranks), WEIGHTS[name]), columns, separation=separation, towards=towards)


def _with_statistic(looked: ViewResult, statistic: Floats, column: Column) -> ViewResult:
    statistics = np.concatenate([looked.view.statistics, _comparable(statistic[:, None])], axis=1)
    return replace(looked, view=View(looked.view.name, statistics, looked.view.weight), columns=(*looked.columns, column))


def _separation(draws: Permutations, distances: Floats, spectrum: Spectrum, ridge: float) -> float:
    """Squared distance between the groups' means along the directions that count, in their standard deviations, less what chance gives.

    Each direction's squared score is about 1 + distance**2 * new * old / photos; the mean over draws stands for the first term.
    """
    unit = spectrum.weights * len(spectrum.weights)
    excess = float(distances[0] - distances[1:].mean())
    return max(0.0, excess * draws.photos / draws.new / (draws.photos - draws.new) / float((unit / (unit + ridge)).max()))


def _comparable(statistics: Floats) -> Floats:
    """Columns of different laws on one scale: minus the logarithm of the share of draws that reach as far."""
    return np.stack([-np.log(upper_shares(column)) for column in statistics.T], axis=1)


def _within(columns: Floats, labels: npt.NDArray[np.int64]) -> Floats:
    """Columns less their class's mean: what classes look like is not what is asked."""
    counts = np.bincount(labels).astype(np.float64)
    means = np.stack([np.bincount(labels, column) for column in columns.T], axis=1) / np.maximum(counts, 1)[:, None]
    within: Floats = columns - means[labels]
    return within


def _sparse(draws: Permutations, numbers: dict[str, Floats], outlying: Floats | None) -> ViewResult:
    flags: list[npt.NDArray[np.bool_]] = []
    about: list[Column] = []
    for name, values in {**numbers, **({OUTLYING_PHOTOS: outlying} if outlying is not None else {})}.items():
        if name != OUTLYING_PHOTOS:
            for cut, flag in _cuts(values, TAILS):
                flags.append(flag)
                about.append(Column(name, "tail", cut, upper=False))
        for cut, flag in _cuts(-values, TAILS):
            flags.append(flag)
            about.append(Column(name, "tail", -cut, upper=True))
    return _scored(draws, [], flags, [], about, "sparse", {**numbers, **({OUTLYING_PHOTOS: outlying} if outlying is not None else {})})


def _labels(pool: Pool, draws: Permutations, labels: npt.NDArray[np.int64]) -> ViewResult:
    names = np.unique(np.array([str(label) for label in pool.photos.labels]))
    flags = labels[:, None] == np.arange(len(names))[None]
    scores = draws.flag_scores(flags)
    chi = _chi_squared(draws, flags).sum(axis=1)
    columns = (Column(CLASS_SHARES, "chi2"), *(Column(CLASS_SHARES, str(name)) for name in names))
    view = View(
        "label", np.stack([-np.log(upper_shares(chi)), -np.log(upper_shares(np.abs(scores).max(axis=1)))], axis=1), WEIGHTS["label"]
    )
    return ViewResult(view, columns)


def _some(photos: Photos) -> npt.NDArray[np.int64]:
    """Rows of at most MOST_CONTENTS photos, whatever their group: what is done with them grows with the cube of their number."""
    return np.sort(sample_rows(photos.digests, photos.uris, MOST_CONTENTS, 0))


def _content(
    draws: Permutations, all_embeddings: npt.NDArray[np.float32], all_labels: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]
) -> tuple[ViewResult, Floats | None]:
    embeddings, labels = all_embeddings[rows], _codes(all_labels[rows].astype(object))
    # Pooled ReLU outputs are skewed: square roots make their distances those of Hellinger, which a few large ones do not rule.
    roots = np.sqrt(np.maximum(embeddings, 0.0)) if (embeddings >= 0).all() else embeddings
    unit = roots / np.maximum(np.linalg.norm(roots, axis=1, keepdims=True), 1e-12)
    gram = centred_gram(unit)
    within = centred_gram(_within(unit.astype(np.float64), labels))
    whole = Spectrum.of(draws, gram, DIRECTIONS, rows)
    others = ((within, RIDGES[:2]), (centred_kernel(unit), KERNEL_RIDGES))
    spectra = [(whole, RIDGES), *((Spectrum.of(draws, matrix, DIRECTIONS, rows), ridges) for matrix, ridges in others)]
    looked = _with_statistic(_distances("content", draws, spectra), _kind_shares(draws, whole, rows), Column("content", "kinds"))
    classes = int(labels.max(initial=0)) + 1
    if not 1 < classes <= len(labels) // 5:
        return looked, None
    margins = np.full(draws.photos, np.nan)
    margins[rows] = _margins(gram, labels, classes)
    return looked, margins


def _kind_shares(draws: Permutations, spectrum: Spectrum, rows: npt.NDArray[np.int64]) -> Floats:
    """[1 + draws]: how unlike the groups' shares are of the kinds of pictures that k-means finds in both together.

    Kinds that are gone move the mean little and along few directions, where T2 is weak. Chi-squared by its degrees of freedom, summed over
    several numbers of kinds and several clusterings, since one alone is a matter of luck (Strehl and Ghosh 2002).
    """
    # Half way between places as they are and directions all alike: variances are squares of singular values.
    places = spectrum.vectors[rows, :KIND_DIRECTIONS] * spectrum.weights[:KIND_DIRECTIONS] ** 0.25
    # Where clusters start must not depend on which photos are new: these stand last in the table.
    order = np.lexsort(places.T[::-1])
    numbers = [kinds for kinds in KINDS if 5 * kinds <= len(rows) for _ in range(CLUSTERINGS)]
    flags = np.zeros((draws.photos, sum(numbers)), bool)
    begin = np.cumsum([0, *numbers[:-1]]) if numbers else np.zeros(0, np.int64)
    for at, kinds, seed in zip(begin, numbers, range(len(numbers)), strict=True):
        flags[rows[order], at + KMeans(kinds, n_init=1, random_state=seed % CLUSTERINGS).fit_predict(places[order])] = True
    shares = _chi_squared(draws, flags)
    return sum((shares[:, at : at + n].sum(axis=1) / (n - 1) for at, n in zip(begin, numbers, strict=True)), np.zeros(len(shares)))


def _chi_squared(draws: Permutations, flags: npt.NDArray[np.bool_]) -> Floats:
    """[1 + draws, classes]: terms of Pearson's statistic of the table of groups and classes, up to a constant."""
    expected = flags.sum(axis=0) * draws.new / draws.photos
    terms: Floats = (draws.sums(flags) - expected) ** 2 / np.maximum(expected, 1e-12)
    return terms


def _margins(gram: Floats, labels: npt.NDArray[np.int64], classes: int) -> Floats:
    """By how much the given label beats every other, for each photo, as seen by a classifier that did not see this photo.

    Kernel ridge regression on one-hot labels; leaving one out costs nothing more: its residual is r_i / (1 - h_ii) (Stone 1974).
    """
    wanted = np.eye(classes)[labels]
    means = wanted.mean(axis=0)
    values, vectors = np.linalg.eigh(gram)
    values = np.maximum(values, 0.0)
    least, seen = np.inf, wanted
    for share in (0.1, 0.5, 2.0):
        shrink = values / (values + share * values.sum() / len(values))
        hat = (vectors * shrink) @ vectors.T + 1 / len(labels)
        residuals = (wanted - means - hat @ (wanted - means)) / np.maximum(1 - np.diag(hat), 1e-6)[:, None]
        error = float((residuals**2).mean())
        if error < least:
            least, seen = error, wanted - residuals
    rows = np.arange(len(labels))
    given = seen[rows, labels]
    others = seen.copy()
    others[rows, labels] = -np.inf
    margins: Floats = given - others.max(axis=1)
    return margins


def _consistency(draws: Permutations, margins: Floats) -> ViewResult:
    """One-sided: labels that contradict the pictures less than before are no cause for alarm."""
    flags, about = [], []
    for cut, flag in _cuts(margins, DOUBTS):
        flags.append(flag)
        about.append(Column(LABEL_CONSISTENCY, "share", cut))
    with np.errstate(invalid="ignore"):
        flags.append(margins < 0)
    about.append(Column(LABEL_CONSISTENCY, "share", float(np.nextafter(0, -1))))
    location = -_legendre(_ranks(margins))[0]
    values = {LABEL_CONSISTENCY: margins}
    return _scored(draws, [location], flags, [Column(LABEL_CONSISTENCY, "location")], about, "consistency", values, one_sided=True)
