"""The compiled package from start to end under `kfp.local`, each step in a process or container of its own through its real command, on the
real photos, beside the local runner. In this order: the second delivery meets the baseline that the first one published."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageEnhance

from benchmarks import node_digests, runners
from flowers_tfx import registry
from flowers_tfx.review.stored_reviews import require_review
from tests.e2e.conftest import round_floats
from tests.e2e.kfp_local import PackageFailed, Step, Unavailable, kfp_python, run_package

FIRST, NEW = 40, 10  # photos of each class
# Where and when, and the version of the registry, which is a time.
OF_THE_RUN = {"created", "run_id"}

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.long, pytest.mark.photos, pytest.mark.timeout(3600)]


@dataclass
class Bench:
    """A delivery, and a run of it on either side; each has a data root and a registry of its own."""

    home: Path
    photos: Path
    delivered: list[str] = field(default_factory=list)

    def deliver(self, first: int, count: int, light: float = 1.0) -> None:
        for folder in sorted(path for path in self.photos.iterdir() if path.is_dir()):
            (self.home / "photos" / folder.name).mkdir(parents=True, exist_ok=True)
            for photo in sorted(folder.glob("*.jpg"))[first : first + count]:
                copy = Path(shutil.copy(photo, self.home / "photos" / folder.name))
                if light != 1.0:
                    with Image.open(photo) as image:
                        ImageEnhance.Brightness(image).enhance(light).save(copy, quality=90)
                self.delivered.append(f"{copy},{folder.name}\n")
        self.csv.write_text("".join(self.delivered))

    @property
    def csv(self) -> Path:
        return self.home / "all.csv"

    def local(self) -> dict[str, Any]:
        place = self.home / "local"
        place.mkdir(exist_ok=True)
        where = [f"data_root={place / 'data'}", f"registry={place / 'registry'}", f"pipeline_root={place / 'pipeline'}"]
        report = runners.flowers(place / "run.log", "run", "--json", settings=[*where, f"ingest.csv={self.csv}"])
        values: dict[str, Any] = json.loads(report)
        return values

    def local_outputs(self, node: str) -> dict[str, Path]:
        return runners.kept(self.home / "local" / "pipeline" / node)

    def package(self, *settings: str, watch: Callable[[Step], None] = lambda _: None) -> dict[str, Step]:
        place = self.home / "kubeflow"
        package = runners.compiled(place, settings)
        where = {"data_root": str(place / "data"), "registry": str(place / "registry"), "csv": str(self.csv), "span_window": "all"}
        return run_package(package, self.home, where, watch)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Bench:
    try:
        kfp_python()
    except Unavailable as reason:
        pytest.skip(str(reason))
    return Bench(tmp_path_factory.mktemp("bench"), shared / "flower_photos")


def both(bench: Bench) -> tuple[dict[str, Any], dict[str, Step]]:
    with ThreadPoolExecutor() as side_by_side:
        locally, packaged = side_by_side.submit(bench.local), side_by_side.submit(bench.package)
        report, steps = locally.result(), packaged.result()
    assert report["status"] == "succeeded"
    assert set(steps) == set(report["nodes"])
    assert {step.code for step in steps.values()} == {0}
    return report, steps


def read(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def differing(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> set[str]:
    return {key for key in {*mine, *theirs} if round_floats(mine.get(key)) != round_floats(theirs.get(key))}


def assert_equal_results(bench: Bench, report: dict[str, Any], steps: dict[str, Step]) -> None:
    local = {node: bench.local_outputs(node) for node in steps}
    published = [runners.published(bench.home, side)["in the registry"] for side in ("local", "kubeflow")]
    assert node_digests.digest(node_digests.content(published[0])) == node_digests.digest(node_digests.content(published[1]))
    for node, step in steps.items():
        assert node_digests.digests(runners.outputs_of(step)) == node_digests.digests(local[node]), node

    evaluations = read(local["Evaluator"]["evaluation"] / "report.json"), read(steps["Evaluator"].folder / "evaluation" / "report.json")
    assert node_digests.stable(evaluations[0]) == node_digests.stable(evaluations[1])
    assert evaluations[1]["accuracy"] == report["metrics"]["accuracy"]
    assert evaluations[1]["blessed"] is report["blessed"] is True
    assert (steps["Evaluator"].folder / "blessing" / "BLESSED").exists()

    reviews = read(local["DataReview"]["report"] / "review.json"), read(steps["DataReview"].folder / "report" / "review.json")
    assert differing(*reviews) <= {*OF_THE_RUN, "compared_with", "harm", "digest"}  # the digest covers the version that was asked
    assert differing(*(review["harm"] or {} for review in reviews)) <= {"version"}
    assert reviews[1]["run_id"] == steps["DataReview"].folder.parent.name
    assert differing(reviews[0]["compared_with"], reviews[1]["compared_with"]) <= {"version", "digest"}


def test_the_first_delivery_publishes_the_same_model(bench: Bench) -> None:
    bench.deliver(0, FIRST)
    report, steps = both(bench)
    assert_equal_results(bench, report, steps)
    (version,) = registry.versions(str(bench.home / "kubeflow" / "registry"))
    assert registry.baseline_is_whole(str(bench.home / "kubeflow" / "registry"), version)


def test_new_photos_meet_the_baseline_of_the_first_run(bench: Bench) -> None:
    before = registry.versions(str(bench.home / "kubeflow" / "registry"))
    bench.deliver(FIRST, NEW)
    report, steps = both(bench)
    assert_equal_results(bench, report, steps)
    review = read(steps["DataReview"].folder / "report" / "review.json")
    assert int(review["compared_with"]["version"]) == before[-1]
    assert (review["compared_with"]["photos"], review["new"]["photos"]) == (5 * FIRST, 5 * NEW)
    assert read(steps["Evaluator"].folder / "evaluation" / "report.json")["baseline"]["accuracy"] == report["metrics"]["baseline_accuracy"]
    assert len(registry.versions(str(bench.home / "kubeflow" / "registry"))) == 2


def test_a_blocked_run_leaves_its_page(bench: Bench) -> None:
    """DataReview succeeds and DataGate fails: nothing after it runs, and the page is with the review's step and in the data root."""
    before = registry.versions(str(bench.home / "kubeflow" / "registry"))
    bench.deliver(FIRST + NEW, NEW, light=0.3)
    steps: dict[str, Step] = {}
    with pytest.raises(PackageFailed, match="review accept 3 --all-findings"):
        bench.package(watch=lambda step: steps.update({step.node: step}))
    assert (steps["DataReview"].code, steps["DataGate"].code) == (0, 3)
    assert not {"Transform", "Trainer", "Evaluator", "Pusher", "PublishBaseline"} & set(steps)
    report = steps["DataReview"].folder / "report"
    assert read(report / "review.json")["verdict"] == "blocked"
    page = (report / "report.html").read_text(encoding="utf-8")
    assert "Training is blocked because " in page
    data_root = str(bench.home / "kubeflow" / "data")
    assert require_review(data_root, span=3).html.read_text() == page
    assert registry.versions(str(bench.home / "kubeflow" / "registry")) == before


def test_a_step_that_fails_ends_the_run_with_its_message(bench: Bench) -> None:
    whole = bench.csv.read_text()
    bench.csv.write_text("")
    try:
        with pytest.raises(PackageFailed, match="is empty"):
            bench.package()
    finally:
        bench.csv.write_text(whole)
