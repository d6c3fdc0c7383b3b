"""What makes a node run again and what does not, on both runners, and the cause that `flowers runs why` names. The first nodes of the real
pipeline, in this process. In this order."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flowers_tfx.config import load_config
from flowers_tfx.data.index import index_folder
from flowers_tfx.orchestration.node_explanation import explain_node
from flowers_tfx.orchestration.run_history import past_run
from flowers_tfx.orchestration.run_options import RunOptions
from flowers_tfx.orchestration.run_report import RunReport
from runners import beam, local
from tests.conftest import ROOT, small_photo, write_photos
from tests.edited_program import edit_copy

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.one_stack]

LAST = "ExampleValidator"
NODES = {"IngestImages", "SelectInputs", "ImportExampleGen", "ImportSchemaGen", "StatisticsGen", "ExampleValidator"}
FROM_EXAMPLES = {"ImportExampleGen", "StatisticsGen", "ExampleValidator"}
FROM_SCHEMA = {"ImportSchemaGen", "StatisticsGen", "ExampleValidator"}
RUNNERS = {"local": local.run, "beam": beam.run}


@dataclass
class Pipeline:
    """A delivery, and runs of the pipeline's first nodes on it."""

    home: Path
    run_nodes: Callable[..., RunReport]
    settings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        write_photos(self.home / "photos", 12)
        index_folder(self.home / "photos")

    def config(self, *settings: str) -> Any:
        places = [f"{key}={self.home / key}" for key in ("data_root", "pipeline_root", "registry")]
        delivery = [f"ingest.csv={self.home}/photos/all_data.csv", f"ingest.labels={self.home}/photos/dict.txt"]
        return load_config(None, [*places, *delivery, "model.weights=none", "model.image_size=32", *self.settings, *settings])

    def run(self, *settings: str, to_node: str = LAST, **options: Any) -> set[str]:
        """The nodes that ran, and were not taken from the cache."""
        report = self.run_nodes(self.config(*settings), lambda *_: None, RunOptions(to_node=to_node, **options))
        assert report.status == "succeeded", report.error
        self.report = report
        return {node_id for node_id, node in report.nodes.items() if node.state == "complete"}

    def why(self, node_id: str, run_id: str = "latest") -> dict[str, Any]:
        return explain_node(self.config(), node_id, run_id).as_json()

    def cause(self, node_id: str) -> tuple[str, str]:
        """Kind and name of the one reason for which a node ran."""
        explanation = self.why(node_id)
        assert explanation["state"] == "ran"
        (reason,) = explanation["reasons"]
        return reason["kind"], reason["name"]

    def output(self, node_id: str, key: str) -> Path:
        artifact = past_run(self.config(), "latest").record.nodes[node_id].output(key)
        assert artifact is not None
        return Path(artifact.uri)


