from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flowers_tfx import registry
from flowers_tfx.cli.program import flowers
from flowers_tfx.model_card.files import card_files
from flowers_tfx.registry import CARD_FILE, CARD_PAGE, Entry
from tests.model_cards import DATA, SPANS, evaluation, model_folder
from tests.unit.test_registry import explanations

REFUSAL = {
    "format": 1,
    "refused": 0.05,
    "limits_from": {"split": "train", "photos": 20, "cross_fitted": True},
    "share": 0.05,
    "interval": [0.01, 0.12],
    "far": 1,
    "unsure": 0,
    "limits": {"far": 1.5, "unsure": 2.5},
    "bank": {"photos": 20, "dimensions": 4, "bytes": 80},
    "temperature": 0.7,
    "calibration_error": {"split": "eval", "photos": 5, "before": 0.2, "after": 0.1},
}


def files_of(model: Path, entry: Entry, compared: bool = False) -> dict[str, bytes]:
    return card_files(model, entry, evaluation(compared), DATA)


def push(model: Path, root: Path, fingerprint: str = "recipe", compared: bool = False) -> Entry:
    return registry.publish(model, str(root), fingerprint, SPANS, "push", lambda entry: files_of(model, entry, compared))


def card_of(root: Path, entry: Entry) -> dict[str, Any]:
    card = registry.read_card(root / str(entry.version))
    assert card is not None
    return card


def call(root: Path, *words: str) -> Any:
    return CliRunner().invoke(flowers, ["registry", *words, "--set", f"registry={root}"], standalone_mode=False)


def test_the_card_has_what_the_nodes_recorded(tmp_path: Path) -> None:
    pushed = push(model_folder(tmp_path / "m"), tmp_path / "registry", compared=True)
    card = card_of(tmp_path / "registry", pushed)
    assert list(card) == [
        *("format", "metadata", "model", "intended_use", "data", "training", "metrics", "calibration", "comparison", "refusal"),
        *("limits", "parity", "explanations", "lineage", "libraries"),
    ]
    measured = evaluation(compared=True)
    assert card["metrics"]["accuracy"] == {"value": 0.8, "interval": measured["interval"], "photos": 25}
    assert card["metrics"]["confusion"] == [[15, 0], [5, 5]]
    assert card["calibration"]["reliability"] == measured["calibration"]
    assert (card["comparison"]["baseline"]["version"], card["comparison"]["change"]) == ("7", pytest.approx(0.04))
    assert (card["model"]["version"], card["model"]["created"]) == (pushed.version, pushed.created)
    assert card["model"]["bytes"] == {"saved_model": 6, "litert": None, "litert_int8": None}
    assert card["data"] == DATA
    assert card["lineage"] == {
        **{"spans": list(SPANS), "fingerprint": "recipe", "push_id": "push", "model_digest": pushed.digest},
        **{"code": "c0de", "revision": None, "run_id": "r1"},
    }
    assert (card["training"]["seed"], card["training"]["seconds"], card["refusal"], card["parity"]) == (7, None, None, None)
    assert card["metadata"]["model-index"][0]["results"][0]["metrics"][0]["value"] == 0.8
    assert card["metadata"]["license"] == "unknown"  # of weights in a file nothing is recorded


def test_limits_follow_from_the_numbers(tmp_path: Path) -> None:
    model = model_folder(tmp_path / "m")
    entry = Entry(1, "d", "f", SPANS)
    sentences = "\n".join(json.loads(files_of(model, entry)[CARD_FILE])["limits"])
    assert "It is weaker at roses: it recognises 50.0 %" in sentences
    assert "weaker at daisy" not in sentences
    assert "It is weaker where light band is dark: 30.0 % of 10 photos." in sentences
    assert "5 of 10 photos of roses were taken for daisy" in sentences
    assert "always names one of its classes" in sentences
    (model / "assets.extra" / "unknown.json").write_text(json.dumps(REFUSAL))
    card = json.loads(files_of(model, entry)[CARD_FILE])
    assert card["refusal"] == REFUSAL
    assert "always names one of its classes" not in "\n".join(card["limits"])


