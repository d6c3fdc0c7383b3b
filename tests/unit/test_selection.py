from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flowers_tfx import registry
from flowers_tfx.artifact_files import LABELS_FILE, TRAINING_FILE
from flowers_tfx.data.spans import FORMAT_VERSION
from flowers_tfx.errors import InputError
from flowers_tfx.selection import Selection, fingerprint, select, settings_digest
from tests.unit.test_registry import saved_model

LABELS = ("daisy", "roses")


def span(root: Path, number: int, digest: str = "", **changes: Any) -> None:
    folder = root / f"span-{number}"
    folder.mkdir(parents=True)
    manifest = {
        "format_version": FORMAT_VERSION,
        "span": number,
        "digest": digest or f"digest-{number}",
        "examples": 30,
        "labels": list(LABELS),
        "splits": {"train": 20, "eval": 5, "test": 5},
        "label_counts": {"daisy": 15, "roses": 15},
        **changes,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def chosen(root: Path, window: int | str = "all", settings: str = "s") -> tuple[list[int], str]:
    selection = select(str(root / "data"), str(root / "registry"), window, LABELS, settings)
    return [span["span"] for span in json.loads(selection.window)], selection.baseline


def test_all_spans_or_the_last_k(tmp_path: Path) -> None:
    for number in (2, 10, 9):
        span(tmp_path / "data", number)
    assert chosen(tmp_path) == ([2, 9, 10], "none")
    assert chosen(tmp_path, 2) == ([9, 10], "none")
    assert chosen(tmp_path, 7) == ([2, 9, 10], "none")


def test_temporary_folders_are_not_spans(tmp_path: Path) -> None:
    span(tmp_path / "data", 1)
    (tmp_path / "data" / ".span-2.abc.tmp").mkdir()
    assert chosen(tmp_path)[0] == [1]


def test_the_baseline_is_the_newest_version_of_another_fingerprint(tmp_path: Path) -> None:
    span(tmp_path / "data", 1)
    window = select(str(tmp_path / "data"), str(tmp_path / "registry"), "all", LABELS, "s").window
    first = registry.publish(saved_model(tmp_path / "m1", "1"), str(tmp_path / "registry"), "old", (), "")
    registry.publish(saved_model(tmp_path / "m2", "2"), str(tmp_path / "registry"), fingerprint(window, "s"), (), "")
    assert json.loads(chosen(tmp_path)[1]) == {"version": first.version, "digest": first.digest, "data": "", "spans": []}
    assert json.loads(chosen(tmp_path, settings="other")[1])["version"] > first.version


def test_a_damaged_serving_model_is_reported(tmp_path: Path) -> None:
    span(tmp_path / "data", 1)
    version = registry.publish(saved_model(tmp_path / "m"), str(tmp_path / "registry"), "old", (), "").version
    assert "damage" not in json.loads(chosen(tmp_path)[1])
    (tmp_path / "registry" / str(version) / "saved_model.pb").write_text("other")
    assert "files were changed" in json.loads(chosen(tmp_path)[1])["damage"]


def test_a_recipe_names_content_not_numbers() -> None:
    one, two = '[{"span":1,"digest":"a"},{"span":2,"digest":"b"}]', '[{"span":4,"digest":"b"},{"span":7,"digest":"a"}]'
    assert fingerprint(one, "s") == fingerprint(two, "s") != fingerprint(one, "t")
    assert settings_digest({"a": 1, "b": 2}) == settings_digest({"b": 2, "a": 1})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label_counts": {"daisy": 30, "roses": 0}}, r"all of one class \(daisy\)"),
        ({"label_counts": {"daisy": 15, "lily": 15}}, "'lily'"),
        ({"splits": {"train": 30, "eval": 0, "test": 0}}, "split eval"),
        ({"splits": {"train": 0, "eval": 0, "test": 0}, "label_counts": {"daisy": 0}}, "none"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    span(tmp_path / "data", 1, **changes)
    with pytest.raises(InputError, match=message) as caught:
        chosen(tmp_path)
    assert caught.value.hint


SHAPE = {"backbone": "MobileNetV2", "alpha": 0.35, "image_size": 224}


def trained_model(folder: Path, shape: dict[str, Any] | None = SHAPE, labels: tuple[str, ...] = LABELS) -> Path:
    model = saved_model(folder, folder.name)
    (model / "assets.extra").mkdir()
    (model / LABELS_FILE).write_text("".join(f"{label}\n" for label in labels))
    (model / TRAINING_FILE).write_text(json.dumps({"model": {**shape, "weights": "imagenet"}} if shape else {}))
    return model


def warm_selection(root: Path) -> Selection:
    return select(str(root / "data"), str(root / "registry"), "all", LABELS, "s", SHAPE)


def test_a_warm_start_that_was_pushed_selects_what_it_selected_before(tmp_path: Path) -> None:
    """Else each run would start from the model of the last one, and there would be something to train for ever."""
    span(tmp_path / "data", 1)
    assert warm_selection(tmp_path).baseline == "none", "the first run of all starts without a serving model"
    serving = registry.publish(trained_model(tmp_path / "m1"), str(tmp_path / "registry"), "old", (), "")
    first = warm_selection(tmp_path)
    assert json.loads(first.baseline)["version"] == serving.version
    registry.publish(trained_model(tmp_path / "m2"), str(tmp_path / "registry"), fingerprint(first.window, "s"), (), "")
    assert warm_selection(tmp_path) == first
    newer = registry.publish(trained_model(tmp_path / "m3"), str(tmp_path / "registry"), "of other settings", (), "")
    assert json.loads(warm_selection(tmp_path).baseline)["version"] == newer.version


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"shape": {**SHAPE, "backbone": "MobileNet"}}, "its model.backbone is MobileNet, not MobileNetV2"),
        ({"shape": {**SHAPE, "alpha": 0.5}}, "its model.alpha is 0.5, not 0.35"),
        ({"shape": {**SHAPE, "image_size": 96}}, "its model.image_size is 96, not 224"),
        ({"labels": ("roses", "daisy")}, "its classes are roses, daisy, not daisy, roses"),
        ({"shape": None}, "do not say what network it is"),
    ],
)
def test_another_network_is_no_start(tmp_path: Path, model: dict[str, Any], message: str) -> None:
    span(tmp_path / "data", 1)
    version = registry.publish(trained_model(tmp_path / "m", **model), str(tmp_path / "registry"), "old", (), "").version
    with pytest.raises(InputError, match=f"from version {version}, which serves: .*{message}") as caught:
        warm_selection(tmp_path)
    assert "training.start=weights" in caught.value.hint
    assert chosen(tmp_path)[1] != "none", "without a warm start it is compared with"


def test_the_damage_of_a_start_is_for_the_review(tmp_path: Path) -> None:
    span(tmp_path / "data", 1)
    version = registry.publish(trained_model(tmp_path / "m"), str(tmp_path / "registry"), "old", (), "").version
    (tmp_path / "registry" / str(version) / TRAINING_FILE).write_text("{")
    assert "files were changed" in json.loads(warm_selection(tmp_path).baseline)["damage"]


def test_an_empty_or_missing_data_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no span"):
        chosen(tmp_path)
