"""DataReview: the report, and the gate. Error-level findings that no reviewer accepted stop the run before Transform."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass

from tfx.types import standard_artifacts

from flowers_tfx.components.artifacts import DriftReview, HtmlReport, MarkdownReport
from flowers_tfx.components.executor import OwnExecutor
from flowers_tfx.components.own_component import OwnComponent
from flowers_tfx.data.windows import window_spans
from flowers_tfx.review.comparison_files import read_comparison
from flowers_tfx.review.gate import decide_gate
from flowers_tfx.review.pages import review_files, run_context
from flowers_tfx.review.schema_findings import anomaly_findings, schema_differences
from flowers_tfx.review.sides import span_rejects
from flowers_tfx.review.stored_reviews import HTML, MARKDOWN, review_history, store_review, write_files


@dataclass(frozen=True)
class DataReviewParameters:
    """`window` and `decisions` as SelectInputs outputs them; `reviews_root` keeps reviews besides the artifacts, empty for nowhere."""

    data_root: str
    window: str
    decisions: str
    reviews_root: str


class DataReviewExecutor(OwnExecutor[DataReviewParameters]):
    def work(self) -> None:
        parameters = self.parameters
        comparison = read_comparison(self.input_folder("review"))
        anomalies = anomaly_findings(str(self.input_folder("anomalies")))
        gate = decide_gate(
            comparison.review, anomalies, comparison.new_spans, json.loads(parameters.window), json.loads(parameters.decisions)
        )
        new = {span["digest"] for span in comparison.new_spans}
        spans = [span for span in window_spans(parameters.data_root, parameters.window) if span.digest in new]
        differences = schema_differences(str(self.input_folder("inferred_schema")), str(self.input_folder("schema")))
        history = review_history(parameters.reviews_root, gate.numbers)
        context = run_context(gate, self.run_id, span_rejects(spans), differences, history, comparison.further)
        files = review_files(gate.review, comparison.baseline, comparison.new, comparison.thumbnails, context, comparison.new_spans)
        report = self.output_folder("report")
        write_files(report, files)
        write_files(self.output_folder("summary"), {MARKDOWN: files[MARKDOWN]})
        self.output("report").set_string_custom_property("verdict", gate.review.verdict)
        if not parameters.reviews_root:
            # A step in a container of its own that fails uploads nothing: people read the summary in its log.
            gate.check(str(report / HTML), "the summary in the log of this step")
            return
        # A node that fails keeps no artifacts: people find the page of a blocked run here.
        name = f"{'-'.join(map(str, gate.numbers))}-{self.run_id or uuid.uuid4().hex}"
        page = str(store_review(parameters.reviews_root, name, files) / HTML)
        gate.check(page, page)


class DataReview(OwnComponent):
    INPUTS = {
        "review": DriftReview,
        "anomalies": standard_artifacts.ExampleAnomalies,
        "inferred_schema": standard_artifacts.Schema,
        "schema": standard_artifacts.Schema,
    }
    OUTPUTS = {"report": HtmlReport, "summary": MarkdownReport}
    EXECUTOR = DataReviewExecutor