def test_the_page_is_one_file_that_escapes_and_hides_paths(tmp_path: Path) -> None:
    model = model_folder(tmp_path / "m")
    (model / "assets.extra" / "unknown.json").write_text(json.dumps(REFUSAL))
    files = files_of(model, Entry(1, "d", "f", SPANS), compared=True)
    page = files[CARD_PAGE].decode()
    assert "taken &lt;at dusk&gt;" in page
    assert "not recorded" in page
    assert "Light band" in page and "light_band" not in page
    assert "<script" not in page and "http://" not in page and "https://" not in page
    assert all(b"/home/ada" not in content for content in files.values())


def test_another_card_is_not_another_version(tmp_path: Path) -> None:
    model, root = model_folder(tmp_path / "m"), tmp_path / "registry"
    first = push(model, root)
    again = registry.publish(model, str(root), "recipe", SPANS, "later", lambda entry: {CARD_FILE: b"{}", CARD_PAGE: b"other words"})
    assert again == first
    assert registry.versions(str(root)) == [first.version]
    assert registry.damage(str(root), first) == registry.card_damage(str(root), first) == ""


@pytest.mark.parametrize("change", ["edited", "removed"])
def test_a_changed_card_is_seen_and_the_model_stays_usable(tmp_path: Path, change: str) -> None:
    root = tmp_path / "registry"
    pushed = push(model_folder(tmp_path / "m"), root)
    page = root / str(pushed.version) / CARD_PAGE
    page.write_text("better than it is") if change == "edited" else page.unlink()
    known = registry.entry(str(root), pushed.version)
    assert registry.card_damage(str(root), known) != ""
    assert registry.damage(str(root), known) == ""
    assert "its card" in call(root, "show", str(pushed.version)).stderr


def test_accuracy_for_the_web_page(tmp_path: Path) -> None:
    root = tmp_path / "registry"
    pushed = push(model_folder(tmp_path / "m"), root)
    low, high = evaluation()["interval"]
    assert registry.measured_accuracy(root / str(pushed.version)) == registry.MeasuredAccuracy(0.8, low, high, 25)
    assert registry.measured_accuracy(tmp_path) is None


def test_show_prints_the_essentials(tmp_path: Path) -> None:
    root = tmp_path / "registry"
    pushed = push(model_folder(tmp_path / "m"), root)
    shown = call(root, "show", str(pushed.version))
    assert "80.0 %" in shown.stdout and "MobileNetV2" in shown.stdout
    assert shown.stdout.splitlines()[-1] == str(root / str(pushed.version) / CARD_PAGE)
    value = json.loads(call(root, "show", str(pushed.version), "--json").stdout)
    assert value["card"] == card_of(root, pushed)
    assert value["damage"] == []


def test_the_card_links_to_the_explanations_where_the_pipeline_makes_some(tmp_path: Path) -> None:
    model, record = model_folder(tmp_path / "m"), Entry(7, "digest", "recipe", SPANS)
    without, explained = (card_files(model, record, evaluation(), DATA, explained) for explained in (False, True))
    assert [json.loads(files[CARD_FILE])["explanations"] for files in (without, explained)] == [None, "explanations/report.html"]
    assert b'href="explanations/report.html"' in explained[CARD_PAGE]
    assert b"href=" not in without[CARD_PAGE]


def test_show_names_the_page_of_explanations_once_it_is_there(tmp_path: Path) -> None:
    root = tmp_path / "registry"
    pushed = push(model_folder(tmp_path / "m"), root)
    assert set(json.loads(call(root, "show", "--json").stdout)["files"]) == {"card", "page"}
    page = explanations(tmp_path / "e", "one") / registry.EXPLANATIONS_PAGE
    registry.publish_explanations(page.parent, str(root), pushed.version)
    shown = call(root, "show").stdout.splitlines()[-1]
    assert shown == json.loads(call(root, "show", "--json").stdout)["files"]["explanations"]
    assert Path(shown).read_bytes() == page.read_bytes()


