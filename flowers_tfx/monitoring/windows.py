"""The part of the recorded answers that a review looks at, apart for each version that answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from flowers_tfx.errors import InputError
from flowers_tfx.features import DIGEST, LABEL
from flowers_tfx.monitoring.record_columns import CLIENT, KNOWN, MEASURED, PREDICTED, TIME, VERSION
from flowers_tfx.monitoring.record_labels import CORRECTED
from flowers_tfx.monitoring.record_sample import sample_measured
from flowers_tfx.wilson import wilson_interval

MOST_CLIENTS = 100


@dataclass(frozen=True)
class Window:
    """What one version was asked. `answers`: a row for each answered photo, oldest first; `client`: the only one whose photos these are,
    None for all."""

    version: int
    answers: pd.DataFrame
    client: str | None = None

    def photos(self, most: int) -> pd.DataFrame:
        """A row for each different photo that was measured, its last answer; of more than `most` a sample. A photo that is sent again
        counts once: the tests of a review take the photos as drawn one by one."""
        measured = self.answers[self.answers[MEASURED].astype(bool)]
        return sample_measured(measured.drop_duplicates(DIGEST, keep="last"), most).reset_index(drop=True)

    @property
    def distinct(self) -> pd.DataFrame:
        """A row for each different photo, measured or not: its last answer."""
        return self.answers.drop_duplicates(DIGEST, keep="last").reset_index(drop=True)

    @property
    def first(self) -> str:
        """ISO 8601, UTC."""
        return _iso(self.answers[TIME].iloc[0])

    @property
    def last(self) -> str:
        return _iso(self.answers[TIME].iloc[-1])

    def by_client(self) -> dict[str, Mapping[str, Any]]:
        """Of each of the `MOST_CLIENTS` client tags with the most answers: answers, different photos, the share `unknown`; those without a
        tag under the empty name. Anybody may send any tag."""
        tags = self.answers[CLIENT].fillna("")
        most = tags.value_counts().sort_index().nlargest(MOST_CLIENTS).index
        groups = self.answers[tags.isin(most)].groupby(tags, sort=True)
        return {
            str(tag): {"answers": len(rows), "photos": int(rows[DIGEST].nunique()), "unknown": unknown_share(rows).as_json()}
            for tag, rows in groups
        }

    @property
    def client_count(self) -> int:
        """Different tags, none among them."""
        return int(self.answers[CLIENT].fillna("").nunique())


@dataclass(frozen=True)
class Share:
    """`count` of `total` photos, with Wilson's 95 % interval."""

    count: int
    total: int
    interval: tuple[float, float] | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "interval", wilson_interval(self.count / self.total, self.total) if self.total else None)

    @property
    def value(self) -> float | None:
        return self.count / self.total if self.total else None

    def as_json(self) -> dict[str, Any]:
        return {"value": self.value, "interval": list(self.interval) if self.interval else None, "photos": self.total}


def unknown_share(answers: pd.DataFrame) -> Share:
    """The share of the photos that the version took for none of its classes."""
    known = answers.drop_duplicates(DIGEST, keep="last")[KNOWN].astype(bool)
    return Share(int((~known).sum()), len(known))


def feedback_accuracy(answers: pd.DataFrame) -> Share | None:
    """The share of right answers among the different photos that people gave feedback on (`with_feedback`); a photo of none of the classes
    is answered right if it was not known. None without feedback."""
    photos = answers[answers[CORRECTED]].drop_duplicates(DIGEST, keep="last")
    if not len(photos):
        return None
    none_of_them, known = photos[LABEL].isna(), photos[KNOWN].astype(bool)
    right = (none_of_them & ~known) | (~none_of_them & known & (photos[LABEL] == photos[PREDICTED]))
    return Share(int(right.sum()), len(photos))


def windows(answers: pd.DataFrame, *, last: int | None, version: int | None, client: str | None) -> list[Window]:
    """One window for each version that answered, the one that answered last at the end; with `last` of the last so many answers, of this
    version and client where they are named. Raises InputError if there are no answers."""
    if version is not None:
        answers = answers[answers[VERSION] == version]
    if client is not None:
        answers = answers[answers[CLIENT].fillna("") == client]
    answers = answers.sort_values(TIME, kind="stable")
    if last is not None:
        answers = answers.tail(last)
    if not len(answers):
        of = "".join([f" of version {version}" if version is not None else "", f" to the client {client}" if client is not None else ""])
        raise InputError(
            f"No answer{of} was recorded in this window.", "Take a longer one with --hours, or see whether serving.record_dir is set."
        )
    order = answers[VERSION].drop_duplicates(keep="last")
    return [Window(name, answers[answers[VERSION] == name].reset_index(drop=True), client) for name in order]


def _iso(time: pd.Timestamp) -> str:
    return time.isoformat(timespec="seconds")
