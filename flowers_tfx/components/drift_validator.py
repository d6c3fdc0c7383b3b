"""DriftValidator: compares the photos that the serving model was not trained on with its training photos, asks the model about them, and
compares the newest span with the previous one. It does not stop the run: DataReview decides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tfx.types import standard_artifacts
from tfx.utils import path_utils

from flowers_tfx import registry
from flowers_tfx.components.artifacts import DriftReview, PhotoSample
from flowers_tfx.components.executor import OwnExecutor
from flowers_tfx.components.own_component import OwnComponent
from flowers_tfx.data.decisions import read_decisions
from flowers_tfx.data.windows import window_spans
from flowers_tfx.review.comparison_files import write_comparison
from flowers_tfx.review.embeddings import embedder_of_run
from flowers_tfx.review.schema_findings import comparator_findings, schema_changes
from flowers_tfx.review.serving_model import ServingModel, model_without, open_serving_model
from flowers_tfx.review.thumbnails import read_thumbnails
from flowers_tfx.review.window_comparisons import compare_window, named_spans
from flowers_tfx.validation import Policy


@dataclass(frozen=True)
class DriftValidatorParameters:
    """`window` and `baseline` as SelectInputs outputs them; `policy` and `network`, the frozen backbone for embeddings, as JSON."""

    data_root: str
    window: str
    baseline: str
    policy: str
    network: str


class DriftValidatorExecutor(OwnExecutor[DriftValidatorParameters]):
    def work(self) -> None:
        parameters = self.parameters
        window = window_spans(parameters.data_root, parameters.window)
        # Which photos the serving model was trained on: the decisions up to a number that its record names.
        decisions = read_decisions(parameters.data_root)
        serving = None if parameters.baseline == registry.NO_BASELINE else json.loads(parameters.baseline)
        sample = self.input_folder("sample")
        embedder = embedder_of_run(parameters.network)
        policy = Policy.from_json(parameters.policy)
        main, further = compare_window(window, serving, sample, policy, embedder, self._model(serving), decisions)
        schema = str(self.input_folder("schema"))
        findings = [*schema_changes(str(self.input_folder("baseline_schema")), schema), *comparator_findings(schema)]
        main = replace(main, review=main.review.with_findings(findings))
        write_comparison(
            self.output_folder("review"),
            main,
            further,
            named_spans(window, main.review.new["spans"]),
            embedder.name if embedder else "",
            main.thumbnails(known=read_thumbnails(sample)),
        )

    def _model(self, serving: Mapping[str, Any] | None) -> ServingModel | None:
        """The serving model as Baseline fetched it from the registry; None on a first run."""
        if serving is None:
            return None
        folder, version = self.input_folder("model"), str(serving["version"])
        missing = registry.no_baseline_reason(str(folder))
        return model_without(version, missing) if missing else open_serving_model(Path(path_utils.serving_model_dir(str(folder))), version)


class DriftValidator(OwnComponent):
    INPUTS = {
        "model": standard_artifacts.Model,
        "sample": PhotoSample,
        "baseline_schema": standard_artifacts.Schema,
        "schema": standard_artifacts.Schema,
    }
    OUTPUTS = {"review": DriftReview}
    EXECUTOR = DriftValidatorExecutor