def test_open_opens_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "registry"
    pushed = push(model_folder(tmp_path / "m"), root)
    opened: list[str] = []
    monkeypatch.setattr("click.launch", opened.append)
    call(root, "show", str(pushed.version), "--open")
    assert opened == [(root / str(pushed.version) / CARD_PAGE).as_uri()]


def test_diff_names_what_differs(tmp_path: Path) -> None:
    root = tmp_path / "registry"
    first = push(model_folder(tmp_path / "m1", "1"), root)
    model = model_folder(tmp_path / "m2", "2")
    training = json.loads((model / "assets.extra" / "training.json").read_text())
    training["training"]["seed"] = 8
    (model / "assets.extra" / "training.json").write_text(json.dumps(training))
    spans = (*SPANS, {"span": 2, "digest": "d2"})
    second = registry.publish(model, str(root), "other", spans, "p", lambda entry: files_of(model, entry))
    value = json.loads(call(root, "diff", str(first.version), str(second.version), "--json").stdout)
    assert value["settings"] == {"training.seed": [7, 8]}
    assert (value["data"]["spans_added"], value["data"]["spans_removed"]) == ([2], [])
    assert [one["value"] for one in value["metrics"]["accuracy"]] == [0.8, 0.8]
    assert value["metrics"]["recall"]["roses"][0]["value"] == 0.5
    assert "training.seed" in call(root, "diff", str(first.version), str(second.version)).stdout


def trained_with(folder: Path, weights: str, digest: str, augment: list[str]) -> Path:
    """What stands for a model that started from these weights."""
    model = model_folder(folder, folder.name)
    path = model / "assets.extra" / "training.json"
    training = json.loads(path.read_text())
    training["model"]["weights"], training["weights_digest"], training["training"]["augment"] = weights, digest, augment
    path.write_text(json.dumps(training))
    return model


@pytest.mark.parametrize(
    ("digest", "settings"),
    [("d1", set()), ("d2", {"model.weights", "model.weights_digest"}), ("", {"model.weights", "model.weights_digest"})],
)
def test_the_same_weights_in_another_place_are_no_difference(tmp_path: Path, digest: str, settings: set[str]) -> None:
    root = tmp_path / "registry"
    first = push(trained_with(tmp_path / "a", "/a/net.h5", "d1", ["flip"]), root, "a")
    second = push(trained_with(tmp_path / "b", "/b/net.h5", digest, ["flip"]), root, "b")
    assert set(json.loads(call(root, "diff", str(first.version), str(second.version), "--json").stdout)["settings"]) == settings


def test_the_table_of_differences_reads_as_words(tmp_path: Path) -> None:
    root = tmp_path / "registry"
    first = push(trained_with(tmp_path / "a", "w", "d1", []), root, "a")
    second = push(trained_with(tmp_path / "b", "w", "d1", ["flip", "crop"]), root, "b")
    row = next(line for line in call(root, "diff", str(first.version), str(second.version)).stdout.splitlines() if "augment" in line)
    assert "none" in row and "flip, crop" in row and "[" not in row


def test_a_version_without_a_card_shows_its_record(tmp_path: Path) -> None:
    root = tmp_path / "registry"
    model = model_folder(tmp_path / "m1", "1")
    old = registry.publish(model, str(root), "old", SPANS, "p")
    new = push(model_folder(tmp_path / "m2", "2"), root)
    shown = call(root, "show", str(old.version))
    assert "has no model card" in shown.stderr
    assert "MobileNetV2" in shown.stdout and "not recorded" in shown.stdout
    compared = call(root, "diff", str(old.version), str(new.version), "--json")
    assert json.loads(compared.stdout)["without_card"] == [old.version]
    assert json.loads(compared.stdout)["metrics"]["accuracy"][0] is None
    assert "no version 3" in str(call(root, "show", "3").exception)
