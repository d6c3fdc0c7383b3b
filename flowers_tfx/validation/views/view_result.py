"""The result of a view: statistics under every permutation, and what each of them is on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from flowers_tfx.validation.permutation import Floats, upper_shares
from flowers_tfx.validation.spectrum import Spectrum


@dataclass(frozen=True)
class Column:
    """A column of a view and its feature. Of a count, `cut` and `upper`: photos beyond this value are counted."""

    feature: str
    method: str
    cut: float = np.nan
    upper: bool = False


@dataclass(frozen=True)
class ViewResult:
    """`statistics` [1 + draws, columns]: larger is more unlike; the first row is the observed one.

    `values`: feature to the values [photos] that columns with a cut were cut from. `separation`: squared distance of the groups' means
    in standard deviations, minus the value expected by chance; `newness` [photos]: how far each photo lies in the direction of the new
    ones. `spectra`: those that distances are measured along, each with its ridges.
    """

    statistics: Floats
    columns: tuple[Column, ...]
    values: Mapping[str, Floats] = field(default_factory=dict)
    separation: float = np.nan
    newness: Floats | None = None
    spectra: tuple[tuple[Spectrum, tuple[float, ...]], ...] = ()

    @cached_property
    def p_values(self) -> Floats:
        """[1 + draws]: of the largest statistic, among all rows: each row could have been the observed one."""
        return upper_shares(self.statistics.max(axis=1))

    @cached_property
    def column_p_values(self) -> Floats:
        """[columns]: of each observed statistic against the largest of all of them in every draw."""
        largest = np.sort(self.statistics.max(axis=1))
        shares: Floats = (len(largest) - np.searchsorted(largest, self.statistics[0] - 1e-9)) / len(largest)
        return shares
