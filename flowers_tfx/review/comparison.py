"""One comparison of new photos with a baseline: the review, and both sides of it, which its page is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flowers_tfx.review.galleries import photos_on_page
from flowers_tfx.review.sides import Side
from flowers_tfx.review.thumbnails import make_thumbnails
from flowers_tfx.validation import Policy, Review, compare, inspect


@dataclass(frozen=True)
class Comparison:
    """`baseline` has no rows if nothing was compared. `earlier`: all earlier photos, if the baseline is only a sample of them."""

    review: Review
    baseline: Side
    new: Side
    earlier: Side | None = None

    def thumbnails(self, known: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
        """Digest to thumbnail of the photos that the page shows, as far as they can be read; those in `known` are not made again."""
        sides = [side for side in (self.baseline, self.new, self.earlier) if side is not None]
        return make_thumbnails(sides, photos_on_page(self.review, self.baseline.rows), known)


def compare_sides(
    baseline: Side | None, new: Side, policy: Policy, *, seed: int = 0, earlier: Side | None = None, with_tfdv: bool = False
) -> Comparison:
    """The review of `new` against `baseline`, or of `new` alone. Duplicates are searched in `earlier`, if given, instead of the
    baseline. `with_tfdv` records TFDV's distances, too."""
    subject = new.as_new or {"name": new.name}
    if baseline is None:
        alone = inspect(new.rows, policy, delivery=new.delivery, subject=subject, unmeasured=new.unmeasured, labelled=new.labelled)
        return Comparison(alone, Side("", new.rows.iloc[:0]), new)
    if baseline.network and new.network and baseline.network != new.network:
        baseline = baseline.without_embeddings()
    review = compare(
        baseline.rows,
        new.rows,
        policy,
        seed=seed,
        delivery=new.delivery,
        earlier=earlier.rows if earlier else None,
        compared_with=baseline.as_baseline or {"kind": "span", "name": baseline.name},
        subject=subject,
        unmeasured=_unmeasured(baseline, new),
        labelled=new.labelled,
    )
    if with_tfdv:
        from flowers_tfx.review.tfdv_distances import tfdv_distances  # loads TFDV, which the command line does not need

        review = review.with_scores(tfdv_distances(baseline.rows, new.rows))
    return Comparison(review, baseline, new, earlier)


def _unmeasured(*sides: Side) -> dict[str, str]:
    """Image properties that were not measured for some photos of either side, and where."""
    where: dict[str, list[str]] = {}
    for side in sides:
        for name, place in side.unmeasured.items():
            where.setdefault(name, []).append(place)
    return {name: ", ".join(dict.fromkeys(places)) for name, places in where.items()}
