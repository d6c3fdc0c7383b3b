"""The evaluation report, as HTML and as JSON, from the files that TensorFlow Model Analysis (TFMA) wrote."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import tensorflow_model_analysis as tfma

from flowers_tfx import storage
from flowers_tfx.features import EVALUATED_SPLIT
from flowers_tfx.model.evaluation_config import ACCURACY, BASELINE_NAME, SLICES
from flowers_tfx.parity_certificate import Certificate
from flowers_tfx.reports.evaluation import BaselineScore, CalibrationBin, ClassScore, Evaluation, Slice, render_html, to_json

PAGE, JSON = "report.html", "report.json"


def write_report(
    uri: str,
    *,
    labels: Sequence[str],
    blessed: bool,
    run_id: str,
    floors: tuple[float, float],
    baseline_version: str,
    no_baseline: str,
    certificate: Certificate,
) -> Evaluation:
    """Writes report.html and report.json beside TFMA's files. `floors`: least accuracy, and largest drop below the baseline's."""
    evaluation = replace(read_evaluation(uri, labels, blessed, run_id, floors, baseline_version, no_baseline), parity=certificate)
    folder = storage.storage_path(uri)
    (folder / JSON).write_bytes(json.dumps(to_json(evaluation), indent=2, ensure_ascii=False).encode())
    (folder / PAGE).write_bytes(render_html(evaluation).encode())
    return evaluation


def scalars(evaluation: Evaluation) -> dict[str, float]:
    """The metrics by which runs are compared, without unmeasured ones."""
    values = {
        "accuracy": evaluation.accuracy,
        "baseline_accuracy": evaluation.baseline.accuracy if evaluation.baseline else None,
        "calibration_error": evaluation.calibration_error,
        "examples": float(evaluation.examples),
    }
    return {name: value for name, value in values.items() if value is not None and math.isfinite(value)}


def confusion_matrix(evaluation: Evaluation) -> dict[str, Any]:
    """In the format of KFP's ClassificationMetrics: rows are the actual classes, columns the predicted ones."""
    return {
        "annotationSpecs": [{"displayName": score.name} for score in evaluation.classes],
        "rows": [{"row": [float(count) for count in row]} for row in evaluation.confusion],
    }


def read_evaluation(
    uri: str, labels: Sequence[str], blessed: bool, run_id: str, floors: tuple[float, float], baseline_version: str, no_baseline: str
) -> Evaluation:
    models = [spec.name for spec in tfma.load_eval_result(uri, model_name=BASELINE_NAME).config.model_specs]
    compared = BASELINE_NAME in models
    candidate = next(name for name in models if name != BASELINE_NAME) if compared else None
    result = tfma.load_eval_result(uri, model_name=candidate)
    metrics = {key: value[""] for key, value in result.slicing_metrics}
    plots = {key: value[""] for key, value in result.plots}
    confusion = _confusion(plots[()], len(labels))
    examples = sum(map(sum, confusion))
    accuracy = sum(confusion[index][index] for index in range(len(labels))) / examples  # TFMA has the same number in single precision
    baseline = BaselineScore(baseline_version, _baseline_accuracy(uri)) if compared else None
    bins = tuple(_bins(plots[()]["topK:1"]))
    return Evaluation(
        model_version="candidate",
        run_id=run_id,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        blessed=blessed,
        reasons=tuple(_reasons(accuracy, floors, baseline, no_baseline)),
        split=EVALUATED_SPLIT,
        examples=examples,
        accuracy=accuracy,
        classes=tuple(_classes(labels, confusion, metrics[()])),
        confusion=tuple(tuple(row) for row in confusion),
        calibration_error=_calibration_error(bins),
        calibration=bins,
        slices=tuple(sorted(_slices(metrics), key=lambda one: (one.feature, one.value))),
        min_accuracy=floors[0],
        max_drop=floors[1],
        baseline=baseline,
        no_baseline=no_baseline,
    )


def _reasons(accuracy: float, floors: tuple[float, float], baseline: BaselineScore | None, no_baseline: str) -> Iterable[str]:
    least, drop = floors
    word = "reaches" if accuracy >= least else "is below"
    yield f"Its accuracy, {accuracy:.1%}, {word} the floor of {least:.1%}."
    if baseline is None:
        yield f"It was not compared with a serving model: {no_baseline}."
    else:
        word = "not more than" if accuracy >= baseline.accuracy - drop else "more than"
        serving = f"the serving model, version {baseline.version}, which has {baseline.accuracy:.1%}"
        yield f"It lies {word} {100 * drop:.1f} points below {serving}."


def _classes(labels: Sequence[str], confusion: list[list[int]], metrics: Mapping[str, Any]) -> Iterable[ClassScore]:
    """Precision and recall of the predicted class, from the confusion matrix: TFMA's own count only probabilities above 0.5."""
    photos = sum(map(sum, confusion))
    for index, label in enumerate(labels):
        support, predicted, correct = sum(confusion[index]), sum(row[index] for row in confusion), confusion[index][index]
        yield ClassScore(
            label,
            precision=correct / predicted if predicted else None,
            recall=correct / support if support else None,
            auc=_number(metrics[f"classId:{index}"]["auc"]) if 0 < support < photos else None,
            support=support,
        )


def _slices(metrics: Mapping[Any, Any]) -> Iterable[Slice]:
    for key, values in metrics.items():
        if len(key) == 1 and key[0][0] in SLICES:
            yield Slice(key[0][0], str(key[0][1]), int(_number(values[""]["example_count"])), _number(values[""][ACCURACY]))


def _confusion(plots: Mapping[str, Any], classes: int) -> list[list[int]]:
    """Photos by [actual][predicted] class, however small the probability of the predicted one: TFMA's matrix at threshold 0."""
    counts = [[0] * classes for _ in range(classes)]
    for entry in plots[""]["multiClassConfusionMatrixAtThresholds"]["matrices"][0]["entries"]:
        counts[int(entry.get("actualClassId", 0))][int(entry.get("predictedClassId", 0))] += round(entry["numWeightedExamples"])
    return counts


def _bins(plot: Mapping[str, Any]) -> Iterable[CalibrationBin]:
    """Calibration of the predicted class. TFMA puts all other classes into the first bucket, which starts at minus infinity."""
    for bucket in plot["calibrationHistogramBuckets"]["buckets"]:
        count = float(bucket.get("numWeightedExamples", 0.0))
        if count and bucket.get("lowerThresholdInclusive") != "-Infinity":
            predicted, correct = (float(bucket.get(name, 0.0)) for name in ("totalWeightedRefinedPrediction", "totalWeightedLabel"))
            yield CalibrationBin(predicted / count, correct / count, round(count))


def _calibration_error(bins: Sequence[CalibrationBin]) -> float | None:
    """Expected calibration error (Naeini et al., 2015; Guo et al., 2017): mean gap between confidence and accuracy, over photos."""
    photos = sum(one.count for one in bins)
    gaps = sum(one.count * abs((one.predicted or 0.0) - (one.observed or 0.0)) for one in bins)
    return gaps / photos if photos else None


def _baseline_accuracy(uri: str) -> float:
    return _number(dict(tfma.load_eval_result(uri, model_name=BASELINE_NAME).slicing_metrics)[()][""][""][ACCURACY])


def _number(value: Mapping[str, Any]) -> float:
    """The number; NaN stays NaN, which the report shows as not measurable."""
    return float(next(iter(value.values())))
