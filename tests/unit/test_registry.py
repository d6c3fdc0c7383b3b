from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from flowers_tfx import registry
from flowers_tfx.artifact_files import LABELS_FILE, LITERT_FILE, LITERT_INT8_FILE, LITERT_RECORD_FILE, PARITY_FILE, WARM_UP_FILE
from flowers_tfx.errors import InputError


def saved_model(folder: Path, content: str = "graph") -> Path:
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_text(content)
    (folder / "variables" / "variables.index").write_text(content)
    return folder


def test_versions_ascend_even_when_the_clock_goes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = str(tmp_path / "registry")
    numbers = []
    for count, now in enumerate([1000.0, 1000.0, 5.0]):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        numbers.append(registry.publish(saved_model(tmp_path / f"m{count}", str(count)), root, f"r{count}", (), "id").version)
    assert numbers == [1000, 1001, 1002] == registry.versions(root)


def test_the_same_model_of_the_same_recipe_is_published_once(tmp_path: Path) -> None:
    root = str(tmp_path / "registry")
    model = saved_model(tmp_path / "m")
    first = registry.publish(model, root, "recipe", ({"span": 1, "digest": "d"},), "a")
    assert registry.publish(model, root, "recipe", (), "b") == first
    assert registry.publish(model, root, "another", (), "c").version > first.version


def test_a_model_is_never_its_own_baseline(tmp_path: Path) -> None:
    root = str(tmp_path / "registry")
    assert registry.serving_with_other_fingerprint(root, "a") is None
    first = registry.publish(saved_model(tmp_path / "m1", "1"), root, "a", (), "")
    assert registry.serving_with_other_fingerprint(root, "a") is None
    second = registry.publish(saved_model(tmp_path / "m2", "2"), root, "b", (), "")
    assert registry.serving_with_other_fingerprint(root, "b") == first
    assert registry.serving_with_other_fingerprint(root, "c") == second


def test_half_written_versions_are_never_seen_and_swept_away(tmp_path: Path) -> None:
    root = tmp_path / "registry"
    half = saved_model(root / ".7.abc.tmp")
    (root / "9").mkdir()  # a folder without a model is not a version, but its number is taken
    assert registry.versions(str(root)) == []
    pushed = registry.publish(saved_model(tmp_path / "m"), str(root), "r", (), "")
    assert not half.exists()
    assert registry.serving_model(str(root)).name == str(pushed.version)
    assert pushed.version > 9


