"""The smallest groups of new photos without which a review passes: each is ranked, described and left out, and the tests decide."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import numpy as np
import numpy.typing as npt

from flowers_tfx.finding_kinds import BY_NAME
from flowers_tfx.validation.groups.columns import PhotoColumns
from flowers_tfx.validation.groups.copies import copied_photos
from flowers_tfx.validation.groups.description import DOUBTFUL_LABELS, describe
from flowers_tfx.validation.groups.doubtful_labels import FINDING, doubtful_sets
from flowers_tfx.validation.groups.group import PhotoGroup
from flowers_tfx.validation.groups.ranking import FEWEST, MEMBER, GroupRanking, stands_apart
from flowers_tfx.validation.groups.rules import PhotoValues, Rule, find_rule
from flowers_tfx.validation.photo_pool import PhotoPool, complete_embeddings, pool_photos
from flowers_tfx.validation.review import Finding, Review
from flowers_tfx.validation.row_sample import sample_rows
from flowers_tfx.validation.tables.photo_table import Floats, Photos

Flags = npt.NDArray[np.bool_]
# The review of the new photos without those with these digests.
Check = Callable[[Collection[str]], Review]

MOST_GROUPS = 3
MOST_CHECKS = 8
# Photos a side that groups are searched in. All new photos that fulfil a group's rule belong to it.
SEARCHED = 1000
# If more photos than these have changed, they are not a part of the delivery: it has changed as a whole.
LARGEST_SHARE = 0.5
# The smallest part of the members that is a group of its own.
PART = 0.25
# What a group with a rule must take away from the effects of all findings together, if the review does not pass without it.
GAIN = 0.2
# A set that does not suffice is tried again this many times larger.
GROWTH = (1.0, 1.15, 1.3, 1.6, 2.0)
# Kinds of findings that can go away with photos; those on the delivery's lines cannot.
_KINDS = {BY_NAME[name].key for name in ("property", "joint", "tail", "label", "content", "conflict", "duplicate")}
_ON_LINES = ("delivery",)


class GroupSearch:
    """`new` without a digest twice; `earlier`: the photos that new ones may repeat. `review`: of all new photos."""

    def __init__(self, baseline: Photos, new: Photos, earlier: Photos, review: Review, check: Check, seed: int = 0) -> None:
        self._baseline, self._new, self._earlier = baseline, new, earlier
        self._review, self._check, self._seed = review, check, seed
        self._old_values = PhotoValues.of(baseline)
        self._groups: list[PhotoGroup] = []
        self._checked: dict[frozenset[str], Review] = {}

    def run(self) -> tuple[PhotoGroup, ...]:
        """The groups, in the order in which they were left out. If the review does not pass without all of them, each has a rule."""
        for words, digests in copied_photos(self._new, self._earlier, open_findings(self._review)):
            self._leave_out(PhotoGroup(tuple(sorted(digests)), (words,)), partly=True)
        while open_findings(self._review) and len(self._groups) < MOST_GROUPS and (self._add_doubtful_labels() or self._add_group()):
            pass
        return tuple(self._groups)

    @property
    def review(self) -> Review:
        """Of the photos that are in none of the groups."""
        return self._review

    def left(self) -> Photos:
        """The new photos that are in none of the groups."""
        known = {digest for group in self._groups for digest in group.photos}
        return self._new.rows(np.array([row for row, digest in enumerate(self._new.digests) if digest not in known], np.int64))

    def _add_group(self) -> bool:
        left = self.left()
        if len(left) < FEWEST:
            return False
        pool = self._pool(left)
        columns = PhotoColumns(pool)
        matrix = columns.of(pool.photos)
        if not matrix.shape[1]:
            return False
        values, is_apart = PhotoValues.of(left), None
        for members in _member_sets(self._rank(left, columns, matrix, pool.is_new)):
            rule = find_rule(self._old_values, values, members) or self._rule_of_part(values, members)
            if rule is None:
                is_apart = stands_apart(matrix, pool.is_new, self._seed) if is_apart is None else is_apart
                if not is_apart:
                    continue
            rows = np.flatnonzero(rule.holds(values) if rule else members)
            if self._leave_out(self._describe(left.rows(rows), rule, columns), partly=rule is not None):
                return True
        return False

    def _add_doubtful_labels(self) -> bool:
        """Only if nothing else is left to explain: other changes move labels and content apart, too."""
        if set(open_findings(self._review)) != {FINDING}:
            return False
        pool = self._pool(self.left())
        for rows in doubtful_sets(pool, GROWTH):
            digests = tuple(sorted(str(digest) for digest in pool.photos.digests[rows]))
            if self._leave_out(
                PhotoGroup(digests, (DOUBTFUL_LABELS,), adjectives=("labelled otherwise",), causes=("label",)), partly=False
            ):
                return True
        return False

    def _rule_of_part(self, values: PhotoValues, members: Flags) -> Rule | None:
        """If the members are two groups: the rule of one of them. Only one and the same value in many photos shows that: any group has
        parts."""
        part = find_rule(self._old_values, values, members, PART, exact=True)
        if part is None:
            return None
        others = members & ~part.holds(values)
        return part if others.sum() >= FEWEST and find_rule(self._old_values, values, others) else None

    def _rank(self, left: Photos, columns: PhotoColumns, matrix: Floats, is_new: Flags) -> Floats:
        """[left]: how probably each photo belongs to a group. `matrix`: the columns of the photos that are searched."""
        ranking = GroupRanking(matrix, is_new, self._seed)
        if len(left) <= SEARCHED:
            return ranking.probabilities
        probabilities = ranking.of(columns.of(left))
        probabilities[self._searched(left)] = ranking.probabilities
        return probabilities

    def _pool(self, left: Photos) -> PhotoPool:
        pool = pool_photos(*(side.rows(self._searched(side)) for side in (self._baseline, left)))
        return complete_embeddings(pool)[0]

    def _searched(self, photos: Photos) -> npt.NDArray[np.int64]:
        return np.sort(sample_rows(photos.digests, photos.uris, SEARCHED, self._seed))

    def _describe(self, photos: Photos, rule: Rule | None, columns: PhotoColumns) -> PhotoGroup:
        description = describe(self._baseline, photos, rule, columns)
        digests = tuple(sorted(str(digest) for digest in photos.digests))
        return PhotoGroup(digests, description.parts, description.conditions, adjectives=description.adjectives, causes=description.causes)

    def _leave_out(self, group: PhotoGroup, partly: bool) -> bool:
        """Adds the group if the review is better without it: if it passes or, `partly`, if what was found is clearly less."""
        photos = frozenset(digest for known in (*self._groups, group) for digest in known.photos)
        if not group.photos or len(photos) > LARGEST_SHARE * len(self._new) or photos in self._checked or len(self._checked) >= MOST_CHECKS:
            return False
        rest = self._checked[photos] = self._check(photos)
        before, after = open_findings(self._review), open_findings(rest)
        if after and not (partly and _severity(after.values()) <= (1 - GAIN) * _severity(before.values())):
            return False
        self._groups.append(group.checked([finding for finding in before if finding not in after], rest.verdict))
        self._review = rest
        return True


def open_findings(review: Review) -> dict[str, Finding]:
    """Id to finding, of those that warn or stop and can go away with photos."""
    return {
        finding.id: finding
        for finding in review.of_level("warn", "error")
        if finding.kind in _KINDS and finding.feature not in _ON_LINES and not finding.accepted
    }


def _severity(findings: Collection[Finding]) -> float:
    return sum((finding.effect or 0.0) / finding.threshold if finding.threshold else 1.0 for finding in findings)


def _member_sets(probabilities: Floats) -> Iterator[Flags]:
    """The photos that probably belong to a group, and larger sets."""
    count = max(int((probabilities >= MEMBER).sum()), FEWEST, round(float(probabilities.sum()) / 4))
    order = np.argsort(-probabilities, kind="stable")
    for growth in GROWTH:
        members: Flags = np.zeros(len(probabilities), np.bool_)
        members[order[: round(count * growth)]] = True
        yield members
