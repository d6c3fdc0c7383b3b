"""A bad run ends with one sentence, before any training; its exit code shows whether the input or the program is at fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import write_photos
from tests.e2e.conftest import Workshop, states

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.one_stack]


@pytest.fixture()
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def test_an_empty_delivery(workshop: Workshop) -> None:
    workshop.deliver(1)
    (workshop.photos / "all_data.csv").write_text("")
    report = workshop.run(code=2)
    assert "is empty" in report["error"]
    assert report["status"] == "failed"
    assert states(report)["Trainer"] == "skipped"


def test_a_delivery_of_one_class(workshop: Workshop) -> None:
    write_photos(workshop.photos, 30, classes=("roses",))
    workshop.flowers("dataset", "index", str(workshop.photos), "--json")
    report = workshop.run(code=2)
    assert "all of one class (roses)" in report["error"]
    assert report["hint"]
    assert states(report)["Trainer"] == "skipped"
    assert states(report)["SelectInputs"] == "failed"


def test_no_span_and_no_delivery(workshop: Workshop) -> None:
    report = workshop.run("ingest.csv=", code=2)
    assert "holds no span" in report["error"]


def test_what_is_found_before_anything_starts(workshop: Workshop) -> None:
    workshop.deliver(1)
    weights = workshop.home / "w.h5"
    weights.write_text("not HDF5")
    for override, word in (
        ("ingest.csv=absent.csv", "absent.csv"),
        (f"model.weights={weights}", "HDF5"),
        ("pipeline_root=gs://bucket/x", "pipeline root"),
        ("registry=ftp://host/x", "ftp"),
        ("registry=/proc/nowhere", "/proc/nowhere"),
    ):
        report = workshop.run(override, code=2)
        assert word in report["error"]
        assert "nodes" not in report


def test_a_node_that_fails_is_a_failed_run_with_a_log(workshop: Workshop) -> None:
    workshop.deliver(30)
    report = workshop.flowers("ingest", "--config", str(workshop.config), "--json")
    shard = next((workshop.data_root / f"span-{report['span']}").glob("train-*.tfrecord.gz"))
    shard.write_bytes(shard.read_bytes()[:-100])
    report = workshop.run(code=1)
    assert report["status"] == "failed"
    assert states(report)["ImportExampleGen"] == "failed"
    assert states(report)["Trainer"] == "skipped"
    assert "ImportExampleGen" in report["error"]
    assert report["pushed_model"] is None
    assert workshop.versions() == []


def test_ingest_by_its_own_arguments(workshop: Workshop) -> None:
    """Names that YAML would read as something else are names."""
    workshop.deliver(2)
    delivery = workshop.home / "2026-01-01"
    delivery.mkdir()
    (delivery / "true").write_text((workshop.photos / "all_data.csv").read_text() + "absent.jpg,roses\n")
    place = ("--csv", str(delivery / "true"), "--labels", str(workshop.photos / "dict.txt"), "--data-root", str(workshop.data_root))
    report = workshop.flowers("ingest", *place, "--json")
    assert {key: report[key] for key in ("span", "examples", "known", "duplicates", "rejected")} == {
        "span": 1,
        "examples": 6,
        "known": 0,
        "duplicates": 0,
        "rejected": 1,
    }
    assert sum(report["splits"].values()) == 6
    assert report["data_root"] == str(workshop.data_root)
    again = workshop.flowers("ingest", *place, "--json")
    assert (again["span"], again["digest"], again["examples"], again["known"]) == (None, None, 0, 6)
    assert set(again) == {"span", "examples", "known", "duplicates", "rejected", "splits", "digest", "data_root", "seconds"}
    assert "exists already" in workshop.flowers("ingest", *place, "--span", "1", "--json", code=2)["error"]
    assert workshop.flowers("ingest", *place[:4], "--data-root", str(workshop.home / "other"), "--span", "7", "--json")["span"] == 7
