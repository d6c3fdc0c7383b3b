"""DriftValidator: the photos that the serving model was not trained on against those that it was, and the newest span against the one
before it. It only looks: DataReview says what follows from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts

from flowers_tfx import features, registry
from flowers_tfx.components.artifacts import DriftReview, PhotoSample
from flowers_tfx.components.carried import carried
from flowers_tfx.data.spans import Span
from flowers_tfx.data.tables import Table, write_table
from flowers_tfx.data.windows import set_aside, window_spans
from flowers_tfx.errors import InputError
from flowers_tfx.registry import no_baseline_reason
from flowers_tfx.review import tfdv_distances as tfdv_scores
from flowers_tfx.review.photo_embedder import PhotoEmbedder
from flowers_tfx.review.photo_sample import rows_of, thumbnails
from flowers_tfx.review.report_photos import wanted_photos
from flowers_tfx.review.sample_files import read_sample, read_thumbnails, write_thumbnails
from flowers_tfx.review.schema_changes import schema_changes
from flowers_tfx.validation import Delivery, Finding, Policy, Review, compare, inspect
from flowers_tfx.validation.known_drift import downgrade_known_drift
from flowers_tfx.validation.review import Level

REVIEWS, NEW, BASELINE = "reviews.json", "new.parquet", "baseline.parquet"
SPAN_BEFORE = "the span before it"
BASELINE_FINDING = "schema:baseline"


class DriftValidatorSpec(component_spec.ComponentSpec):
    PARAMETERS = {
        "data_root": component_spec.ExecutionParameter(type=str),
        "window": component_spec.ExecutionParameter(type=str),
        "baseline": component_spec.ExecutionParameter(type=str),
        "policy": component_spec.ExecutionParameter(type=str),
        "network": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "sample": component_spec.ChannelParameter(type=PhotoSample),
        "baseline_schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS = {"review": component_spec.ChannelParameter(type=DriftReview)}


class DriftValidatorExecutor(base_executor.BaseExecutor):
    @carried
    def Do(self, input_dict: dict[str, Any], output_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
        sample_home = Path(artifact_utils.get_single_uri(input_dict["sample"]))
        home = Path(artifact_utils.get_single_uri(output_dict["review"]))
        looking = _Looking(exec_properties, sample_home)
        review, old, new = looking.main()
        changes = schema_changes(
            artifact_utils.get_single_uri(input_dict["baseline_schema"]), artifact_utils.get_single_uri(input_dict["schema"])
        )
        review = review.with_findings(changes)
        further = looking.newest_against_the_one_before() if review.compared_with["kind"] == "serving" else None
        said = [{"name": "", "review": review.as_json()}]
        said += [{"name": SPAN_BEFORE, "review": further.as_json()}] if further else []
        home.mkdir(parents=True, exist_ok=True)
        write_table(home / NEW, Table(new, looking.network))
        write_table(home / BASELINE, Table(old, looking.network))
        wanted = set(wanted_photos(review, old, new))
        pictures = {digest: data for digest, data in read_thumbnails(sample_home).items() if digest in wanted}
        write_thumbnails(home, {**pictures, **thumbnails(looking.held, wanted - set(pictures))})
        (home / REVIEWS).write_text(
            json.dumps({"reviews": said, "new_spans": looking.named(review.new["spans"])}, ensure_ascii=False), encoding="utf-8"
        )


class _Looking:
    """The sides of the comparisons, made when they are asked for."""

    def __init__(self, properties: Mapping[str, Any], sample_home: Path) -> None:
        self.policy = Policy.from_json(properties["policy"])
        self.held = window_spans(properties["data_root"], properties["window"])
        said = properties["baseline"]
        self.serving: Mapping[str, Any] | None = None if said == registry.NO_BASELINE else json.loads(said)
        trained_on = {span["digest"] for span in self.serving["spans"]} if self.serving else set()
        self.new = [span for span in self.held if span.digest not in trained_on]
        self.trained = [span for span in self.held if span.digest in trained_on]
        self.reason = no_baseline_reason(str(sample_home))
        self._sample_home = sample_home
        self._embedder = PhotoEmbedder(properties["network"])
        self.network = self._embedder.network

    def named(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """The spans that a review says are new, with their digests: decisions on these count."""
        return [{"span": span.number, "digest": span.digest} for span in self.held if span.number in numbers]

    def main(self) -> tuple[Review, pd.DataFrame, pd.DataFrame]:
        """The review that the gate goes by, and both of its tables."""
        if self.serving is None:
            if len(self.held) > 1:
                return self._spans(self.held[-2], self.held[-1], self.held[:-1])
            return self._alone(self.held)
        if not self.new:
            empty = rows_of([])
            nothing = Review((), {}, self._compared_with(0, None), {"spans": [], "digest": None, "photos": 0})
            # Without new photos, too: a new model is not compared with a damaged one.
            found = self._baseline() if self.serving.get("damage") else None
            return nothing.with_findings([found] if isinstance(found, Finding) else []), empty, empty
        baseline = self._baseline()
        if isinstance(baseline, Finding):
            review, old, new = self._alone(self.new)
            return review.with_findings([baseline]), old, new
        new = self._embedded(self.new)
        old = baseline.frame
        options: dict[str, Any] = {"delivery": Delivery(*set_aside(self.new)), "earlier": rows_of(self.trained)}
        review = compare(
            old, new, self.policy, compared_with=self._compared_with(len(old), baseline), subject=self._subject(self.new), **options
        )
        review = downgrade_known_drift(review, old, new, self.policy)
        return review.with_scores(tfdv_scores.between(old, new)), old, new

    def newest_against_the_one_before(self) -> Review | None:
        if len(self.held) < 2:
            return None
        return self._spans(self.held[-2], self.held[-1], [])[0]

    def _spans(self, before: Span, newest: Span, earlier: list[Span]) -> tuple[Review, pd.DataFrame, pd.DataFrame]:
        old, new = self._embedded([before]), self._embedded([newest])
        with_ = {"kind": "span", "name": f"span-{before.number}", "version": None, "digest": before.digest, "photos": before.examples}
        review = compare(
            old,
            new,
            self.policy,
            delivery=Delivery(*set_aside([newest])),
            earlier=rows_of(earlier) if earlier else None,
            compared_with=with_,
            subject=self._subject([newest]),
        )
        return review.with_scores(tfdv_scores.between(old, new)), old, new

    def _alone(self, held: list[Span]) -> tuple[Review, pd.DataFrame, pd.DataFrame]:
        rows = rows_of(held)
        review = inspect(rows, self.policy, delivery=Delivery(*set_aside(held)), subject=self._subject(held))
        return review, rows.iloc[:0], rows

    def _baseline(self) -> Table | Finding:
        """The serving model's sample, or the finding that it cannot be had: an error, unless it was never there."""
        serving = self.serving or {}
        cause = self.reason
        if cause is None:
            try:
                table = read_sample(self._sample_home)
                if table.network in ("", self.network) or not self.network:
                    return table
                return replace(table, frame=table.frame.drop(columns=[features.EMBEDDING], errors="ignore"))
            except InputError as error:
                cause = error.message
        text = f"Nothing was compared with the serving model's photos: {cause}."
        level: Level = "error" if serving.get("data") or serving.get("damage") else "warn"
        # Accepting it is for this version, as it was seen; the next one that breaks is another finding.
        return Finding(f"{BASELINE_FINDING}:{serving['version']}", level, "schema", "baseline", text)

    def _embedded(self, held: list[Span]) -> pd.DataFrame:
        return self._embedder.embedded(rows_of(held), held, self.policy.sample)

    def _compared_with(self, photos: int, table: Table | None) -> dict[str, Any]:
        serving = self.serving or {}
        facts = table.facts if table else {}
        spans = [span["span"] for span in serving["spans"]]
        return {
            "kind": "serving",
            "version": str(serving["version"]),
            "digest": serving["data"] or None,
            "photos": int(facts.get("photos", photos)),
            "spans": spans,
        }

    def _subject(self, held: list[Span]) -> dict[str, Any]:
        digests = [span.digest for span in held]
        return {
            "spans": [span.number for span in held],
            "digest": digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest(),
            "photos": sum(span.examples for span in held),
        }


class DriftValidator(base_component.BaseComponent):
    SPEC_CLASS = DriftValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(DriftValidatorExecutor)

    def __init__(
        self,
        data_root: str,
        window: Any,
        baseline: Any,
        sample: types.BaseChannel,
        baseline_schema: types.BaseChannel,
        schema: types.BaseChannel,
        policy: str,
        network: str,
        code: str,
    ) -> None:
        spec = DriftValidatorSpec(
            data_root=data_root,
            window=window,
            baseline=baseline,
            sample=sample,
            baseline_schema=baseline_schema,
            schema=schema,
            policy=policy,
            network=network,
            code=code,
            review=types.Channel(type=DriftReview),
        )
        super().__init__(spec=spec)
