"""Three deliveries: clean; drifted, which the gate stops, and a reviewer accepts or rejects; clean again. In this order."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image, ImageEnhance

from tests.conftest import write_photos
from tests.e2e.conftest import Workshop, states

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PER_CLASS = 30


def deliver(shop: Workshop, first: int, light: float = 1.0) -> None:
    """A delivery of its own: the photos of before are not listed again."""
    shutil.rmtree(shop.photos, ignore_errors=True)
    write_photos(shop.photos, PER_CLASS, first=first)
    for path in shop.photos.glob("*/*.jpg") if light != 1 else ():
        with Image.open(path) as image:
            ImageEnhance.Brightness(image).enhance(light).save(path, quality=85)
    shop.flowers("dataset", "index", str(shop.photos), "--json")


def review(report: dict[str, Any]) -> dict[str, Any]:
    found = json.loads(Path(report["reports"]["review"]).with_name("review.json").read_text())
    assert isinstance(found, dict)
    return found


def page(report: dict[str, Any]) -> str:
    return Path(report["reports"]["review"]).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def shop(workshop: Workshop) -> Workshop:
    return workshop


@pytest.fixture(scope="module")
def other(shop: Workshop) -> Workshop:
    """The same world at the time of its blocked run, where the reviewer will decide otherwise."""
    home = shop.home.with_name(f"{shop.home.name}-other")
    home.mkdir()
    return Workshop(home)


def test_a_first_delivery_has_nothing_to_compare_with(shop: Workshop) -> None:
    deliver(shop, 0)
    report = shop.run()
    found = review(report)
    assert (report["status"], found["verdict"], found["compared_with"]["kind"]) == ("succeeded", "pass", "none")
    baseline = Path(report["pushed_model"]) / "assets.extra" / "baseline"
    facts = json.loads((baseline / "baseline.json").read_text())
    assert facts["photos"] == 3 * PER_CLASS
    assert [span["span"] for span in facts["spans"]] == [1]
    assert len(pd.read_parquet(baseline / "sample" / "photos.parquet")) == 3 * PER_CLASS
    assert (baseline / "schema" / "schema.pbtxt").is_file()
    assert list((baseline / "statistics").glob("Split-train/*"))


def test_drifted_photos_stop_the_run_before_transform(shop: Workshop, other: Workshop) -> None:
    deliver(shop, 600, light=0.4)
    report = shop.run(code=3)
    assert report["status"] == "blocked"
    nodes = states(report)
    assert (nodes["DataReview"], nodes["DataGate"]) == ("complete", "failed")
    assert {nodes[name] for name in ("Transform", "Trainer", "Evaluator", "Pusher", "PublishBaseline")} == {"skipped"}
    found = review(report)
    assert (found["verdict"], found["compared_with"]["kind"], found["new"]["spans"]) == ("blocked", "serving", [2])
    errors = [finding["id"] for finding in found["findings"] if finding["level"] == "error"]
    assert "property:mean_luma" in errors
    # The serving model was asked about every new photo, beside the figures of its card.
    (version,) = sorted(path for path in shop.registry.iterdir() if path.name.isdecimal())
    accuracy = json.loads((version / "assets.extra" / "card.json").read_text())["metrics"]["accuracy"]
    harm = found["harm"]
    assert (harm["version"], harm["photos"], harm["of"], harm["estimated"]) == (version.name, 3 * PER_CLASS, 3 * PER_CLASS, False)
    assert (harm["baseline_accuracy"], harm["baseline_photos"]) == (pytest.approx(accuracy["value"], abs=1e-5), accuracy["photos"])
    assert sum(part["photos"] for part in harm["per_class"].values()) == 3 * PER_CLASS
    assert errors[0] in report["error"]
    assert f"flowers review accept 2 --all-findings --reason TEXT --by NAME --config {shop.config}" in report["hint"]
    assert report["reports"]["review"] in report["hint"]
    assert "Blocked" in page(report)
    assert shop.status() == ("blocked", report["reports"]["review"])
    # ML Metadata has what the review made, as of any node that succeeded.
    kept = shop.flowers("runs", "show", "latest", "--config", str(shop.config), "--json")["nodes"]["DataReview"]
    (folder,) = (artifact["uri"] for artifact in kept["artifacts"] if artifact["key"] == "report")
    assert Path(folder, "report.html").read_text(encoding="utf-8") == page(report)
    shutil.copytree(shop.home, other.home, dirs_exist_ok=True)
    other.__post_init__()


def test_a_second_run_is_blocked_again_and_does_nothing_else(shop: Workshop) -> None:
    before = shop.flowers("review", "--config", str(shop.config), "--json")["report"]
    report = shop.run(code=3)
    nodes = states(report)
    assert {node for node, state in nodes.items() if state == "complete"} == set()
    assert (nodes["DataReview"], nodes["DataGate"], report["reports"]["review"]) == ("cached", "failed", before)
    assert before in report["hint"]
    assert shop.status() == ("blocked", before)


def test_accepted_findings_let_the_span_pass_and_nothing_before_the_review_runs_again(shop: Workshop) -> None:
    found = shop.flowers("review", "--config", str(shop.config), "--json")
    errors = [finding["id"] for finding in found["findings"] if finding["level"] == "error"]
    config = ("--config", str(shop.config))
    shop.flowers("review", "accept", "2", "--finding", "no-such", "--reason", "r", "--by", "Ada", *config, "--json", code=2)
    output = shop.flowers("review", "accept", "2", "--all-findings", "--reason", "evening light", "--by", "Ada", *config, "--json")
    assert output["findings"] == errors
    report = shop.run()
    nodes = states(report)
    assert report["status"] == "succeeded"
    before = {"IngestImages", "Baseline", "ImportExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator", "DriftValidator"}
    assert {nodes[name] for name in before} == {"cached"}
    assert {nodes[name] for name in ("DataReview", "DataGate", "Transform", "Trainer")} == {"complete"}
    assert review(report)["decisions"][0]["reason"] == "evening light"
    assert all(finding["accepted"] for finding in review(report)["findings"] if finding["level"] == "error")
    assert "evening light" in page(report)
    assert "Ada" in page(report)


@pytest.mark.one_stack
def test_a_clean_delivery_passes_after_that(shop: Workshop) -> None:
    deliver(shop, 1200)
    report = shop.run()
    assert report["status"] == "succeeded"
    assert review(report)["new"]["spans"] == [3]
    assert review(report)["verdict"] != "blocked"
    rows = shop.flowers("spans", "--config", str(shop.config), "--json")
    assert [row["span"] for row in rows] == [1, 2, 3]
    assert (rows[0]["verdict"], rows[2]["verdict"]) == ("pass", review(report)["verdict"])
    assert rows[1]["verdict"] in ("pass", "warn")  # every error was accepted
    runs = shop.flowers("runs", "--config", str(shop.config), "--json")
    assert [run["status"] for run in runs] == ["succeeded", "succeeded", "blocked", "blocked", "succeeded"]
    pages = [run["review"] for run in runs]
    assert pages[2] == pages[3]  # the second blocked run's review was a hit
    assert len(set(pages)) == 4  # none took the place of another
    assert rows[1]["decisions"][0]["by"] == "Ada"


@pytest.mark.one_stack
def test_a_rejected_span_leaves_the_window_and_the_run_goes_on(other: Workshop) -> None:
    other.flowers("review", "reject", "2", "--reason", "too dark", "--by", "Bo", "--config", str(other.config), "--json")
    deliver(other, 1200)
    report = other.run()
    assert report["status"] == "succeeded"
    found = review(report)
    assert (found["new"]["spans"], found["verdict"]) == ([3], "pass")
    entry = json.loads((Path(report["pushed_model"]) / "assets.extra" / "registry.json").read_text())
    assert [span["span"] for span in entry["spans"]] == [1, 3]
    rows = other.flowers("spans", "--config", str(other.config), "--json")
    assert [row["rejected_by_reviewer"] for row in rows] == [False, True, False]


@pytest.mark.one_stack
def test_a_damaged_serving_model_is_seen_without_new_photos_too(other: Workshop) -> None:
    """Only the recipe changed: there is nothing to compare but the models, and one of them is broken."""
    model = other.registry / str(other.versions()[-1]) / "saved_model.pb"
    whole = model.read_bytes()
    model.write_bytes(whole + b"broken")
    found = review(other.run("training.seed=4", code=3))
    assert [finding["id"] for finding in found["findings"] if finding["level"] == "error"] == [f"schema:baseline:{other.versions()[-1]}"]
    model.write_bytes(whole)


@pytest.mark.one_stack
@pytest.mark.parametrize("damaged", ["registry.json", pytest.param("baseline/sample/photos.parquet", marks=pytest.mark.long)])
def test_a_damaged_serving_model_stops_the_run_until_a_reviewer_accepts_it(other: Workshop, damaged: str) -> None:
    (other.registry / str(other.versions()[-1]) / "assets.extra" / damaged).write_bytes(b"broken")
    deliver(other, 1800 if damaged == "registry.json" else 2400)
    found = review(other.run("training.seed=3", code=3))
    errors = [finding["id"] for finding in found["findings"] if finding["level"] == "error"]
    assert errors == [f"schema:baseline:{other.versions()[-1]}"]
    newest = str(found["new"]["spans"][-1])
    words = ("--finding", *errors, "--reason", "restored", "--by", "Ada", "--config", str(other.config), "--json")
    other.flowers("review", "accept", newest, *words)
    report = other.run("training.seed=3")
    assert report["status"] == "succeeded"
    assert report["pushed_model"]


@pytest.mark.long
def test_two_deliveries_before_the_first_model(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The newest span is compared with the one before it, and a decision on the newest alone lets it pass."""
    shop = Workshop(tmp_path_factory.mktemp("before-the-first"))
    for first, light in ((0, 1.0), (600, 0.4)):
        deliver(shop, first, light)
        shop.flowers("ingest", "--config", str(shop.config), "--json")
    found = review(shop.run(code=3))
    assert (found["compared_with"]["kind"], found["new"]["spans"]) == ("span", [2])
    errors = [finding["id"] for finding in found["findings"] if finding["level"] == "error"]
    shop.flowers("review", "accept", "2", "--finding", *errors, "--reason", "dusk", "--by", "Ada", "--config", str(shop.config), "--json")
    assert shop.run()["status"] == "succeeded"
