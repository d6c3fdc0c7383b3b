"""The comparisons of a run: the photos that the serving model was not trained on against a sample of its training photos, and the newest
span against the previous one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from flowers_tfx.data.decisions import Decision
from flowers_tfx.data.edited_spans import only_photos, with_recorded_edits, without_photos
from flowers_tfx.data.photo_edits import PhotoEdits
from flowers_tfx.data.spans import Span
from flowers_tfx.data.tables import read_table
from flowers_tfx.errors import InputError
from flowers_tfx.registry import no_baseline_reason
from flowers_tfx.review.baseline_sample import PHOTOS, baseline_side
from flowers_tfx.review.comparison import Comparison, compare_sides
from flowers_tfx.review.embeddings import PhotoEmbedder, embed_side
from flowers_tfx.review.serving_model import ServingModel
from flowers_tfx.review.sides import Side, no_photos, span_rows, spans_side
from flowers_tfx.texts.finding_messages import MESSAGES
from flowers_tfx.validation import Finding, Policy, Review
from flowers_tfx.validation.known_drift import downgrade_known_drift
from flowers_tfx.validation.review import Level

BASELINE_FINDING = "schema:baseline"


def compare_window(
    window: Sequence[Span],
    serving: Mapping[str, Any] | None,
    sample_home: Path,
    policy: Policy,
    embedder: PhotoEmbedder | None,
    model: ServingModel | None = None,
    decisions: Sequence[Decision] = (),
) -> tuple[Comparison, Comparison | None]:
    """The comparison that decides whether the run goes on, and a further one for information, or None.

    `window`: the spans of the run, oldest first. `serving`: version, data, spans and damage of the serving model, None without one.
    `sample_home`: the folder with its baseline sample, or with the reason why it is missing. `model`: the serving model, which the first
    comparison asks about the photos that it was not trained on. `decisions`: of reviewers, which say the photos that it was not trained on
    because they were left out then.
    """
    comparisons = _WindowComparisons(window, serving, sample_home, policy, embedder, model, decisions)
    main = comparisons.main()
    return main, comparisons.further(main)


class _WindowComparisons:
    """Reads the sides of a comparison when it needs them."""

    def __init__(
        self,
        window: Sequence[Span],
        serving: Mapping[str, Any] | None,
        sample_home: Path,
        policy: Policy,
        embedder: PhotoEmbedder | None,
        model: ServingModel | None,
        decisions: Sequence[Decision],
    ) -> None:
        self._window, self._serving, self._sample_home = window, serving, sample_home
        self._policy, self._embedder, self._model = policy, embedder, model
        self._new, self._trained = _new_and_trained(window, serving, decisions)

    def main(self) -> Comparison:
        if self._serving is None:
            return self._compare_newest_span() if len(self._window) > 1 else self._inspect(self._window)
        if not self._new:
            return self._without_new_photos(self._serving)
        baseline = self._baseline(self._serving)
        if isinstance(baseline, Finding):
            inspected = self._inspect(self._new, self._model)
            return replace(inspected, review=inspected.review.with_findings([baseline]))
        new = self._embedded(self._new)
        compared = compare_sides(baseline, new, self._policy, earlier=spans_side(self._trained), with_tfdv=True, model=self._model)
        return replace(compared, review=downgrade_known_drift(compared.review, compared.baseline.rows, new.rows, self._policy))

    def further(self, main: Comparison) -> Comparison | None:
        """The newest span against the span before it: None if that is the main comparison or is impossible."""
        if main.review.compared_with["kind"] != "serving" or len(self._window) < 2:
            return None
        previous, newest = (self._embedded([span]) for span in self._window[-2:])
        return compare_sides(previous, newest, self._policy, with_tfdv=True)

    def _compare_newest_span(self) -> Comparison:
        previous, newest = (self._embedded([span]) for span in self._window[-2:])
        # The photos of the previous span are among the earlier ones: they are read there.
        previous = replace(previous, read_photos=no_photos)
        return compare_sides(previous, newest, self._policy, earlier=spans_side(self._window[:-1]), with_tfdv=True)

    def _inspect(self, spans: Sequence[Span], model: ServingModel | None = None) -> Comparison:
        return compare_sides(None, spans_side(spans), self._policy, model=model)

    def _without_new_photos(self, serving: Mapping[str, Any]) -> Comparison:
        """Even without new photos a damaged serving model is a finding: no candidate is compared with it."""
        review = Review((), {}, _as_baseline(serving, 0), {"spans": [], "digest": None, "photos": 0})
        baseline = self._baseline(serving) if serving.get("damage") else None
        empty = Side("", span_rows([]))
        return Comparison(review.with_findings([baseline] if isinstance(baseline, Finding) else []), empty, empty)

    def _baseline(self, serving: Mapping[str, Any]) -> Side | Finding:
        """The serving model's sample, or the finding that it is unavailable: an error, unless it never existed."""
        cause = no_baseline_reason(str(self._sample_home))
        if cause is None:
            try:
                table = read_table(self._sample_home / PHOTOS)
                photos = int(table.facts.get("photos", len(table.frame)))
                # Its photos are read from the spans of the window, as far as these still hold them.
                sample = baseline_side("", table, self._trained)
                return replace(sample, read_photos=no_photos, as_baseline=_as_baseline(serving, photos))
            except InputError as error:
                cause = error.message
        facts = {"text": "no_baseline", "cause": cause}
        level: Level = "error" if serving.get("data") or serving.get("damage") else "warn"
        # Reviewers accept it for this version only; another damaged version is another finding.
        return Finding(f"{BASELINE_FINDING}:{serving['version']}", level, "schema", "baseline", MESSAGES.message(facts), facts=facts)

    def _embedded(self, spans: Sequence[Span]) -> Side:
        return embed_side(spans_side(spans), self._embedder, self._policy.sample)


def _new_and_trained(
    window: Sequence[Span], serving: Mapping[str, Any] | None, decisions: Sequence[Decision]
) -> tuple[list[Span], list[Span]]:
    """The spans with the photos that the serving model was not trained on, and with those that it was. A span can be among both: photos
    that were left out then come back as new ones."""
    trained_on = {span["digest"]: span.get("edits") for span in serving["spans"]} if serving else {}
    new: list[Span] = []
    trained: list[Span] = []
    for span in window:
        if span.digest not in trained_on:
            new.append(span)
            continue
        then = with_recorded_edits(decisions, replace(span, edits=PhotoEdits()), trained_on[span.digest])
        restored = then.edits.excluded - span.edits.excluded
        new += [only_photos(span, restored)] if restored else []
        trained.append(without_photos(span, restored))
    return new, trained


def _as_baseline(serving: Mapping[str, Any], photos: int) -> dict[str, Any]:
    return {
        "kind": "serving",
        "version": str(serving["version"]),
        "digest": serving["data"] or None,
        "photos": photos,
        "spans": [span["span"] for span in serving["spans"]],
    }


def named_spans(spans: Sequence[Span], numbers: Sequence[int]) -> list[dict[str, Any]]:
    """The spans with these numbers and their digests: what decisions are bound to."""
    return [{"span": span.number, "digest": span.digest} for span in spans if span.number in numbers]
