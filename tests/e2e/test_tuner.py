"""A search for training settings in a whole run: what Trainer trains with, what a second run does, and the settings for another run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowers_tfx.config import ModelConfig, TrainingConfig, load_config
from flowers_tfx.orchestration.tuned_settings import resolve_tuning
from tests.e2e.conftest import Workshop, states
from tests.e2e.test_training import pretrained

__all__ = ["pretrained"]  # a fixture: a small network with a weights file
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.one_stack]


def test_a_search_in_a_run(workshop: Workshop, pretrained: ModelConfig) -> None:
    workshop.deliver(30)
    overrides = [f"model.weights={pretrained.weights}", "training.head_epochs=3", "tuning.trials=3"]
    report = workshop.run(*overrides)
    assert report["status"] == "succeeded"
    assert states(report)["Tuner"] == "complete"
    page = Path(report["reports"]["tuning"])
    table = json.loads((page.parent / "tuning.json").read_text())
    assert [row["error"] for row in table["trials"]] == [""] * 4
    assert table["photos"]["eval"] > 0
    best = next(row for row in table["trials"] if row["number"] == table["best"])
    assert best["log_loss"] == min(row["log_loss"] for row in table["trials"])
    record = json.loads((Path(report["pushed_model"]) / "assets.extra" / "training.json").read_text())
    assert {key: record["training"][key] for key in best["values"]} == best["values"]
    assert record["tuning"]["configured"] == table["trials"][0]["values"]
    again = workshop.run(*overrides)
    assert set(states(again).values()) == {"cached"}, "the recipe names the question, and SelectInputs the same spans"
    source = [f"pipeline_root={workshop.home / 'pipeline'}", f"tuning.from={report['run_id']}", *overrides[:2]]
    imported = resolve_tuning(load_config(workshop.config, source))
    assert imported.training == TrainingConfig(**record["training"])
