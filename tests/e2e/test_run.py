"""The pipeline from a delivery to a prediction, and what a second look at an unchanged or a changed world does. In this order."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from pathlib import Path

import httpx
import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from flowers_tfx.data.photos import split_of
from tests.conftest import ROOT, small_photo
from tests.e2e.conftest import Workshop, states
from tests.serving_process import ServingProcess, serving_process

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

FROM_TRAINER = {"Trainer", "ParityValidator", "Evaluator", "Pusher", "PublishBaseline"}


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """The one whose model is asked for answers: it has to tell classes apart."""
    return Workshop(tmp_path_factory.mktemp("workshop"), epochs=14)


@pytest.fixture(scope="module")
def shown(workshop: Workshop) -> dict:
    """The first run, as the tests right after it find it."""
    run: dict = workshop.flowers("runs", "show", "latest", "--config", str(workshop.config), "--json")
    return run


def why(workshop: Workshop, node: str) -> list[dict]:
    explanation = workshop.flowers("runs", "why", node, "--config", str(workshop.config), "--json")
    assert explanation["state"] == "ran"
    return explanation["reasons"]


def missed(report: dict) -> set[str]:
    return {node for node, state in states(report).items() if state != "cached"}


def _mislabel_a_test_photo(workshop: Workshop) -> None:
    """A daisy among the tulips of the test split: no model of such small photos answers all of it right, whatever the machine."""
    seeds = range(100_000, 101_000)
    odd = next(photo for seed in seeds if split_of(hashlib.sha256(photo := small_photo(seed, hue=0)).digest(), "") == "test")
    (workshop.photos / "tulips").mkdir(parents=True)
    (workshop.photos / "tulips" / "odd.jpg").write_bytes(odd)


def test_from_photos_to_a_published_model(workshop: Workshop) -> None:
    _mislabel_a_test_photo(workshop)
    workshop.deliver(30)
    report = workshop.run()
    assert report["status"] == "succeeded"
    assert set(states(report).values()) == {"complete"}
    assert report["blessed"] is True
    assert [Path(report["pushed_model"])] == [workshop.registry / str(v) for v in workshop.versions()]
    assert report["metrics"]["examples"] == sum(
        json.loads((workshop.data_root / "span-1" / "manifest.json").read_text())["splits"][s] for s in ["test"]
    )
    page = Path(report["reports"]["evaluation"]).read_text()
    assert "<html" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_the_published_model_answers_as_evaluated_photo_by_photo(workshop: Workshop, shown: dict) -> None:
    """Both signatures on the same photos: Examples, as Evaluator asks, and raw bytes, as TF Serving asks."""
    model = tf.saved_model.load(str(workshop.registry / str(workshop.versions()[-1])))
    labels = (workshop.registry / str(workshop.versions()[-1]) / "assets.extra" / "labels.txt").read_text().splitlines()
    records = [
        record.numpy()
        for path in sorted(workshop.data_root.glob("span-1/test-*.tfrecord.gz"))
        for record in tf.data.TFRecordDataset(str(path), compression_type="GZIP")
    ]
    examples = [tf.train.Example.FromString(record) for record in records]
    photos = [example.features.feature["image"].bytes_list.value[0] for example in examples]
    truth = [example.features.feature["label"].bytes_list.value[0].decode() for example in examples]
    evaluated = model.signatures["serving_examples"](examples=tf.constant(records))["probabilities"].numpy()
    served = model.signatures["serving_default"](image_bytes=tf.constant(photos))
    assert served["probabilities"].numpy() == pytest.approx(evaluated, abs=1e-6)
    assert [label.decode() for label in served["label"].numpy()] == [labels[i] for i in evaluated.argmax(axis=1)]
    one_by_one = [model.signatures["serving_default"](image_bytes=tf.constant([photo]))["probabilities"].numpy() for photo in photos]
    assert np.concatenate(one_by_one) == pytest.approx(evaluated, abs=1e-5)
    assert len(set(evaluated.argmax(axis=1))) > 1, "a model that always says the same would pass this test whatever it is asked"
    right = sum(label.decode() == t for label, t in zip(served["label"].numpy(), truth, strict=True))
    evaluation = next(a["uri"] for a in shown["nodes"]["Evaluator"]["artifacts"] if a["key"] == "evaluation")
    assert json.loads((Path(evaluation) / "report.json").read_text())["accuracy"] == pytest.approx(right / len(photos))


def test_the_pushed_version_has_the_certificate_that_the_report_shows(workshop: Workshop, shown: dict) -> None:
    version = workshop.registry / str(workshop.versions()[-1])
    parity = json.loads((version / "assets.extra" / "parity.json").read_text())
    photos = json.loads((workshop.data_root / "span-1" / "manifest.json").read_text())["splits"]["test"]
    assert parity["photos"]["test"] == {"compared": photos, "of": photos}
    assert parity["photos"]["difficult"]["compared"] > 0
    assert parity["pixels"]["largest"] == 0
    assert 0 < max(difference["largest"] for difference in parity["probability"].values()) < 1e-4
    record = json.loads((version / "assets.extra" / "litert.json").read_text())
    assert parity["digests"] == {"saved_model": record["saved_model"], **record["litert"]}
    evaluation = Path(next(a["uri"] for a in shown["nodes"]["Evaluator"]["artifacts"] if a["key"] == "evaluation"))
    assert json.loads((evaluation / "report.json").read_text())["parity"] == parity
    assert "Does it answer the same everywhere?" in (evaluation / "report.html").read_text()


def test_the_card_agrees_with_the_evaluation(workshop: Workshop, shown: dict) -> None:
    version = workshop.registry / str(workshop.versions()[-1])
    card = json.loads((version / "assets.extra" / "card.json").read_text())
    evaluation = Path(next(a["uri"] for a in shown["nodes"]["Evaluator"]["artifacts"] if a["key"] == "evaluation"))
    report = json.loads((evaluation / "report.json").read_text())
    assert card["metrics"]["accuracy"] == {"value": report["accuracy"], "interval": report["interval"], "photos": report["examples"]}
    assert card["metrics"]["confusion"] == report["confusion"]
    assert card["calibration"]["error"] == report["calibration_error"]
    assert card["parity"] == report["parity"]
    assert card["model"]["version"] == int(version.name)
    manifest = json.loads((workshop.data_root / "span-1" / "manifest.json").read_text())
    assert card["data"]["spans"][0]["label_counts_by_split"] == manifest["label_counts_by_split"]
    assert card["lineage"]["spans"] == [{"span": 1, "digest": manifest["digest"]}]
    assert f"Model card: version {version.name}" in (version / "assets.extra" / "card.html").read_text()


def test_transformed_pictures_are_the_ones_that_are_served(workshop: Workshop, shown: dict) -> None:
    from flowers_tfx.model.picture_graph import prepare_picture
    from flowers_tfx.model.preprocessing import parse_transformed

    home = next(a["uri"] for a in shown["nodes"]["Transform"]["artifacts"] if a["key"] == "transformed_examples")
    transformed = {
        parse_transformed(record, 32)[0].numpy().tobytes()
        for path in Path(home, "Split-train").iterdir()
        for record in tf.data.TFRecordDataset(str(path), compression_type="GZIP")
    }
    served = set()
    for path in workshop.data_root.glob("span-1/train-*.tfrecord.gz"):
        for record in tf.data.TFRecordDataset(str(path), compression_type="GZIP"):
            photo = tf.train.Example.FromString(record.numpy()).features.feature["image"].bytes_list.value[0]
            served.add(prepare_picture(tf.constant(photo), 32).numpy().tobytes())
    assert transformed == served


def test_nothing_new_runs_nothing(workshop: Workshop) -> None:
    """Touched files, another order of the lines and other workers change nothing either."""
    for path in [*workshop.photos.rglob("*"), *workshop.data_root.rglob("*")]:
        os.utime(path)
    csv = workshop.photos / "all_data.csv"
    csv.write_text("".join(reversed(csv.read_text().splitlines(keepends=True))))
    before = workshop.versions()
    report = workshop.run("beam.workers=2")
    assert missed(report) == set()
    assert report["blessed"] is True
    assert report["metrics"]["accuracy"] is not None
    assert workshop.versions() == before


def test_predict_asks_the_newest_model(workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "good.jpg").write_bytes(small_photo(5, hue=1))
    (tmp_path / "bad.jpg").write_text("<html>")
    rows = workshop.flowers("predict", str(tmp_path), str(tmp_path / "absent.jpg"), "--set", f"registry={workshop.registry}", "--json")
    bad, good, absent = rows
    assert good["file"].endswith("good.jpg")
    assert good["probability"] == max(good["probabilities"].values()) == good["probabilities"][good["label"]]
    assert good["model_version"] == str(workshop.versions()[-1])
    assert sum(good["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert "not a picture" in bad["error"]
    assert "no such file" in absent["error"]


@pytest.mark.one_stack
def test_a_setting_misses_from_the_node_that_it_matters_to(workshop: Workshop) -> None:
    before = workshop.versions()
    report = workshop.run("evaluation.min_accuracy=1.0", "evaluation.max_drop=0.5")
    assert missed(report) == {"Evaluator", "Pusher", "PublishBaseline"}
    assert report["status"] == "succeeded"
    assert report["blessed"] is False
    assert report["pushed_model"] is None
    assert workshop.versions() == before
    changed = {reason["name"]: reason["after"] for reason in why(workshop, "Evaluator") if reason["kind"] == "property"}
    assert changed.items() >= {"max_drop": 0.5, "min_accuracy": 1.0}.items()


@pytest.mark.one_stack
def test_changed_code_misses_from_the_node_that_runs_it(workshop: Workshop, tmp_path: Path) -> None:
    for name in ("flowers_tfx", "runners", "schema"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pipeline_def.py", tmp_path)
    assert missed(workshop.run(cwd=tmp_path)) == set()
    with (tmp_path / "flowers_tfx" / "model" / "training.py").open("a") as source:
        source.write("\n# edited\n")
    # The serving model was made by other code: it is the baseline now, hence SelectInputs, and what follows it by TFX's artifact ids.
    report = workshop.run(cwd=tmp_path)
    assert FROM_TRAINER | {"SelectInputs", "Baseline"} <= missed(report)
    assert {"ImportSchemaGen", "IngestImages"}.isdisjoint(missed(report))
    assert report["metrics"]["baseline_accuracy"] is not None
    assert [(reason["kind"], reason["name"]) for reason in why(workshop, "Trainer")] == [("code", "flowers_tfx/model/training.py")]


def _answering_version(server: ServingProcess) -> str:
    answer = httpx.post(f"{server.url}/predict", content=small_photo(1), headers={"Content-Type": "image/jpeg"})
    return answer.json()["model_version"]


def _run_beside_a_server(workshop: Workshop) -> dict:
    """A run that pushes while `flowers serve` answers. What it pushes does not serve while another version is pinned."""
    before = workshop.versions()[-1]
    where = ("--set", f"registry={workshop.registry}", "--json")
    with serving_process(workshop.registry, "--set", "serving.poll_s=0.2") as server:
        assert workshop.flowers("registry", "pin", str(before), *where)["serving"] == before
        report = workshop.run()
        pushed = workshop.versions()[-1]
        assert f"Version {pushed} is in the registry and does not serve: version {before} is pinned" in workshop.stderr
        assert f"flowers registry unpin --config {workshop.config}" in workshop.stderr
        (row,) = workshop.flowers("predict", str(workshop.photos / "daisy" / "0000.jpg"), *where)
        assert row["model_version"] == _answering_version(server) == server.version == str(before)
        assert workshop.flowers("registry", "unpin", *where)["serving"] == pushed
        deadline = time.monotonic() + 120
        while _answering_version(server) != str(pushed):
            assert time.monotonic() < deadline, "the pushed version does not answer"
            time.sleep(0.05)
    return report


@pytest.mark.one_stack
def test_new_photos_make_a_span_and_the_next_run_trains_on_both(workshop: Workshop) -> None:
    """New ones by their content: a photo whose bytes changed, and neither its size nor its time, is one of them."""
    photo = workshop.photos / "daisy" / "0003.jpg"
    before = photo.stat()
    changed = bytearray(photo.read_bytes())
    changed[-40] ^= 0x01
    photo.write_bytes(bytes(changed))
    os.utime(photo, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert photo.stat().st_size == before.st_size
    workshop.deliver(4, first=500)
    assert photo.read_bytes() == changed
    report = _run_beside_a_server(workshop)
    assert missed(report) >= {"IngestImages", "SelectInputs", "ImportExampleGen", "StatisticsGen", "Transform"} | FROM_TRAINER
    assert "ImportSchemaGen" not in missed(report)
    manifests = [json.loads((workshop.data_root / f"span-{n}" / "manifest.json").read_text()) for n in (1, 2)]
    assert manifests[1]["examples"] == 12 + 1
    entry = json.loads((Path(report["pushed_model"]) / "assets.extra" / "registry.json").read_text())
    assert [span["digest"] for span in entry["spans"]] == [manifest["digest"] for manifest in manifests]
    assert report["metrics"]["baseline_accuracy"] is not None


@pytest.mark.one_stack
def test_what_gc_leaves_of_that_run_is_enough_for_a_run_without_work(workshop: Workshop) -> None:
    shown = workshop.flowers("gc", "--yes", "--config", str(workshop.config), "--set", "retention.runs=1", "--json")
    assert any(row["kind"] == "artifact" for row in shown["removed"]), "the runs before had artifacts of their own"
    assert missed(workshop.run()) == set()


def test_a_version_that_is_gone_from_the_registry_is_pushed_again(workshop: Workshop) -> None:
    newest = workshop.registry / str(workshop.versions()[-1])
    shutil.rmtree(newest)
    report = workshop.run()
    assert "Pusher" in missed(report)
    assert why(workshop, "Pusher") == [{"kind": "missing", "name": "pushed_model", "before": str(newest), "after": None}]
    assert Path(report["pushed_model"]).is_dir()
    assert "Trainer" not in missed(report)


@pytest.mark.one_stack
def test_a_part_of_the_pipeline_runs_on_the_outputs_of_an_earlier_run(workshop: Workshop) -> None:
    """Nodes that only wait for each other are taken over, too."""
    source = workshop.flowers("runs", "--config", str(workshop.config), "--json")[0]["run_id"]
    before = workshop.versions()
    report = workshop.run(options=("--from", "Pusher", "--no-cache", "Pusher"))
    assert (report["status"], report["outputs_of"]) == ("succeeded", source)
    assert {node for node, state in states(report).items() if state == "complete"} == {"Pusher", "PublishBaseline"}
    assert "skipped" not in states(report).values()
    assert workshop.versions() == before, "the same model is published once"
    assert workshop.run(options=("--from", "Nope"), code=2)["error"] == "--from: the pipeline has no node Nope."


@pytest.mark.one_stack
def test_after_a_photo_is_forgotten_the_next_run_trains_without_it_and_is_not_blocked(workshop: Workshop) -> None:
    span = workshop.data_root / "span-1"
    photo = pq.read_table(span / "photos.parquet", columns=["digest", "split"]).to_pylist()[0]
    config = ("--config", str(workshop.config), "--json")
    certificate = workshop.flowers("forget", "--photo", photo["digest"], "--yes", *config)
    assert [entry["span"] for entry in certificate["spans"]] == [1]
    report = workshop.run()
    assert report["status"] == "succeeded" and "Trainer" in missed(report)
    assert missed(workshop.run()) == set(), "the CSV still lists the photo, which is refused without work"


def test_runs_are_listed(workshop: Workshop) -> None:
    listed = workshop.flowers("runs", "--config", str(workshop.config), "--json")
    assert len(listed) == workshop.runs
    assert {run["status"] for run in listed} == {"succeeded"}
    assert listed[0]["pushed_model"]


@pytest.mark.one_stack
def test_a_model_that_answers_in_different_ways_is_neither_evaluated_nor_pushed(workshop: Workshop, tmp_path: Path) -> None:
    """Any difference is too large for a copy of the program with another limit."""
    for name in ("flowers_tfx", "runners", "schema"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pipeline_def.py", tmp_path)
    certificate = tmp_path / "flowers_tfx" / "parity_certificate.py"
    certificate.write_text(certificate.read_text().replace("LIMIT = 0.005", "LIMIT = -1.0"))
    before = workshop.versions()
    report = workshop.run(cwd=tmp_path, code=1)
    found = states(report)
    assert report["status"] == "failed"
    assert (found["Trainer"], found["ParityValidator"]) == ("cached", "failed")
    assert {found[node] for node in ("Evaluator", "Pusher", "PublishBaseline")} == {"skipped"}
    assert workshop.versions() == before
    assert report["error"].startswith("The node ParityValidator failed: The answers to the photo ")
    assert "Nothing is evaluated or pushed" in report["hint"]


@pytest.mark.one_stack
def test_a_warm_start_begins_with_the_serving_model_once(workshop: Workshop) -> None:
    """A second run with nothing new starts from the same model, although another one serves now: its own."""
    serving = workshop.versions()[-1]
    report = workshop.run("training.start=serving")
    assert "Trainer" in missed(report)
    assert "Transform" not in missed(report)
    pushed = Path(report["pushed_model"])
    record = json.loads((workshop.registry / str(serving) / "assets.extra" / "registry.json").read_text())
    start = {"version": str(serving), "digest": record["digest"]}
    assert json.loads((pushed / "assets.extra" / "training.json").read_text())["start"] == start
    assert json.loads((pushed / "assets.extra" / "card.json").read_text())["training"]["start"] == start
    assert f"those of version {serving}" in (pushed / "assets.extra" / "card.html").read_text()
    assert missed(workshop.run("training.start=serving")) == set()
    assert workshop.versions()[-1] == int(pushed.name)
    refused = workshop.run("training.start=serving", "model.alpha=0.5", code=2)
    assert "its model.alpha is 0.25, not 0.5" in refused["error"]
