"""Reviews what `flowers serve` recorded, each version that answered apart, and remembers what the reviews found."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

import flowers_tfx
from flowers_tfx.config import PipelineConfig
from flowers_tfx.errors import InputError
from flowers_tfx.features import EMBEDDING
from flowers_tfx.monitoring.baselines import version_baseline, version_model
from flowers_tfx.monitoring.monitor_state import FOLDER, ReviewedVersion, read_state, write_state
from flowers_tfx.monitoring.record_columns import ID, PHOTO, TIME
from flowers_tfx.monitoring.record_labels import with_feedback
from flowers_tfx.monitoring.records import read_records
from flowers_tfx.monitoring.served_reviews import ServedReview, check_size, review_window
from flowers_tfx.monitoring.windows import Window, windows
from flowers_tfx.review.pages import review_files
from flowers_tfx.review.report import Context
from flowers_tfx.review.review_sequence import StoredSequence
from flowers_tfx.review.stored_reviews import REVIEWS, store_review, stored_reviews
from flowers_tfx.storage import in_bucket, remove_unfinished
from flowers_tfx.validation import Policy
from flowers_tfx.validation.sequential import distance_points

KEPT_REVIEWS = 100  # of each series
_STORED = r"\d{8}T\d{6}\.\d{6}(?:-[0-9a-f]{8})?"  # names of stored reviews
# The part of a review's error rate that its tests have; the other half is for the accuracy of the answers.
TESTS = 0.5
_HISTORY = 24
_SEVERITY = ("pass", "warn", "blocked")


@dataclass(frozen=True)
class MonitorRequest:
    """`hours` or `last`: the window, of so many hours or so many answers. `version` and `client`: the only ones that are looked at."""

    config: PipelineConfig
    policy: Policy
    hours: float | None = None
    last: int | None = None
    version: int | None = None
    client: str | None = None

    @property
    def records(self) -> Path:
        """Raises InputError if nothing is recorded, or not on this machine's disks."""
        folder = self.config.serving.record_dir
        if not folder:
            raise InputError("Nothing that is served is recorded.", "Set serving.record_dir to the folder that `flowers serve` records to.")
        if in_bucket(folder):
            raise InputError(
                f"A monitor keeps its state beside the records, and {folder} is not on this machine.", "Mount the folder here."
            )
        return Path(folder)

    @property
    def folder(self) -> Path:
        """Of the monitor's own files."""
        return self.records / FOLDER

    def read_answers(self, now: datetime) -> pd.DataFrame:
        """Without the embeddings, 5 kB a photo, which are read for the photos that are compared."""
        if self.last is not None:
            # The last answers to one client are not among the last of all.
            last = self.last if self.client is None else None
            return read_records(str(self.records), last=last, version=self.version, embeddings=False)
        since = now - timedelta(hours=self.hours or self.config.monitor.hours)
        answers = read_records(str(self.records), since=since, version=self.version, embeddings=False)
        return answers[answers[TIME] <= now]

    def series(self, version: int) -> str:
        """The name of the series of reviews that this one belongs to: each client's is one of its own. A tag may hold anything."""
        tag = "" if self.client is None else f"-{hashlib.sha256(self.client.encode()).hexdigest()[:12]}"
        return f"{version}{tag}"


@dataclass(frozen=True)
class VersionReview:
    """`report`: its page; `earlier`: the verdict that the webhook was told last of the same series."""

    served: ServedReview
    series: str
    report: Path
    earlier: str

    @property
    def verdict(self) -> str:
        return self.served.review.verdict

    def as_json(self) -> dict[str, Any]:
        return {**self.served.as_json(), "report": str(self.report)}


