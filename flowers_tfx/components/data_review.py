"""DataReview: the report, and the gate. Error-level findings that no reviewer accepted stop the run before Transform."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts

from flowers_tfx.components.artifacts import DriftReview, HtmlReport, MarkdownReport
from flowers_tfx.components.carried import carried
from flowers_tfx.data.windows import window_spans
from flowers_tfx.review.comparison_files import read_comparison
from flowers_tfx.review.gate import close_gate
from flowers_tfx.review.pages import review_files, run_context
from flowers_tfx.review.schema_findings import anomaly_findings, schema_differences
from flowers_tfx.review.sides import span_rejects
from flowers_tfx.review.stored_reviews import HTML, MARKDOWN, review_history, store_review, write_files


class DataReviewSpec(component_spec.ComponentSpec):
    PARAMETERS = {
        "data_root": component_spec.ExecutionParameter(type=str),
        "window": component_spec.ExecutionParameter(type=str),
        "decisions": component_spec.ExecutionParameter(type=str),
        "reviews_root": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "review": component_spec.ChannelParameter(type=DriftReview),
        "anomalies": component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "inferred_schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS = {
        "report": component_spec.ChannelParameter(type=HtmlReport),
        "summary": component_spec.ChannelParameter(type=MarkdownReport),
    }


class DataReviewExecutor(base_executor.BaseExecutor):
    @carried
    def Do(self, input_dict: dict[str, Any], output_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
        comparison = read_comparison(Path(artifact_utils.get_single_uri(input_dict["review"])))
        anomalies = anomaly_findings(artifact_utils.get_single_uri(input_dict["anomalies"]))
        window, decisions = (json.loads(exec_properties[name]) for name in ("window", "decisions"))
        gate = close_gate(comparison.review, anomalies, comparison.new_spans, window, decisions)
        root = exec_properties["reviews_root"]
        new = {span["digest"] for span in comparison.new_spans}
        spans = [span for span in window_spans(exec_properties["data_root"], exec_properties["window"]) if span.digest in new]
        differences = schema_differences(*(artifact_utils.get_single_uri(input_dict[name]) for name in ("inferred_schema", "schema")))
        run_id = (self._context and self._context.pipeline_run_id) or ""
        context = run_context(gate, run_id, span_rejects(spans), differences, review_history(root, gate.numbers), comparison.further)
        files = review_files(gate.review, comparison.baseline, comparison.new, comparison.thumbnails, context, comparison.new_spans)
        home = Path(artifact_utils.get_single_uri(output_dict["report"]))
        write_files(home, files)
        write_files(Path(artifact_utils.get_single_uri(output_dict["summary"])), {MARKDOWN: files[MARKDOWN]})
        artifact_utils.get_single_instance(output_dict["report"]).set_string_custom_property("verdict", gate.review.verdict)
        if not root:
            # A step in a container of its own that fails uploads nothing: people read the summary in its log.
            gate.check(str(home / HTML), "the summary in the log of this step")
            return
        # A node that fails keeps no artifacts: people find the page of a blocked run here.
        name = f"{'-'.join(map(str, gate.numbers))}-{run_id or uuid.uuid4().hex}"
        page = str(store_review(root, name, files) / HTML)
        gate.check(page, page)


class DataReview(base_component.BaseComponent):
    SPEC_CLASS = DataReviewSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(DataReviewExecutor)

    def __init__(
        self,
        review: types.BaseChannel,
        anomalies: types.BaseChannel,
        inferred_schema: types.BaseChannel,
        schema: types.BaseChannel,
        data_root: str,
        window: Any,
        decisions: Any,
        reviews_root: str,
        code: str,
    ) -> None:
        spec = DataReviewSpec(
            review=review,
            anomalies=anomalies,
            inferred_schema=inferred_schema,
            schema=schema,
            data_root=data_root,
            window=window,
            decisions=decisions,
            reviews_root=reviews_root,
            code=code,
            report=types.Channel(type=HtmlReport),
            summary=types.Channel(type=MarkdownReport),
        )
        super().__init__(spec=spec)