# That TFX's launcher still calls what we replace shows with either runner.
@pytest.fixture(scope="module", params=[pytest.param("beam", marks=pytest.mark.long), "local"])
def pipeline(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return Pipeline(tmp_path_factory.mktemp(request.param), RUNNERS[request.param])


def test_a_first_run_runs_everything_that_it_reaches(pipeline: Pipeline) -> None:
    assert pipeline.run() == NODES
    assert {node_id for node_id, node in pipeline.report.nodes.items() if node.state == "skipped"} >= {"Trainer", "SchemaGen"}
    assert pipeline.why("ImportExampleGen") == {
        "node": "ImportExampleGen",
        "state": "ran",
        "reasons": [{"kind": "first", "name": "ImportExampleGen", "before": None, "after": None}],
        "compared_with": None,
    }


def test_touched_files_are_hits(pipeline: Pipeline) -> None:
    first = pipeline.report.run_id
    for path in [*(pipeline.home / "photos").rglob("*"), *(pipeline.home / "data_root").rglob("*")]:
        os.utime(path)
    assert pipeline.run() == set()
    for node_id in NODES:
        assert pipeline.why(node_id) == {"node": node_id, "state": "cached", "reasons": [], "compared_with": first}


def test_other_bytes_of_the_same_size_and_time_are_a_miss(pipeline: Pipeline) -> None:
    photo = pipeline.home / "photos" / "daisy" / "0003.jpg"
    before = photo.stat()
    changed = bytearray(photo.read_bytes())
    changed[-40] ^= 0x01
    photo.write_bytes(bytes(changed))
    os.utime(photo, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert photo.stat().st_size == before.st_size
    assert pipeline.run() == FROM_EXAMPLES | {"IngestImages", "SelectInputs"}
    assert pipeline.cause("IngestImages") == ("input", "delivery")
    assert pipeline.cause("SelectInputs") == pipeline.cause("ImportExampleGen") == ("input", "window.1")
    assert pipeline.cause("StatisticsGen") == ("input", "examples")
    (reason,) = pipeline.why("StatisticsGen")["reasons"]
    assert reason["before"].startswith("sha256:")
    assert reason["after"] != reason["before"]


def test_a_new_photo_is_a_miss(pipeline: Pipeline) -> None:
    (pipeline.home / "photos" / "roses" / "new.jpg").write_bytes(small_photo(7777, hue=1))
    index_folder(pipeline.home / "photos")
    assert pipeline.run() == FROM_EXAMPLES | {"IngestImages", "SelectInputs"}
    assert pipeline.cause("IngestImages") == ("input", "delivery")
    assert pipeline.cause("ImportExampleGen") == ("input", "window.2")


def test_a_changed_setting_is_a_miss_of_the_nodes_that_read_it(pipeline: Pipeline, tmp_path: Path) -> None:
    schema = tmp_path / "schema.pbtxt"
    text = (ROOT / "schema" / "schema.pbtxt").read_text()
    schema.write_text(f"{text}# a comment\n")
    assert pipeline.run(f"schema={schema}", "span_window=3", "training.seed=5") == set()
    schema.write_text(f'{text}feature {{ name: "extra" type: INT }}\n')
    assert pipeline.run(f"schema={schema}") == FROM_SCHEMA
    assert pipeline.cause("ImportSchemaGen") == ("property", "schema_text")
    assert pipeline.cause("StatisticsGen") == ("input", "schema")
    assert pipeline.run() == set()


@pytest.mark.parametrize("whole_folder", [True, False])
def test_a_deleted_output_is_a_miss(pipeline: Pipeline, whole_folder: bool) -> None:
    output = pipeline.output("ExampleValidator", "anomalies")
    if whole_folder:
        shutil.rmtree(output)
    else:
        next(path for path in output.rglob("*") if path.is_file()).unlink()
    assert pipeline.run() == {"ExampleValidator"}
    assert pipeline.cause("ExampleValidator") == ("missing", "anomalies")
    assert pipeline.why("ExampleValidator")["reasons"][0]["before"] == str(output)
    assert pipeline.run() == set()


def test_changed_code_is_a_miss_of_the_nodes_that_run_it(pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit_copy(monkeypatch, tmp_path, "flowers_tfx/components/import_schema_gen.py")
    assert pipeline.run() == FROM_SCHEMA
    assert pipeline.cause("ImportSchemaGen") == ("code", "flowers_tfx/components/import_schema_gen.py")
    assert pipeline.cause("StatisticsGen") == ("input", "schema")


def test_results_expire_and_those_of_other_nodes_do_not(pipeline: Pipeline) -> None:
    lasting, expiring = "caching.nodes={ExampleValidator: P10000D}", "caching.nodes={ExampleValidator: PT1S}"
    pipeline.run()
    assert "ExampleValidator" in pipeline.run(lasting)
    assert pipeline.cause("ExampleValidator") == ("property", "max_staleness")
    assert pipeline.run(lasting) == set()
    assert "ExampleValidator" in pipeline.run(expiring)
    time.sleep(1)
    assert {"SelectInputs", "ExampleValidator"} == pipeline.run(expiring)
    assert pipeline.cause("ExampleValidator") == pipeline.cause("SelectInputs") == ("age", "max_staleness")
    (reason,) = pipeline.why("ExampleValidator")["reasons"]
    assert reason["before"] < reason["after"]
    assert reason["after"].endswith("Z/PT1S")


def test_a_duration_of_zero_is_never_a_hit(pipeline: Pipeline) -> None:
    for _ in range(2):
        assert pipeline.run("caching.nodes={ExampleValidator: P0D}") >= {"ExampleValidator"}
        assert pipeline.cause("ExampleValidator") == ("age", "max_staleness")


def test_what_was_not_to_be_cached_runs_and_its_result_is_a_later_hit(pipeline: Pipeline) -> None:
    pipeline.run()
    assert pipeline.run(no_cache=("ExampleValidator",)) == {"ExampleValidator"}
    assert pipeline.cause("ExampleValidator") == ("forced", "--no-cache")
    forced = pipeline.report.run_id
    assert pipeline.run() == set()
    assert pipeline.why("ExampleValidator")["compared_with"] == forced
    assert pipeline.why("ExampleValidator", forced)["state"] == "ran"


def test_a_part_runs_on_the_outputs_of_an_earlier_run(pipeline: Pipeline) -> None:
    source = pipeline.report.run_id
    assert pipeline.run(from_node="StatisticsGen", no_cache=("StatisticsGen",)) == {"StatisticsGen", "ExampleValidator"}
    assert pipeline.report.outputs_of == source
    assert pipeline.report.nodes["ImportExampleGen"].state == "cached"
    assert pipeline.cause("ExampleValidator") == ("input", "statistics")
    assert pipeline.why("ImportExampleGen")["state"] == "cached"
    assert past_run(pipeline.config(), "latest").record.nodes["ImportExampleGen"].parameters["window"]


def test_a_changed_template_is_a_miss_of_the_node_that_renders_it(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "DataReview" in pipeline.run(to_node="DataReview")
    edit_copy(monkeypatch, tmp_path, "flowers_tfx/reports/templates/review.html.j2")
    assert pipeline.run(to_node="DataReview") == {"DataReview"}
    assert pipeline.cause("DataReview") == ("code", "flowers_tfx/reports/templates/review.html.j2")
