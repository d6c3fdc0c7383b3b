"""`flowers explain --all` and `--class`: what a version's answers rest on, on the photos of `test` of its spans."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from flowers_tfx import cli, registry
from flowers_tfx.errors import InputError
from flowers_tfx.explain.explained_model import load_explained_model, load_serving_model
from flowers_tfx.tfrecords import record_file
from tests.serving_process import push_small_model
from tests.unit.small_network import LABELS
from tests.unit.test_photo_sets import example

OF_EACH = 4


def explain(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> Any:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["explain", *map(str, arguments), "--json"])
    out = capsys.readouterr().out
    assert (stopped.value.code or 0) == code, out
    return json.loads(out)


@pytest.fixture
def place(small_registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A registry whose version was trained on a span, and the span, as settings; no command writes anywhere else."""
    shutil.copytree(small_registry, tmp_path / "registry")
    (version,) = registry.versions(str(tmp_path / "registry"))
    record = tmp_path / "registry" / str(version) / registry.ENTRY_FILE
    record.write_text(json.dumps({**json.loads(record.read_text()), "spans": [{"span": 1, "digest": "d1"}]}))
    span = tmp_path / "data" / "span-1"
    span.mkdir(parents=True)
    (span / "manifest.json").write_text(json.dumps({"format_version": 1, "span": 1, "digest": "d1", "examples": 0, "labels": []}))
    photos = [example(100 * place + number, label) for place, label in enumerate(LABELS) for number in range(OF_EACH)]
    (span / "test-00000-of-00001.tfrecord.gz").write_bytes(gzip.compress(record_file(photos)))
    (span / "train-00000-of-00001.tfrecord.gz").write_bytes(gzip.compress(record_file([example(999, "roses")])))
    monkeypatch.chdir(tmp_path)
    settings = (f"registry={tmp_path / 'registry'}", f"data_root={tmp_path / 'data'}", "explain.photos=1")
    return [word for setting in settings for word in ("--set", setting)]


def test_the_page_of_a_version_lies_in_this_folder(place: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = explain(capsys, "--all", *place)
    (version,) = registry.versions(str(tmp_path / "registry"))
    entry = registry.entry(str(tmp_path / "registry"), version)
    assert values["page"] == f"explanations-{version}.html"
    assert f"version {version}" in (tmp_path / values["page"]).read_text()
    assert values["model"] == {"version": version, "digest": entry.digest}
    assert values["class"] is None
    assert values["serving"]["version"] is None
    assert len(values["photos"]) == OF_EACH * len(LABELS)
    assert sorted(values["photos"][one["photo"]]["label"] for one in values["explanations"]) == sorted(LABELS)
    assert set(values["classes"]) == set(values["concepts"]) == set(LABELS)
    assert values["dependence"]["photos"] == len(values["photos"])


def test_a_page_of_one_class_is_about_that_class(place: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = explain(capsys, "--class", "roses", "--html", tmp_path / "roses.html", *place)
    assert (values["class"], values["page"]) == ("roses", str(tmp_path / "roses.html"))
    assert (tmp_path / "roses.html").is_file()
    assert [values["photos"][one["photo"]]["label"] for one in values["explanations"]] == ["roses"]
    assert set(values["classes"]) == set(values["concepts"]) == {"roses"}
    assert {one["class"] for one in values["reliance"]} <= {None, "roses"}


@pytest.mark.parametrize("method", ["rise", "ig"])
def test_what_changed_against_the_version_before_is_explained_for_both(
    place: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], method: str
) -> None:
    root = tmp_path / "registry"
    (older,) = registry.versions(str(root))
    newer = push_small_model(root, seed=2)
    (root / str(newer) / registry.ENTRY_FILE).write_text((root / str(older) / registry.ENTRY_FILE).read_text().replace("seed 1", "seed 2"))
    changes = (values := explain(capsys, "--all", "--method", method, *place))["changes"]
    assert values["model"]["version"] == newer
    assert values["serving"] == {"version": str(older), "reason": None}
    assert changes["compared"] == len(values["photos"])
    assert changes["to_explain"], "both answer alike, so that nothing is tested"
    for rows, who in (("now", "answered"), ("before", "serving_answered")):
        explained = {row["photo"]: row for row in changes[rows]}
        assert list(explained) == changes["to_explain"]
        assert {row["method"] for row in changes[rows]} == {method}
        listed = {row["photo"]: row[who] for part in changes["lists"].values() for row in part["photos"]}
        assert {index: row["label"] for index, row in explained.items()} == {index: listed[index] for index in explained}


def test_a_serving_model_without_gradients_is_compared_and_not_explained(
    small_registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_: Path) -> None:
        raise InputError("Version 1 has no gradients.")

    monkeypatch.setattr("flowers_tfx.model.gradients.load_gradients", none)
    (version,) = registry.versions(str(small_registry))
    serving = load_serving_model(small_registry / str(version), "1", "ig")
    assert serving.model is not None
    assert (serving.model.labels, serving.model.can_explain("ig"), serving.model.can_explain("rise")) == (LABELS, False, True)
    assert load_explained_model(small_registry / str(version), "rise").no_head == "Version 1 has no gradients."
    with pytest.raises(InputError, match="has no gradients"):
        load_explained_model(small_registry / str(version), "ig")
    absent = load_serving_model(tmp_path, "1", "rise")
    assert absent.model is None
    assert "is not a model of this program" in absent.reason


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["--class", "orchids"], "The model does not know the class 'orchids'.", "It knows daisy, roses, tulips."),
        (["--all", "--method", "guess"], "The method 'guess' is unknown.", "rise"),
        (["--all", "--model", "7"], "has no version 7", "flowers registry list"),
        (["--all", "--set", "data_root=elsewhere"], "The data root elsewhere does not hold span 1, which version", "--set data_root=DIR"),
        (["--all", "--class", "roses"], "different things to explain", "Name one of them."),
        (["--all", "photo.jpg"], "different things to explain", "Name one of them."),
        (["--all", "--maps", "maps"], "--out and --maps are for photos.", "--html"),
        (["--all", "--html", "no/such/page.html"], "is not there", "--html"),
        ([], "Nothing is named to explain.", "--class"),
    ],
)
def test_what_cannot_be_explained_is_a_sentence(
    place: list[str], capsys: pytest.CaptureFixture[str], arguments: list[str], error: str, hint: str
) -> None:
    answer = explain(capsys, *place, *arguments, code=2)
    assert error in answer["error"]
    assert hint in answer["hint"]


def test_a_class_without_test_photos_is_a_sentence(place: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard = tmp_path / "data" / "span-1" / "test-00000-of-00001.tfrecord.gz"
    shard.write_bytes(gzip.compress(record_file([example(1, "daisy")])))
    assert "holds no photo of the class roses" in explain(capsys, "--class", "roses", *place, code=2)["error"]
    shard.write_bytes(gzip.compress(record_file([example(1, "weeds")])))
    assert "holds no photo of the model's classes" in explain(capsys, "--all", *place, code=2)["error"]


def test_a_version_without_a_record_of_its_spans_is_a_sentence(
    small_registry: Path, place: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """As a version that another program wrote."""
    answer = explain(capsys, "--all", *place, "--set", f"registry={small_registry}", code=2)
    assert answer["error"].startswith("Nothing says which photos")
