"""The groups and the story of a review, from its tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from flowers_tfx.features import DIGEST
from flowers_tfx.validation.groups.group import PhotoGroup
from flowers_tfx.validation.groups.rules import PhotoValues
from flowers_tfx.validation.groups.search import Check, GroupSearch, open_findings
from flowers_tfx.validation.groups.story import tell_story
from flowers_tfx.validation.model_answers import ModelAnswers
from flowers_tfx.validation.review import Review
from flowers_tfx.validation.tables.reading import NOTHING_UNMEASURED, read_tables


@dataclass(frozen=True)
class GroupedPhotos:
    groups: tuple[PhotoGroup, ...] = ()
    story: str | None = None


def find_groups(
    baseline: pd.DataFrame,
    new: pd.DataFrame,
    review: Review,
    check: Check,
    *,
    earlier: pd.DataFrame | None = None,
    unmeasured: Mapping[str, str] = NOTHING_UNMEASURED,
    labelled: bool = True,
    answers: ModelAnswers | None = None,
    seed: int = 0,
) -> GroupedPhotos:
    """The tables and settings as in `compare`, which made `review`; `check` reviews the new photos without those with some digests.
    Nothing is searched if the review passes, or if the photos have no digests, which name them. Equal inputs give equal groups."""
    if not open_findings(review) or DIGEST not in new:
        return GroupedPhotos()
    tables = read_tables(baseline, new, unmeasured, labelled)
    photos = tables.new
    digests = [digest for digest in photos.digests if digest]
    if len(digests) < len(photos) or not len(tables.baseline):
        return GroupedPhotos()
    repeated = tables.baseline if earlier is None or not len(earlier) else read_tables(earlier, earlier).new
    search = GroupSearch(tables.baseline, photos, repeated, review, check, seed)
    groups = search.run()
    story = tell_story(
        groups, len(photos), list(open_findings(search.review).values()), PhotoValues.of(tables.baseline), PhotoValues.of(search.left())
    )
    return GroupedPhotos(tuple(replace(group, accuracy=_accuracy(group.photos, new, answers)) for group in groups), story)


def _accuracy(photos: Collection[str], new: pd.DataFrame, answers: ModelAnswers | None) -> float | None:
    return answers.accuracy(new[np.isin(new[DIGEST].astype(str), list(photos))]) if answers else None
