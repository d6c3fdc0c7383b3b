"""Tuner: searches training settings for Trainer. Not TFX's own, which has no report, and whose files of an interrupted search are lost.

Its artifacts are TFX's: best_hyperparameters is what TFX's Trainer reads. A search that was interrupted goes on where the outputs are on a
disk: its trials lie below the node's folder until it ends.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfx.types import artifact_utils, standard_artifacts

from flowers_tfx import storage
from flowers_tfx.artifact_files import BEST_HYPERPARAMETERS_FILE
from flowers_tfx.components.artifacts import HtmlReport
from flowers_tfx.components.executor import OwnExecutor
from flowers_tfx.components.local_artifacts import local_artifacts
from flowers_tfx.components.own_component import OwnComponent
from flowers_tfx.config.training import ModelConfig, TrainingConfig
from flowers_tfx.config.tuning import TuningConfig
from flowers_tfx.model.splits import SplitSource
from flowers_tfx.model.trainer import read_split
from flowers_tfx.model.tuning import SearchRequest, tune
from flowers_tfx.model.tuning_search import hyperparameters_config
from flowers_tfx.reports.tuning import Tuning, render_html, to_json

TUNING_JSON, PAGE = "tuning.json", "report.html"
RESULTS = "tuner_results.json"  # in the format of TFX's Tuner


@dataclass(frozen=True)
class TunerParameters:
    """`settings`: orchestration.settings.tuner_settings."""

    settings: dict[str, Any]


class TunerExecutor(OwnExecutor[TunerParameters]):
    # work copies them itself: what is left of an interrupted search lies beside the real outputs.
    COPIES_ARTIFACTS = False

    def work(self) -> None:
        with self._trials_folder() as folder, local_artifacts(self.inputs, self.outputs):
            settings = self.parameters.settings
            request = SearchRequest(
                labels=tuple(settings["labels"]),
                model=ModelConfig(**settings["model"]),
                training=TrainingConfig(**settings["training"]),
                tuning=TuningConfig(**settings["tuning"]),
            )
            tuning = tune(request, self._split("train"), self._split("eval"), folder)
            self._write(request, tuning)

    def _split(self, name: str) -> SplitSource:
        uri = artifact_utils.get_split_uri(self.inputs["examples"], name)
        return read_split([f"{uri}/*"], ModelConfig(**self.parameters.settings["model"]).image_size)

    def _write(self, request: SearchRequest, tuning: Tuning) -> None:
        best = hyperparameters_config(request.tuning.searched_space, tuning.best_trial.values)
        finished = sorted((row for row in tuning.trials if row.log_loss is not None), key=lambda row: row.log_loss or 0.0)
        results = [{"trial_id": str(row.number), "score": row.log_loss, **row.values} for row in finished]
        page = render_html(tuning)
        files = {
            ("best_hyperparameters", BEST_HYPERPARAMETERS_FILE): json.dumps(best),
            ("tuner_results", RESULTS): json.dumps(results),
            ("tuner_results", TUNING_JSON): json.dumps(to_json(tuning), indent=2, ensure_ascii=False),
            ("tuner_results", PAGE): page,
            ("report", PAGE): page,
        }
        for (output, name), content in files.items():
            (self.output_folder(output) / name).write_text(content, encoding="utf-8")

    @contextmanager
    def _trials_folder(self) -> Iterator[Path]:
        """The trials of this very search, of an earlier run that was interrupted, too; deleted when the search ends well."""
        output = storage.storage_path(self.output("tuner_results").uri)
        if not isinstance(output, Path):
            with tempfile.TemporaryDirectory() as name:
                yield Path(name)
            return
        request = [self.exec_properties, sorted(artifact.uri for artifact in self.inputs["examples"])]
        searches = output.parent.parent / ".system" / "searches"
        folder = searches / hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()[:16]
        yield folder
        shutil.rmtree(searches)


class Tuner(OwnComponent):
    INPUTS = {"examples": standard_artifacts.Examples}
    OUTPUTS = {
        "best_hyperparameters": standard_artifacts.HyperParameters,
        "tuner_results": standard_artifacts.TunerResults,
        "report": HtmlReport,
    }
    EXECUTOR = TunerExecutor
