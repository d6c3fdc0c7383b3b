"""`flowers run --runner beam`: the same nodes, results, exit codes and cache as with the local runner. In this order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Workshop, states
from tests.e2e.test_review import deliver, review

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.long]

EXPLAINED = "explain.photos=1"


@pytest.fixture(scope="module")
def local_report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    shop = Workshop(tmp_path_factory.mktemp("local"))
    shop.deliver(30)
    report = shop.run(EXPLAINED)
    assert isinstance(report, dict)
    return report


def test_the_same_nodes_and_metrics_as_the_local_runner(workshop: Workshop, local_report: dict[str, Any]) -> None:
    workshop.deliver(30)
    report = workshop.run(EXPLAINED, runner="beam")
    assert report["status"] == "succeeded"
    assert states(report) == states(local_report)
    assert set(states(report).values()) == {"complete"}
    assert report["metrics"] == local_report["metrics"]
    assert report["blessed"] == local_report["blessed"]
    assert [Path(report["pushed_model"])] == [workshop.registry / str(v) for v in workshop.versions()]
    compared = ("verdict", "findings", "scores", "new", "compared_with")
    assert {key: review(report)[key] for key in compared} == {key: review(local_report)[key] for key in compared}


def test_nothing_new_runs_nothing_on_either_runner(workshop: Workshop) -> None:
    for runner in ("beam", "local"):
        assert set(states(workshop.run(EXPLAINED, runner=runner)).values()) == {"cached"}
    shown = workshop.flowers("runs", "--config", str(workshop.config), "--json")
    assert [run["status"] for run in shown] == ["succeeded"] * 3


def test_bad_input_is_reported_as_by_the_local_runner(workshop: Workshop) -> None:
    (workshop.home / "empty.csv").write_text("")
    reports = [workshop.run(f"ingest.csv={workshop.home / 'empty.csv'}", runner=runner, code=2) for runner in ("beam", "local")]
    assert "is empty" in reports[0]["error"]
    assert [(report["status"], report["error"], report["hint"], states(report)["IngestImages"]) for report in reports] == [
        ("failed", reports[1]["error"], reports[1]["hint"], "failed")
    ] * 2


def test_a_review_that_stops_the_run_is_reported_as_by_the_local_runner(workshop: Workshop) -> None:
    deliver(workshop, 600, light=0.4)
    reports = [workshop.run(runner=runner, code=3) for runner in ("beam", "local")]
    for report in reports:
        assert report["status"] == "blocked"
        assert states(report)["DataGate"] == "failed"
        assert {states(report)[name] for name in ("Transform", "Trainer", "Pusher")} == {"skipped"}
        assert "flowers review accept 2 --all-findings" in report["hint"]
        assert Path(report["reports"]["review"]).is_file()
    # The second run's review is a hit: the same page, and the gate fails again.
    assert [states(report)["DataReview"] for report in reports] == ["complete", "cached"]
    for key in ("error", "hint", "reports"):
        assert reports[0][key] == reports[1][key]


def test_a_node_that_fails_is_a_failed_run(workshop: Workshop) -> None:
    shard = next((workshop.data_root / "span-2").glob("train-*.tfrecord.gz"))
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-100])
    try:
        reports = [
            workshop.run("span_window=1", "ingest.csv=", f"pipeline_root={workshop.home / 'again'}", runner=runner, code=1)
            for runner in ("beam", "local")
        ]
    finally:
        shard.write_bytes(whole)
    for report in reports:
        assert states(report)["ImportExampleGen"] == "failed"
        assert states(report)["Trainer"] == "skipped"
        assert "The node ImportExampleGen failed" in report["error"]
        assert "\n" not in report["error"]


def test_an_engine_that_does_not_answer_stops_the_run_before_it_starts(workshop: Workshop) -> None:
    for runner in ("beam", "local"):
        keys = ("beam.engine=portable", "beam.environment=loopback", "beam.job_endpoint=127.0.0.1:9")
        report = workshop.run(*keys, runner=runner, code=2)
        assert "127.0.0.1:9 (beam.job_endpoint)" in report["error"]
        assert "nodes" not in report
