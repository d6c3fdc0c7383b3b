"""From tests to findings: which of them fire at the review's error rate, and how large what they saw is.

Effects are in points, hundredths of a share:
- property: largest difference of the shares of photos below any value (Kolmogorov-Smirnov), or of a category's share;
- sparse: how many more photos lie beyond a value; label: photos that would have to change their class (total variation);
- joint, content: how much better than by tossing a coin the best line between the groups sorts a photo: 100 (Phi(d/2) - 1/2), with d the
  distance of the means in standard deviations (Mahalanobis), freed of what chance gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from flowers_tfx import features
from flowers_tfx.validation import effects
from flowers_tfx.validation.permutation import Floats, adjusted, family
from flowers_tfx.validation.photo_table import Photos
from flowers_tfx.validation.policy import Policy
from flowers_tfx.validation.review import Finding
from flowers_tfx.validation.subjects import ALL_PROPERTIES, CLASS_SHARES, EVERYTHING, LABEL_CONSISTENCY, OUTLYING_PHOTOS
from flowers_tfx.validation.views import Column, Pool, ViewResult

SHOWN = 8
_BASES = {
    "red-green balance": ("mean_red", "mean_green"),
    "yellow-blue balance": ("mean_red", "mean_green", "mean_blue"),
    "red-blue balance": ("mean_red", "mean_blue"),
    "pixels": ("width_px", "height_px"),
    "longer side": ("width_px", "height_px"),
}
_UNITS = {prop.name: prop.unit for prop in features.PROPERTIES}


@dataclass(frozen=True)
class FindingBuilder:
    """`looked`: the views by name; `pool`: the photos that they looked at."""

    looked: dict[str, ViewResult]
    pool: Pool
    baseline: Photos
    new: Photos
    policy: Policy

    @cached_property
    def _family(self) -> tuple[Floats, dict[str, float]]:
        smallest, weights = family([looked.view for looked in self.looked.values()])
        return smallest, dict(zip(self.looked, weights.tolist(), strict=True))

    def view_p(self, name: str) -> float:
        """Adjusted p-value of a whole view."""
        smallest, weights = self._family
        return adjusted(float(self.looked[name].view.p_values[0]), weights[name], smallest)

    def column_p(self, name: str) -> Floats:
        """[statistics]: adjusted p-value of each."""
        smallest, weights = self._family
        return np.array([adjusted(float(p), weights[name], smallest) for p in self.looked[name].view.each])

    @cached_property
    def best(self) -> dict[tuple[str, str], tuple[int, float]]:
        """(view, feature) to its strongest column and that one's adjusted p-value."""
        found: dict[tuple[str, str], tuple[int, float]] = {}
        for name in ("property", "sparse", "consistency"):
            if name in self.looked:
                observed, p_values = self.looked[name].view.statistics[0], self.column_p(name)
                for at in np.argsort(-observed, kind="stable"):
                    found.setdefault((name, self.looked[name].columns[at].feature), (int(at), float(p_values[at])))
        return found

    def findings(self) -> Iterator[Finding]:
        found = list(self._single())
        yield from found
        if not found and "together" in self.looked and (p := self.view_p("together")) <= self.policy.alpha:
            yield self._together(p)

    def _single(self) -> Iterator[Finding]:
        alpha = self.policy.alpha
        fired = {feature: at for (view, feature), (at, p) in self.best.items() if view == "property" and p <= alpha}
        for feature, at in fired.items():
            if not set(_BASES.get(feature, ())) & set(fired):
                yield self._property(feature, at)
        for (view, feature), (at, p) in self.best.items():
            if view == "sparse" and p <= alpha and feature not in fired and not set(_BASES.get(feature, ())) & set(fired):
                yield self._sparse(feature, at, p)
            if view == "consistency" and p <= alpha:
                yield self._doubtful(at, p)
        if "joint" in self.looked and (p := self.view_p("joint")) <= alpha:
            yield self._apart("joint", ALL_PROPERTIES, "properties taken together", p)
        if "content" in self.looked and (p := self.view_p("content")) <= alpha:
            yield self._apart("content", features.EMBEDDING, "what they show (embeddings)", p)
        yield from self._labels()

    def scores(self) -> dict[str, dict[str, float | None]]:
        """Adjusted p-values and effects, whether they fire or not."""
        found: dict[str, dict[str, float | None]] = {}
        for (view, feature), (at, p) in self.best.items():
            found.setdefault(feature, {})[f"{view}_p_value"] = p
            found[feature][f"{view}_statistic"] = float(self.looked[view].view.statistics[0, at])
        for view, feature in (("joint", ALL_PROPERTIES), ("content", features.EMBEDDING)):
            if view in self.looked:
                found[feature] = {
                    "p_value": self.view_p(view),
                    "separation_points": effects.separation_points(self.looked[view].separation),
                }
        if "label" in self.looked:
            found["label"] = {"p_value": self.view_p("label")}
        return found

    def _of(self, values: Floats, new: bool) -> Floats:
        side = values[self.pool.is_new == new]
        kept: Floats = side[np.isfinite(side)]
        return kept

    def _property(self, feature: str, at: int) -> Finding:
        looked = self.looked["property"]
        p = self.best["property", feature][1]
        values = looked.values.get(feature)
        if values is None:
            return self._category(feature, looked.columns[at], at, p)
        known = [len(self._of(values, side)) / max(int((self.pool.is_new == side).sum()), 1) for side in (False, True)]
        without = Column(feature, "missing")
        if not all(known) or looked.columns[at].method == "missing":
            return self._category(feature, without, at, p)
        if feature in self.baseline.numbers:
            old, fresh = (side.numbers[feature][np.isfinite(side.numbers[feature])] for side in (self.baseline, self.new))
        else:
            old, fresh = self._of(values, False), self._of(values, True)
        effect = 100 * (effects.kolmogorov_smirnov(old, fresh) or 0.0)
        if feature in self.pool.photos.numbers and 100 * abs(known[0] - known[1]) > effect:
            return self._category(feature, without, at, p)
        medians = float(np.median(old)), float(np.median(fresh))
        below = 100 * float((old < medians[1]).mean() + (old <= medians[1]).mean()) / 2
        unit = _UNITS.get(feature, "")
        text = (
            f"{feature}: the median went from {_short(medians[0])} to {_short(medians[1])}{f' ({unit})' if unit else ''}, "
            f"the baseline's {_ordinal(below)} percentile; the distributions differ by {effect:.0f} points."
        )
        if abs(below - 50) < 10 or _short(medians[0]) == _short(medians[1]):
            spreads = [np.quantile(side, 0.9) - np.quantile(side, 0.1) for side in (old, fresh)]
            word = "wider" if spreads[1] > spreads[0] else "narrower"
            text = (
                f"{feature}: the distribution changed its shape by {effect:.0f} points, the median hardly "
                f"({_short(medians[0])} to {_short(medians[1])}{f', {unit}' if unit else ''}); it is {word} "
                f"(80 % of the photos span {_short(float(spreads[1]))} instead of {_short(float(spreads[0]))})."
            )
        centre, order = np.median(old), np.argsort(values, kind="stable")
        order = order[self.pool.is_new[order] & np.isfinite(values[order])]
        rows = order[::-1][:SHOWN] if medians[1] >= centre else order[:SHOWN]
        return self._found("property", feature, f"property:{feature}", text, looked.view.statistics[0, at], p, effect, rows)

    def _category(self, feature: str, column: Column, at: int, p: float) -> Finding:
        missing = column.method == "missing"
        values = self._categories(feature)
        word = None if missing else column.method.removeprefix("share of ")
        flag = np.array([value is None if missing else str(value) == word for value in values], bool)
        old, fresh = (100 * float(flag[self.pool.is_new == side].mean()) for side in (False, True))
        what = "without a value" if missing else f"with {feature} {word}" if feature != "grayscale" else _GRAY[word == "1"]
        text = f"{feature}: {fresh:.0f} % of the photos are {what}, {old:.0f} % of the baseline's."
        rows = np.flatnonzero(flag & self.pool.is_new if fresh > old else ~flag & self.pool.is_new)[:SHOWN]
        return self._found(
            "property", feature, f"property:{feature}", text, self.looked["property"].view.statistics[0, at], p, abs(fresh - old), rows
        )

    def _categories(self, feature: str) -> list[object]:
        photos = self.pool.photos
        if feature in photos.words:
            return list(photos.words[feature])
        return [None if np.isnan(value) else int(value) for value in photos.numbers[feature]]

    def _beyond(self, looked: ViewResult, at: int) -> tuple[npt.NDArray[np.bool_], float, float]:
        """Flagged photos, and their shares on both sides in points."""
        column = looked.columns[at]
        values = looked.values[column.feature]
        with np.errstate(invalid="ignore"):
            flag = values >= column.cut if column.upper else values <= column.cut
        return flag, 100 * float(flag[~self.pool.is_new].mean()), 100 * float(flag[self.pool.is_new].mean())

    def _sparse(self, feature: str, at: int, p: float) -> Finding:
        looked = self.looked["sparse"]
        flag, old, fresh = self._beyond(looked, at)
        column = looked.columns[at]
        unit = _UNITS.get(feature, "")
        if feature == OUTLYING_PHOTOS:
            text = f"{fresh:.1f} % of the photos lie far from all others by their properties together, {old:.1f} % of the baseline's."
        else:
            beyond = f"{'at or above' if column.upper else 'at or below'} {_short(column.cut)}{f' {unit}' if unit else ''}"
            text = f"{feature}: {fresh:.1f} % of the photos lie {beyond}, {old:.1f} % of the baseline's."
        rows = np.flatnonzero(flag & self.pool.is_new)[:SHOWN]
        return self._found("sparse", feature, f"sparse:{feature}", text, looked.view.statistics[0, at], p, abs(fresh - old), rows)

    def _doubtful(self, at: int, p: float) -> Finding:
        looked = self.looked["consistency"]
        margins = looked.values[LABEL_CONSISTENCY]
        shares = [self._beyond(looked, i)[1:] for i, column in enumerate(looked.columns) if np.isfinite(column.cut)]
        old, fresh = max(shares, key=lambda share: share[1] - share[0])
        text = (
            f"Labels contradict the pictures in {fresh:.0f} % of the photos, by the measure that {old:.0f} % of the baseline's fail: "
            "some are probably wrong."
        )
        order = np.argsort(margins, kind="stable")
        rows = order[self.pool.is_new[order]][:SHOWN]
        return self._found(
            "label", LABEL_CONSISTENCY, "label:consistency", text, looked.view.statistics[0, at], p, max(0.0, fresh - old), rows
        )

    def _apart(self, kind: str, feature: str, what: str, p: float) -> Finding:
        looked = self.looked[kind]
        effect = effects.separation_points(looked.separation)
        text = f"By {what}, {50 + effect:.0f} % of the photos could be sorted into new and baseline; 50 % is chance."
        rows = self._farthest(looked)
        return self._found(kind, feature, f"{kind}:{feature.replace(' ', '-')}", text, float(looked.separation), p, effect, rows)

    def _together(self, p: float) -> Finding:
        """No view is sure, all of them are together: the effect is the largest that any of them sees."""
        name, effect = max(self._effects(), key=lambda item: item[1])
        text = (
            "No single measure changed for sure, and yet all of them taken together are not those of the baseline; "
            f"the largest change is in {name}, {effect:.0f} points."
        )
        rows = self._farthest(self.looked.get("content") or self.looked.get("joint"))
        return self._found(
            "joint", EVERYTHING, "joint:together", text, float(self.looked["together"].view.statistics[0, 0]), p, effect, rows
        )

    def _farthest(self, looked: ViewResult | None) -> npt.NDArray[np.int64]:
        """New photos that lie farthest in the direction of the new."""
        if looked is None or looked.towards is None:
            return np.zeros(0, np.int64)
        order = np.argsort(-looked.towards, kind="stable")
        rows: npt.NDArray[np.int64] = order[self.pool.is_new[order]][:SHOWN]
        return rows

    def _effects(self) -> Iterator[tuple[str, float]]:
        for view, words in (("joint", ALL_PROPERTIES), ("content", "the content")):
            if view in self.looked:
                yield words, effects.separation_points(self.looked[view].separation)
        yield "class shares", 100 * (effects.total_variation(self.baseline.labels, self.new.labels) or 0.0)
        for name, values in self.baseline.numbers.items():
            old, fresh = (side[np.isfinite(side)] for side in (values, self.new.numbers[name]))
            yield name, 100 * (effects.kolmogorov_smirnov(old, fresh) or 0.0)

    def _labels(self) -> Iterator[Finding]:
        if "label" not in self.looked:
            return
        alpha, looked = self.policy.alpha, self.looked["label"]
        shares = [effects.word_shares(side.labels) for side in (self.baseline, self.new)]
        names = [column.method for column in looked.columns[1:]]
        p = self.view_p("label")
        absent = {name for name in names if (name in shares[0]) != (name in shares[1])}
        if p <= alpha:
            effect = 100 * (effects.total_variation(self.baseline.labels, self.new.labels) or 0.0)
            moved = sorted(names, key=lambda name: -abs(shares[1].get(name, 0.0) - shares[0].get(name, 0.0)))[:3]
            said = ", ".join(f"{name} {100 * shares[0].get(name, 0.0):.0f} to {100 * shares[1].get(name, 0.0):.0f} %" for name in moved)
            yield self._found(
                "label", CLASS_SHARES, "label:shares", f"Class shares changed by {effect:.0f} points: {said}.", None, p, effect, []
            )
        for name in sorted(absent):
            missing = name in shares[0]
            share = 100 * (shares[0] if missing else shares[1])[name]
            rows = np.flatnonzero(self.pool.is_new & (self.pool.photos.labels == name))[:SHOWN]
            text = (
                f"No photo is of the class {name}, which {share:.0f} % of the baseline's are."
                if missing
                else f"The class {name} is new: {share:.0f} % of the photos; the baseline has none."
            )
            found = self._found("label", name, f"label:{'missing' if missing else 'new'}:{name}", text, None, p, share, rows)
            yield found if p <= alpha else _noted(found)

    def _found(
        self, kind: str, feature: str, name: str, text: str, statistic: float | None, p: float, effect: float, rows: object
    ) -> Finding:
        level = self.policy.level(kind, feature, effect)
        photos = self.pool.photos.examples(np.asarray(rows, np.int64).tolist(), feature)
        threshold = self.policy.threshold(kind, feature, level)
        return Finding(name, level, kind, feature, text, statistic, p, effect, "points", threshold, photos)


_GRAY = {True: "without colour", False: "in colour"}


def _noted(finding: Finding) -> Finding:
    return replace(finding, level="note")


def _ordinal(value: float) -> str:
    number = round(value)
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
