"""DataReview: the report, and the gate. Error-level findings that no reviewer accepted stop the run before Transform."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts

import flowers_tfx
from flowers_tfx.components.artifacts import DriftReview, HtmlReport, MarkdownReport
from flowers_tfx.components.carried import carried
from flowers_tfx.components.drift_validator import BASELINE, BASELINE_FINDING, NEW, REVIEWS
from flowers_tfx.data.spans import REJECTS
from flowers_tfx.data.windows import window_spans
from flowers_tfx.errors import Blocked
from flowers_tfx.review import stored_reviews as reviews
from flowers_tfx.review.decisions import accepted_findings
from flowers_tfx.review.report import Context, render_html, render_markdown
from flowers_tfx.review.sample_files import read_sample, read_thumbnails
from flowers_tfx.review.schema_changes import differences, read_schema
from flowers_tfx.validation import Finding, Review

HISTORY = 12


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
        source = Path(artifact_utils.get_single_uri(input_dict["review"]))
        said = json.loads((source / REVIEWS).read_text(encoding="utf-8"))
        main, *further = [(part["name"], Review.from_json(part["review"])) for part in said["reviews"]]
        anomalies = anomaly_findings(artifact_utils.get_single_uri(input_dict["anomalies"]))
        review = main[1].with_findings(anomalies)
        decisions = json.loads(exec_properties["decisions"])
        new = [span["digest"] for span in said["new_spans"]]
        # What is wrong with the window as a whole, or with the serving model, is accepted with the newest span.
        digests = new or [span["digest"] for span in json.loads(exec_properties["window"])[-1:]]
        of_the_model = {finding.id for finding in main[1].findings if finding.id.startswith(f"{BASELINE_FINDING}:")}
        of_the_whole = of_the_model | {finding.id for finding in anomalies}
        accepted = accepted_findings(decisions, digests) | accepted_findings(decisions, digests[-1:]) & of_the_whole
        review = review.decided(sorted(accepted), decisions)
        run_id = (self._context and self._context.pipeline_run_id) or ""
        created = datetime.now(timezone.utc).isoformat(timespec="seconds")
        root = exec_properties["reviews_root"]
        spans = review.new["spans"] or [span["span"] for span in json.loads(exec_properties["window"])[-1:]]
        context = Context(
            title=", ".join(f"span-{span}" for span in spans),
            run_id=run_id,
            created=created,
            model_version=str(review.compared_with.get("version") or ""),
            code_version=flowers_tfx.__version__,
            schema_differences=_differences(input_dict),
            history=_history(root, spans),
            comparisons=further,
            how_to_go_on=_commands(spans, review, of_the_whole),
            **_rejects(exec_properties, new),
        )
        old, fresh = (read_sample(source, name).frame for name in (BASELINE, NEW))
        files = {
            reviews.HTML: render_html(review, old, fresh, read_thumbnails(source), context),
            reviews.MARKDOWN: render_markdown(review, context),
            reviews.JSON: json.dumps(
                {**review.as_json(), "created": created, "run_id": run_id, "new_spans": said["new_spans"]}, indent=2, ensure_ascii=False
            ),
        }
        home = Path(artifact_utils.get_single_uri(output_dict["report"]))
        home.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (home / name).write_text(text, encoding="utf-8")
        summary = Path(artifact_utils.get_single_uri(output_dict["summary"]))
        summary.mkdir(parents=True, exist_ok=True)
        (summary / reviews.MARKDOWN).write_text(files[reviews.MARKDOWN], encoding="utf-8")
        artifact_utils.get_single_instance(output_dict["report"]).set_string_custom_property("verdict", review.verdict)
        # A step in a container of its own that fails uploads nothing: what is left of it is its log.
        report, place = str(home / reviews.HTML), "the summary in the log of this step"
        if root:
            # A node that fails keeps no artifacts: people find the page of a blocked run here.
            report = str(reviews.store_review(root, f"{'-'.join(map(str, spans))}-{run_id or uuid.uuid4().hex}", files) / reviews.HTML)
            place = report
        if review.verdict == "blocked":
            raise _blocked(review, _commands(spans, review, of_the_whole), report, place)


def _blocked(review: Review, commands: Sequence[str], report: str, place: str) -> Blocked:
    first, *more = review.blocking
    others = f" (and {len(more)} more: {', '.join(finding.id for finding in more[:5])})" if more else ""
    return Blocked(
        f"The data review stopped the run: {first.id}: {first.message}{others}",
        f"Read {place}. Then either {' or '.join(commands)}, and run again.",
        report,
    )


def _commands(spans: Sequence[int], review: Review, of_the_whole: set[str]) -> list[str]:
    """A span's findings are accepted for each of the new spans, those `of_the_whole` window with the newest."""
    if review.verdict != "blocked":
        return []
    commands = []
    for span in spans:
        names = [finding.id for finding in review.blocking if span == spans[-1] or finding.id not in of_the_whole]
        if names:
            commands.append(f"flowers review accept {span} {' '.join(f'--finding {name}' for name in names)} --reason TEXT --by NAME")
    return [*commands, f"flowers review reject {spans[-1]} --reason TEXT --by NAME"]


def anomaly_findings(uri: str) -> list[Finding]:
    """What ExampleValidator says, a finding a feature and kind."""
    found: dict[str, Finding] = {}
    for path in sorted(Path(uri).glob("Split-*/SchemaDiff.pb")):
        anomalies = anomalies_pb2.Anomalies()
        anomalies.ParseFromString(path.read_bytes())
        split = path.parent.name.removeprefix("Split-")
        for feature, info in sorted(anomalies.anomaly_info.items()):
            level = "error" if info.severity == anomalies_pb2.AnomalyInfo.ERROR else "warn"
            text = f"ExampleValidator, split {split}: {feature}: {info.short_description or 'anomaly'}. {info.description}".strip()
            name = f"schema:anomaly:{feature}"
            if name not in found or (level == "error" and found[name].level != "error"):
                found[name] = Finding(name, level, "schema", feature, text)  # type: ignore[arg-type]
    return list(found.values())


def _differences(input_dict: dict[str, Any]) -> list[str]:
    inferred, curated = (read_schema(artifact_utils.get_single_uri(input_dict[name])) for name in ("inferred_schema", "schema"))
    return list(differences(inferred, curated))


def _history(root: str, spans: Sequence[int]) -> list[dict[str, Any]]:
    """The newest review of each of the other deliveries, oldest first."""
    newest: dict[tuple[int, ...], reviews.StoredReview] = {}
    for stored in reviews.stored_reviews(root) if root else ():
        if stored.spans and stored.spans != tuple(spans):
            newest.setdefault(stored.spans, stored)
    return [
        {"name": ", ".join(f"span-{span}" for span in stored.spans), "verdict": stored.review["verdict"], "scores": stored.review["scores"]}
        for stored in reversed(list(newest.values())[:HISTORY])
    ]


def _rejects(properties: dict[str, Any], digests: Sequence[str]) -> dict[str, Any]:
    reasons: dict[str, int] = {}
    examples: list[dict[str, Any]] = []
    for span in window_spans(properties["data_root"], properties["window"]):
        if span.digest in digests:
            with (span.path / REJECTS).open(encoding="utf-8") as lines:
                for reject in map(json.loads, lines):
                    reasons[reject["reason"]] = reasons.get(reject["reason"], 0) + 1
                    if len(examples) < 50:
                        examples.append(reject)
    return {"rejects": reasons, "reject_examples": examples}


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
