"""Baseline: which serving model a candidate is compared with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from flowers_tfx import registry
from flowers_tfx.artifact_files import LABELS_FILE
from flowers_tfx.components.artifacts import PhotoSample
from flowers_tfx.components.baseline import BaselineExecutor
from tests.unit.test_registry import explanations

MAC, NFC = "Lo\N{COMBINING DIAERESIS}wenzahn", "L\N{LATIN SMALL LETTER O WITH DIAERESIS}wenzahn"
TYPES = {
    "model": standard_artifacts.Model,
    "sample": PhotoSample,
    "statistics": standard_artifacts.ExampleStatistics,
    "schema": standard_artifacts.Schema,
}


def why_no_model(home: Path, labels: list[str]) -> str | None:
    """The reason why a version with these labels is not compared with a candidate for [NFC, "roses"]; None where it is."""
    model = home / "trained"
    (model / "assets.extra").mkdir(parents=True)
    (model / "saved_model.pb").write_text("graph")
    (model / LABELS_FILE).write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
    entry = registry.publish(model, str(home / "registry"), "recipe", (), "")
    registry.publish_explanations(explanations(home / "page", "one"), str(home / "registry"), entry.version)
    serving = {"version": entry.version, "digest": entry.digest, "data": "", "spans": []}
    outputs = {name: artifact() for name, artifact in TYPES.items()}
    for name, artifact in outputs.items():
        artifact.uri = str(home / "outputs" / name)
    properties = {"registry": str(home / "registry"), "baseline": json.dumps(serving), "labels": json.dumps([NFC, "roses"])}
    BaselineExecutor().Do({}, {name: [artifact] for name, artifact in outputs.items()}, properties)
    return registry.no_baseline_reason(outputs["model"].uri)


def test_a_model_with_the_same_classes_is_the_baseline(tmp_path: Path) -> None:
    assert why_no_model(tmp_path, [NFC, "roses"]) is None
    files = {path.name for path in (tmp_path / "outputs" / "model").rglob("*") if path.is_file()}
    assert files == {"saved_model.pb", "labels.txt", "registry.json"}, "the model, without what was added to its version later"


@pytest.mark.parametrize(
    ("labels", "words"),
    [([NFC, "tulips"], "knows other classes"), (["roses", NFC], "knows other classes"), ([MAC, "roses"], "another Unicode form")],
)
def test_a_model_whose_graph_would_not_know_the_labels_is_none(tmp_path: Path, labels: list[str], words: str) -> None:
    assert words in (why_no_model(tmp_path, labels) or "")