@dataclass(frozen=True)
class Outcome:
    """`reviews`: one for each version, the worst verdict first, among equals that of the version that answered last. `left_out`: why
    other versions have none."""

    reviews: tuple[VersionReview, ...]
    left_out: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The JSON of the first review; `others`: those of further versions in the window."""
        first, *others = [one.as_json() for one in self.reviews]
        return {**first, "others": others, "left_out": list(self.left_out)}


def monitor(request: MonitorRequest, now: datetime | None = None) -> Outcome:
    """One look at the window that ends `now`. The caller holds the lock of `request.folder`.

    Raises InputError if there are no answers, no version with enough different photos, or nothing to compare them with.
    """
    now = now or datetime.now(timezone.utc)
    answers = with_feedback(request.read_answers(now), request.config.serving.feedback_dir)
    chosen = windows(answers, last=request.last, version=request.version, client=request.client)
    reviews, problems = [], []
    for window in reversed(chosen):
        try:
            reviews.append(_review(request, window, now))
        except InputError as error:
            if len(chosen) == 1:
                raise
            problems.append(error)
    if not reviews:
        raise problems[0]
    reviews.sort(key=lambda one: -_SEVERITY.index(one.verdict))
    return Outcome(tuple(reviews), tuple(error.message for error in problems))


def mark_notified(request: MonitorRequest, review: VersionReview) -> None:
    """The webhook was told this verdict."""
    state = read_state(request.folder)
    state.versions[review.series].notified = review.verdict
    write_state(request.folder, state)


def _review(request: MonitorRequest, window: Window, now: datetime) -> VersionReview:
    config = request.config
    photos = window.photos(config.monitor.largest_count)
    check_size(window, photos, config.monitor.smallest_count)
    baseline = version_baseline(config.registry, window.version)
    photos = _with_embeddings(request.records, window.version, photos)
    series = request.series(window.version)
    sequence = StoredSequence(request.folder, series)
    run = partial(sequence.review, policy=request.policy, when=now, tests=TESTS)
    model = version_model(config.registry, window.version)
    served = review_window(window, photos, baseline, model, request.policy, str(request.records), run)
    report = _store(request.folder / series, served, now, config.review.language)
    state = read_state(request.folder)
    earlier = state.versions.get(series, ReviewedVersion())
    state.versions[series] = _reviewed(served, report, now, earlier.notified)
    write_state(request.folder, state)
    return VersionReview(served, series, report, earlier.notified)


def _with_embeddings(records: Path, version: int, photos: pd.DataFrame) -> pd.DataFrame:
    """An answer that was deleted for its age since it was read has none."""
    rows = read_records(str(records), since=photos[TIME].min().to_pydatetime(), version=version, ids=set(photos[ID]))
    vectors = rows.set_index([ID, PHOTO])[EMBEDDING]
    return photos.assign(**{EMBEDDING: vectors.reindex(pd.MultiIndex.from_frame(photos[[ID, PHOTO]])).to_numpy()})


def _store(home: Path, served: ServedReview, now: datetime, language: str) -> Path:
    """The page of the review, which is stored among those of its series."""
    comparison, review = served.comparison, served.review
    earlier = stored_reviews(str(home))
    context = Context(
        title=comparison.new.name,
        created=now.astimezone(timezone.utc).isoformat(timespec="seconds"),
        model_version=str(served.window.version),
        code_version=flowers_tfx.__version__,
        history=[
            {"name": one.review["created"], "verdict": one.review["verdict"], "scores": one.review["scores"]}
            for one in reversed(earlier[:_HISTORY])
        ],
        language=language,
    )
    files = review_files(review, comparison.baseline.rows, comparison.new.rows, comparison.thumbnails(), context)
    if (home / REVIEWS).is_dir():
        remove_unfinished(home / REVIEWS, _STORED)  # of a monitor that was killed
    stored = store_review(str(home), now.astimezone(timezone.utc).strftime("%Y%m%dT%H%M%S.%f"), files)
    for old in earlier[KEPT_REVIEWS - 1 :]:
        shutil.rmtree(Path(str(old.folder)))
    return Path(str(stored)) / "report.html"


def _reviewed(served: ServedReview, report: Path, now: datetime, notified: str) -> ReviewedVersion:
    review, facts = served.review, served.served
    harm: Mapping[str, Any] = review.harm or {}
    distances = {name: distance_points(scores) for name, scores in review.scores.items()}
    return ReviewedVersion(
        time=now.astimezone(timezone.utc).isoformat(timespec="seconds"),
        verdict=review.verdict,
        answers=facts["answers"],
        photos=facts["compared_photos"],
        drift={name: points / 100 for name, points in distances.items() if points is not None},
        unknown=facts["unknown"]["value"],
        accuracy=harm.get("accuracy"),
        estimated=bool(harm.get("estimated", True)),
        report=str(report),
        notified=notified,
    )
