"""DriftValidator: compares the photos that the serving model was not trained on with its training photos, and the newest span with the
previous one. It does not stop the run: DataReview decides."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from tfx.types import standard_artifacts

from flowers_tfx import registry
from flowers_tfx.components.artifacts import DriftReview, PhotoSample
from flowers_tfx.components.executor import OwnExecutor
from flowers_tfx.components.own_component import OwnComponent
from flowers_tfx.data.windows import window_spans
from flowers_tfx.review.comparison_files import write_comparison
from flowers_tfx.review.embeddings import embedder_of_run
from flowers_tfx.review.schema_findings import comparator_findings, schema_changes
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
        serving = None if parameters.baseline == registry.NO_BASELINE else json.loads(parameters.baseline)
        sample = self.input_folder("sample")
        embedder = embedder_of_run(parameters.network)
        main, further = compare_window(window, serving, sample, Policy.from_json(parameters.policy), embedder)
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


class DriftValidator(OwnComponent):
    INPUTS = {"sample": PhotoSample, "baseline_schema": standard_artifacts.Schema, "schema": standard_artifacts.Schema}
    OUTPUTS = {"review": DriftReview}
    EXECUTOR = DriftValidatorExecutor