def test_pushes_at_the_same_time_get_versions_of_their_own(tmp_path: Path) -> None:
    root = str(tmp_path / "registry")
    models = [saved_model(tmp_path / f"m{n}", str(n)) for n in range(8)]
    threads = [threading.Thread(target=registry.publish, args=(m, root, f"r{n}", (), "")) for n, m in enumerate(models)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(registry.versions(root)) == 8
    assert {registry.entry(root, v).fingerprint for v in registry.versions(root)} == {f"r{n}" for n in range(8)}


def test_a_damaged_version_is_seen_and_another_can_be_pushed(tmp_path: Path) -> None:
    root = str(tmp_path / "registry")
    first = registry.publish(saved_model(tmp_path / "m"), root, "r", (), "")
    assert registry.damage(root, first) == ""
    (tmp_path / "registry" / str(first.version) / "variables" / "variables.index").write_text("other")
    assert "files were changed" in registry.damage(root, first)
    assert registry.newest_with_fingerprint(root, "r") is None
    assert registry.publish(tmp_path / "m", root, "r", (), "").version > first.version
    (tmp_path / "registry" / str(first.version) / registry.ENTRY_FILE).write_text(json.dumps([1]))
    broken = registry.entry(root, first.version)
    assert "cannot be read" in registry.damage(root, broken)
    assert registry.serving_with_other_fingerprint(root, "another") != broken  # the newest one serves
    assert registry.serving_with_other_fingerprint(root, "r") == broken  # it serves: what it is compared with must not change in silence
    assert registry.publish(saved_model(tmp_path / "m2"), root, "r", (), "").version > first.version


@pytest.mark.parametrize("name", [LABELS_FILE, LITERT_FILE, LITERT_INT8_FILE, LITERT_RECORD_FILE, PARITY_FILE, WARM_UP_FILE])
def test_the_digest_of_a_version_covers_what_lies_beside_the_saved_model(tmp_path: Path, name: str) -> None:
    root, model = str(tmp_path / "registry"), saved_model(tmp_path / "m")
    (model / name).parent.mkdir()
    (model / name).write_text("pushed")
    pushed = registry.publish(model, root, "r", (), "")
    assert registry.damage(root, pushed) == ""
    (tmp_path / "registry" / str(pushed.version) / name).write_text("Pushed")
    assert "files were changed" in registry.damage(root, pushed)


def test_a_model_that_something_else_put_there_has_no_recipe(tmp_path: Path) -> None:
    saved_model(tmp_path / "registry" / "3")
    entry = registry.entry(str(tmp_path / "registry"), 3)
    assert (entry.version, entry.fingerprint) == (3, "")
    assert entry.digest == registry.model_digest(tmp_path / "registry" / "3")


def test_an_empty_registry_has_no_serving_model(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no model"):
        registry.serving_model(str(tmp_path))
    with pytest.raises(InputError, match="not supported"):
        registry.versions("ftp://host/registry")


def test_a_version_is_a_folder_whose_name_is_its_number(tmp_path: Path) -> None:
    names = ["0", "7", "9223372036854775807"]
    others = ["007", "08", "٣", "²", "-4", "+5", "1.5", " 6", "9223372036854775808", "12345678901234567890", "tmp"]
    for name in (*names, *others):
        saved_model(tmp_path / name)
    assert registry.versions(str(tmp_path)) == [int(name) for name in names]


def test_a_version_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    saved_model(tmp_path / "1")
    (tmp_path / "2").symlink_to("2")  # nobody gets into it, whatever his permissions
    assert registry.versions(str(tmp_path)) == [1, 2]
    assert "cannot be read" in registry.entry(str(tmp_path), 2).damage
    (tmp_path / "3").symlink_to("nowhere")
    assert registry.versions(str(tmp_path)) == [1, 2]


def baseline(folder: Path, content: str) -> Path:
    """As PublishBaseline makes it."""
    (folder / "sample").mkdir(parents=True)
    (folder / "sample" / "photos.parquet").write_text(content)
    facts = {"push_id": content, "files": registry.baseline_files_digest(folder)}
    (folder / registry.BASELINE_FILE).write_text(json.dumps(facts))
    return folder


def test_a_baseline_lies_beside_its_model_whole_and_leaves_the_models_digest_alone(tmp_path: Path) -> None:
    root = str(tmp_path / "registry")
    pushed = registry.publish(saved_model(tmp_path / "m"), root, "r", (), "id")
    assert registry.baseline_digest(root, pushed.version) == registry.baseline_push_id(root, pushed.version) == ""
    first = registry.publish_baseline(baseline(tmp_path / "b1", "one"), root, pushed.version)
    assert registry.baseline_digest(root, pushed.version) == first
    assert registry.baseline_is_whole(root, pushed.version)
    assert registry.publish_baseline(baseline(tmp_path / "b2", "two"), root, pushed.version) != first
    assert registry.baseline_push_id(root, pushed.version) == "two"
    assert registry.model_digest(tmp_path / "registry" / str(pushed.version)) == pushed.digest
    assert not list((tmp_path / "registry").glob(".*.tmp"))


@pytest.mark.parametrize("damaged", ["sample/photos.parquet", registry.BASELINE_FILE])
def test_a_baseline_that_was_changed_is_seen(tmp_path: Path, damaged: str) -> None:
    root = str(tmp_path / "registry")
    version = registry.publish(saved_model(tmp_path / "m"), root, "r", (), "id").version
    registry.publish_baseline(baseline(tmp_path / "b", "one"), root, version)
    (tmp_path / "registry" / str(version) / registry.BASELINE_DIR / damaged).write_text("[1")
    assert not registry.baseline_is_whole(root, version)


def explanations(folder: Path, content: str) -> Path:
    """As Explainer makes them."""
    folder.mkdir()
    (folder / registry.EXPLANATIONS_FILE).write_text(f'{{"photos": "{content}"}}')
    (folder / registry.EXPLANATIONS_PAGE).write_text(content)
    (folder / registry.EXPLANATIONS_RECORD).write_text(json.dumps({"push_id": content, "request": f"of {content}"}))
    return folder


def test_explanations_lie_beside_their_model_and_leave_its_digest_alone(tmp_path: Path) -> None:
    root = str(tmp_path / "registry")
    pushed = registry.publish(saved_model(tmp_path / "m"), root, "r", (), "id")
    folder = registry.version_path(root, pushed.version)
    assert registry.explanations_page(folder) is registry.read_explanations_record(root, pushed.version) is None
    for content in ("one", "two"):
        registry.publish_explanations(explanations(tmp_path / content, content), root, pushed.version)
        page = registry.explanations_page(folder)
        assert page is not None
        assert page.read_text() == content
        assert registry.read_explanations_record(root, pushed.version) == registry.ExplanationsRecord(content, f"of {content}")
        assert (folder / registry.CARD_PAGE).parent / registry.EXPLANATIONS_LINK == page
    assert registry.damage(root, pushed) == ""
    assert not list((tmp_path / "registry").glob(".*.tmp"))
    (folder / registry.EXPLANATIONS_DIR / registry.EXPLANATIONS_RECORD).write_text("[1")
    assert registry.read_explanations_record(root, pushed.version) is None
    with pytest.raises(InputError, match="is gone"):
        registry.publish_explanations(tmp_path / "one", root, 7)


def test_a_baseline_of_no_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is gone"):
        registry.publish_baseline(baseline(tmp_path / "b", "one"), str(tmp_path / "registry"), 7)
