"""DataReview: the report and the verdict. It never stops the run: DataGate does."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass

from tfx.types import standard_artifacts

from flowers_tfx.artifact_files import DATA_FILE
from flowers_tfx.components.artifacts import DataRecord, DriftReview, HtmlReport, MarkdownReport
from flowers_tfx.components.executor import OwnExecutor
from flowers_tfx.components.own_component import OwnComponent
from flowers_tfx.data.decisions import expand
from flowers_tfx.data.windows import window_spans
from flowers_tfx.review.comparison_files import read_comparison
from flowers_tfx.review.data_record import data_record
from flowers_tfx.review.gate import decide_gate
from flowers_tfx.review.new_suspects import new_suspects
from flowers_tfx.review.pages import review_files, run_context
from flowers_tfx.review.schema_findings import anomaly_findings, schema_differences
from flowers_tfx.review.sides import span_rejects
from flowers_tfx.review.stored_reviews import HTML, JSON, MARKDOWN, review_history, store_review, write_files


@dataclass(frozen=True)
class DataReviewParameters:
    """`window` and `decisions` as SelectInputs outputs them; `approvals`: how many names a decision needs; reviews are stored below
    `reviews_root`, or below the data root if it is empty; the report is written in `language`."""

    data_root: str
    window: str
    decisions: str
    approvals: int
    reviews_root: str
    language: str


class DataReviewExecutor(OwnExecutor[DataReviewParameters]):
    def work(self) -> None:
        parameters = self.parameters
        comparison = read_comparison(self.input_folder("review"))
        anomalies = anomaly_findings(str(self.input_folder("anomalies")))
        window = window_spans(parameters.data_root, parameters.window)
        decisions = expand(parameters.data_root, window, json.loads(parameters.decisions))
        gate = decide_gate(
            comparison.review, anomalies, comparison.new_spans, json.loads(parameters.window), decisions, parameters.approvals
        )
        new = {span["digest"] for span in comparison.new_spans}
        spans = [span for span in window if span.digest in new]
        differences = schema_differences(str(self.input_folder("inferred_schema")), str(self.input_folder("schema")))
        reviews_root = parameters.reviews_root or parameters.data_root
        history = review_history(reviews_root, gate.numbers)
        context = run_context(gate, self.run_id, span_rejects(spans), differences, history, comparison.further, parameters.language)
        suspects = new_suspects(comparison.baseline, comparison.new)
        files = review_files(
            gate.review, comparison.baseline, comparison.new, comparison.thumbnails, context, comparison.new_spans, suspects
        )
        write_files(self.output_folder("report"), files)
        write_files(self.output_folder("summary"), {MARKDOWN: files[MARKDOWN]})
        record = data_record(window, json.loads(files[JSON]), json.loads(parameters.decisions), reviews_root)
        write_files(self.output_folder("data"), {DATA_FILE: json.dumps(record, indent=2, ensure_ascii=False)})
        # `flowers review` finds the reviews of all runs here, including those of other machines and clusters.
        name = f"{'-'.join(map(str, gate.numbers))}-{self.run_id or uuid.uuid4().hex}"
        page = str(store_review(reviews_root, name, files) / HTML)
        for key, value in (("verdict", gate.review.verdict), ("page", page)):
            self.output("report").set_string_custom_property(key, value)
        self.output("verdict").value = gate.outcome(page)


class DataReview(OwnComponent):
    INPUTS = {
        "review": DriftReview,
        "anomalies": standard_artifacts.ExampleAnomalies,
        "inferred_schema": standard_artifacts.Schema,
        "schema": standard_artifacts.Schema,
    }
    OUTPUTS = {"report": HtmlReport, "summary": MarkdownReport, "data": DataRecord, "verdict": standard_artifacts.String}
    EXECUTOR = DataReviewExecutor
