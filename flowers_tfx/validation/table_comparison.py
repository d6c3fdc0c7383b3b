"""The review of new photos against a baseline: every test, every count, every score."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from flowers_tfx import features
from flowers_tfx.validation.feature_scores import feature_scores
from flowers_tfx.validation.findings.builder import FindingBuilder
from flowers_tfx.validation.findings.counted_findings import Delivery, counted_findings
from flowers_tfx.validation.findings.drift_findings import drift_findings, drift_scores
from flowers_tfx.validation.permutation import Permutations
from flowers_tfx.validation.photo_pool import complete_embeddings, pool_photos
from flowers_tfx.validation.policy import Policy
from flowers_tfx.validation.power import smallest_effects
from flowers_tfx.validation.review import Finding, Review
from flowers_tfx.validation.row_sample import sample_rows
from flowers_tfx.validation.tables.photo_table import Photos
from flowers_tfx.validation.tables.reading import NOTHING_UNMEASURED, Tables, read_tables
from flowers_tfx.validation.views.all_views import compute_views

NOTHING_SET_ASIDE = Delivery()


def compare(
    baseline: pd.DataFrame,
    new: pd.DataFrame,
    policy: Policy | None = None,
    *,
    seed: int = 0,
    delivery: Delivery = NOTHING_SET_ASIDE,
    earlier: pd.DataFrame | None = None,
    compared_with: Mapping[str, Any] | None = None,
    subject: Mapping[str, Any] | None = None,
    unmeasured: Mapping[str, str] = NOTHING_UNMEASURED,
    labelled: bool = True,
    with_power: bool = False,
) -> Review:
    """The review of `new` against `baseline`: two per-photo tables with the columns uri, digest, label, image properties, embedding.

    `delivery`: what ingest set aside. `earlier`: all earlier photos, to be searched for duplicates and conflicts if the baseline is only
    a sample of them. `compared_with` and `subject` are added to the JSON of both sides. `unmeasured`: image properties that some photos
    lack, and where: {"sharpness": "span 1"}; they are noted and not compared. `labelled=False`: the new photos, such as those of
    requests, may lack labels: if none has one, labels are not compared.
    `with_power`: also what could not have been seen. Equal inputs give equal reviews. Errors in a table are findings.
    """
    policy = policy or Policy()
    tables = read_tables(baseline, new, unmeasured, labelled)
    old, fresh = tables.baseline, tables.new
    earlier_photos = old if earlier is None or not len(earlier) else read_tables(earlier, earlier).new
    findings = [*tables.findings, *counted_findings(earlier_photos, fresh, delivery, policy)]
    tested = _compare_photos(old, fresh, policy, seed, with_power) if len(old) > 1 and len(fresh) > 1 else _Tested()
    digests = (old.digest, fresh.digest)
    earlier_digest = "" if earlier_photos is old else earlier_photos.digest
    return Review(
        (*findings, *tested.findings),
        _merged_scores(feature_scores(old, fresh), tested.scores),
        {"kind": "span", "version": None, "digest": digests[0], "photos": len(old), **(compared_with or {})},
        {"spans": [], "digest": digests[1], "photos": len(fresh), **(subject or {}), **_unlabelled(tables)},
        digest=_digest(*digests, earlier_digest, policy.digest, str(seed), repr(delivery), *_unlabelled(tables)),
        power=tested.power,
    )


def inspect(
    new: pd.DataFrame,
    policy: Policy | None = None,
    *,
    delivery: Delivery = NOTHING_SET_ASIDE,
    subject: Mapping[str, Any] | None = None,
    unmeasured: Mapping[str, str] = NOTHING_UNMEASURED,
    labelled: bool = True,
) -> Review:
    """The review of photos without a baseline: counts and schema, no tests. `labelled` as in `compare`."""
    policy = policy or Policy()
    tables = read_tables(new, new, unmeasured, labelled)
    photos = tables.new
    # The table stands for both sides: findings on the baseline and on the comparison are left out.
    findings = [
        finding
        for finding in tables.findings
        if ":baseline" not in finding.id and (finding.feature, finding.level) != (features.EMBEDDING, "note")
    ]
    findings += counted_findings(_none_of(photos), photos, delivery, policy)
    return Review(
        tuple(findings),
        {},
        {"kind": "none", "version": None, "digest": None, "photos": 0},
        {"spans": [], "digest": photos.digest, "photos": len(photos), **(subject or {}), **_unlabelled(tables)},
        digest=_digest(photos.digest, policy.digest, repr(delivery), *_unlabelled(tables)),
    )


@dataclass(frozen=True)
class _Tested:
    """What the tests find, their scores and their power by feature."""

    findings: Sequence[Finding] = ()
    scores: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    power: Mapping[str, float | None] = field(default_factory=dict)


def _compare_photos(old: Photos, new: Photos, policy: Policy, seed: int, with_power: bool) -> _Tested:
    samples = [side.rows(sample_rows(side.digests, side.uris, policy.sample, seed)) for side in (old, new)]
    pool, incomplete = complete_embeddings(pool_photos(*samples))
    permutations = Permutations(pool.is_new, policy.permutations, seed)
    builder = FindingBuilder(compute_views(pool, permutations), pool, old, new, policy)
    power = smallest_effects(builder, permutations) if with_power else {}
    return _Tested([*incomplete, *drift_findings(builder)], drift_scores(builder), power)


def _merged_scores(
    first: Mapping[str, Mapping[str, float | None]], second: Mapping[str, Mapping[str, float | None]]
) -> dict[str, dict[str, float | None]]:
    return {name: {**first.get(name, {}), **second.get(name, {})} for name in {**first, **second}}


def _unlabelled(tables: Tables) -> dict[str, Any]:
    """The part of the review's JSON that marks new photos whose labels were not compared."""
    return {} if tables.labelled else {"labelled": False}


def _none_of(photos: Photos) -> Photos:
    return photos.rows(np.zeros(0, np.int64))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
