"""Makes findings from the results of views: level by the policy, and example photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from flowers_tfx.finding_kinds import BY_NAME
from flowers_tfx.texts.finding_messages import MESSAGES
from flowers_tfx.validation.permutation import Floats
from flowers_tfx.validation.photo_pool import PhotoPool
from flowers_tfx.validation.policy import Policy
from flowers_tfx.validation.review import Finding
from flowers_tfx.validation.significance import Significance
from flowers_tfx.validation.tables.photo_table import Photos
from flowers_tfx.validation.views.view_result import Column, ViewResult

SHOWN = 8
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FindingBuilder:
    """`views` by name; `pool`: the photos that they were computed on; `baseline` and `new`: all photos, which effects are measured on."""

    views: Mapping[str, ViewResult]
    pool: PhotoPool
    baseline: Photos
    new: Photos
    policy: Policy

    @cached_property
    def significance(self) -> Significance:
        return Significance(self.views)

    def build(
        self,
        kind: str,
        feature: str,
        facts: Mapping[str, Any],
        *,
        p_value: float,
        effect: float,
        statistic: float | None = None,
        subject: str = "",
        rows: Rows | Sequence[int] = (),
    ) -> Finding:
        """`kind` by its name, `facts` as `messages` has them, `effect` in points; `subject`: the end of the id, by
        default the feature; `rows` of the pool as examples."""
        key = BY_NAME[kind].key
        level = self.policy.level(key, feature, effect)
        return Finding(
            f"{key}:{subject or feature}",
            level,
            key,
            feature,
            MESSAGES.message(facts),
            statistic,
            p_value,
            effect,
            "points",
            self.policy.threshold(key, feature, level),
            self.pool.photos.examples(np.asarray(rows, np.int64).tolist(), feature),
            facts=facts,
        )

    def flag_shares(self, flag: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_] | None = None) -> tuple[float, float]:
        """Shares, in points, of flagged photos in the baseline and among the new ones; `among`: of these photos."""
        is_new, flag = (self.pool.is_new, flag) if among is None else (self.pool.is_new[among], flag[among])
        return 100 * float(flag[~is_new].mean()), 100 * float(flag[is_new].mean())

    def photos_beyond(self, values: Floats, column: Column) -> npt.NDArray[np.bool_]:
        """[photos]: whose value is at or beyond the column's cut."""
        with np.errstate(invalid="ignore"):
            beyond: npt.NDArray[np.bool_] = values >= column.cut if column.upper else values <= column.cut
        return beyond

    def first_new(self, order: Rows) -> Rows:
        """The first new photos of an order of the pool, as many as a finding shows."""
        rows: Rows = order[self.pool.is_new[order]][:SHOWN]
        return rows
