"""A sweep of two tiny runs, and what `flowers experiments` says of them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Workshop, states

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.one_stack]


@pytest.fixture(scope="module")
def swept(workshop: Workshop) -> dict[str, Any]:
    workshop.deliver(30)
    sweep = ("--sweep", "training.seed=1,2", "--config", str(workshop.config), "--json")
    value: dict[str, Any] = workshop.flowers("run", *sweep)
    return value


def test_a_sweep_runs_every_value_shares_the_cache_and_publishes_nothing(workshop: Workshop, swept: dict[str, Any]) -> None:
    first, second = (states(run["report"]) for run in swept["runs"])
    assert [run["settings"] for run in swept["runs"]] == [{"training.seed": "1"}, {"training.seed": "2"}]
    assert first["Trainer"] == second["Trainer"] == "complete"
    assert second["Transform"] == second["StatisticsGen"] == "cached"
    assert "Pusher" not in {node for node, state in second.items() if state in ("complete", "cached")}
    assert workshop.versions() == []
    assert Path(swept["page"]).read_text().count("training.seed=") >= 2


def test_the_comparison_names_what_differs_and_asks_both_models_about_the_same_photos(workshop: Workshop, swept: dict[str, Any]) -> None:
    comparison = swept["comparison"]
    assert comparison["differing"] == ["training.seed"]
    photos = json.loads((workshop.data_root / "span-1" / "manifest.json").read_text())["splits"]["test"]
    assert comparison["photos"] == {"asked": photos, "of": photos}
    (other,) = [run for run in comparison["runs"] if run["run_id"] != comparison["against"]]
    (reference,) = [run for run in comparison["runs"] if run["run_id"] == comparison["against"]]
    pair = other["pair"]
    assert pair["photos"] == photos
    # The models that were asked again answer as they did in their evaluations.
    assert (pair["both_right"] + pair["lost"]) / photos == pytest.approx(reference["metrics"]["accuracy"]["value"])
    assert (pair["both_right"] + pair["gained"]) / photos == pytest.approx(other["metrics"]["accuracy"]["value"])
    assert reference["metrics"]["litert_bytes"]["value"] > 1000


def test_the_command_that_a_sweep_ends_with_publishes_from_the_cache(workshop: Workshop, swept: dict[str, Any]) -> None:
    command = shlex.split(swept["publish"])
    assert command[:2] == ["flowers", "run"]
    report = workshop.flowers(*command[1:], "--json")
    assert states(report)["Trainer"] == states(report)["Evaluator"] == "cached"
    assert workshop.versions() == [int(Path(report["pushed_model"]).name)]


def test_latency_and_filters_of_the_command(workshop: Workshop, swept: dict[str, Any]) -> None:
    compared = workshop.flowers(
        "experiments", "--config", str(workshop.config), "--where", "training.seed=2", "--latency", "--metric", "latency_ms", "--json"
    )
    (run, *others) = compared["runs"]
    assert {one["settings"]["training.seed"] for one in compared["runs"]} == {2}
    assert all(other["same_model_as"] or run["same_model_as"] for other in others)
    assert 0 < run["latency"]["network_ms"] < run["latency"]["median_ms"]
