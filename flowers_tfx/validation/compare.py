"""The review of new photos against a baseline: every test, every fact, every score."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from flowers_tfx.validation import facts, findings, scores
from flowers_tfx.validation.facts import Delivery
from flowers_tfx.validation.permutation import Draws
from flowers_tfx.validation.policy import Policy, thinned
from flowers_tfx.validation.review import Review
from flowers_tfx.validation.table import EMBEDDING, Photos, read
from flowers_tfx.validation.views import look, pooled, whole_embeddings

NOTHING_ASIDE = Delivery()


def compare(
    baseline: pd.DataFrame,
    new: pd.DataFrame,
    policy: Policy | None = None,
    *,
    seed: int = 0,
    delivery: Delivery = NOTHING_ASIDE,
    earlier: pd.DataFrame | None = None,
    compared_with: Mapping[str, Any] | None = None,
    subject: Mapping[str, Any] | None = None,
) -> Review:
    """The review of `new` against `baseline`: two per-photo tables with the columns uri, digest, label, image properties, embedding.

    `delivery`: what ingest set aside; `earlier`: all photos before, where the baseline is but a sample of them: duplicates and
    conflicts are looked for there. `compared_with` and `subject` complete what the review says of both sides.
    The same inputs give the same review. Whatever is wrong with a table is a finding; nothing is raised for it.
    """
    policy = policy or Policy()
    tables = read(baseline, new)
    old, fresh = tables.baseline, tables.new
    found = list(tables.findings)
    known = _known(old, earlier)
    found += facts.findings(known, fresh, delivery, policy)
    by_feature = scores.of(old, fresh)
    if len(old) > 1 and len(fresh) > 1:
        some = [side.rows(thinned(side.digests, side.uris, policy.sample, seed)) for side in (old, fresh)]
        pool, incomplete = whole_embeddings(pooled(*some))
        found += incomplete
        draws = Draws(pool.is_new, policy.permutations, seed)
        tested = findings.Tested(look(pool, draws), pool, old, fresh, policy)
        found += tested.findings()
        for feature, values in tested.scores().items():
            by_feature.setdefault(feature, {}).update(values)
    digests = (old.digest, fresh.digest)
    said = {"kind": "span", "version": None, "digest": digests[0], "photos": len(old), **(compared_with or {})}
    about = {"spans": [], "digest": digests[1], "photos": len(fresh), **(subject or {})}
    before = "" if known is old else known.digest
    return Review(tuple(found), by_feature, said, about, digest=_digest(*digests, before, policy.digest, str(seed), repr(delivery)))


def inspect(
    new: pd.DataFrame, policy: Policy | None = None, *, delivery: Delivery = NOTHING_ASIDE, subject: Mapping[str, Any] | None = None
) -> Review:
    """The review of photos that there is nothing to compare with: facts and schema, no tests."""
    policy = policy or Policy()
    tables = read(new, new)
    photos = tables.new
    # It stands for both sides: what is said of the other one, or of a comparison that nobody asked for, is left out.
    found = [one for one in tables.findings if ":baseline" not in one.id and (one.feature, one.level) != (EMBEDDING, "note")]
    found += facts.findings(photos.rows(np.zeros(0, np.int64)), photos, delivery, policy)
    about = {"spans": [], "digest": photos.digest, "photos": len(photos), **(subject or {})}
    said = {"kind": "none", "version": None, "digest": None, "photos": 0}
    return Review(tuple(found), {}, said, about, digest=_digest(photos.digest, policy.digest, repr(delivery)))


def _known(baseline: Photos, earlier: pd.DataFrame | None) -> Photos:
    return baseline if earlier is None or not len(earlier) else read(earlier, earlier).new


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
