from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from flowers_tfx import registry
from flowers_tfx.errors import InputError
from tests.unit.buckets import FakeStore, Killed
from tests.unit.test_registry import baseline, explanations, saved_model

ROOT = "s3://bucket/registry"


def names(store: FakeStore) -> set[str]:
    return {key.removeprefix("registry/") for key in store.objects}


def test_a_version_is_uploaded_with_what_makes_it_visible_last(store: FakeStore, tmp_path: Path) -> None:
    model = saved_model(tmp_path / "m")
    pushed = registry.publish(model, ROOT, "recipe", ({"span": 1, "digest": "d"},), "id")
    written = [key.removeprefix(f"registry/{pushed.version}/") for key in store.order if f"/{pushed.version}/" in key]
    assert written == ["variables/variables.index", "saved_model.pb", registry.ENTRY_FILE]
    assert registry.versions(ROOT) == [pushed.version]
    assert registry.entry(ROOT, pushed.version) == pushed
    assert pushed.digest == registry.model_digest(model) == registry.model_digest(registry.version_path(ROOT, pushed.version))
    assert names(store) == {f"{pushed.version}/{name}" for name in written}
    with registry.local_model(registry.serving_model(ROOT)) as folder:
        assert folder.name == str(pushed.version)
        assert (folder / "saved_model.pb").read_text() == "graph"


def test_a_model_that_comes_from_a_registry_gets_a_record_of_its_own(store: FakeStore, tmp_path: Path) -> None:
    model = saved_model(tmp_path / "m")
    (model / registry.ENTRY_FILE).parent.mkdir()
    (model / registry.ENTRY_FILE).write_text("{}")
    pushed = registry.publish(model, ROOT, "recipe", (), "id")
    assert registry.entry(ROOT, pushed.version) == pushed
    written = [key for key in store.order if f"/{pushed.version}/" in key]
    assert written[-1].endswith(registry.ENTRY_FILE) and written.count(written[-1]) == 1


def test_a_push_that_is_killed_at_any_moment_leaves_a_whole_version_or_none(
    store: FakeStore, tmp_path: Path, short_lease: Callable[[float], None]
) -> None:
    short_lease(0.05)
    model = saved_model(tmp_path / "m")
    before = registry.publish(saved_model(tmp_path / "before", "old"), ROOT, "old", (), "")
    killed = 0
    for writes in range(1, 50):
        store.fail_after_writes(writes)
        try:
            registry.publish(model, ROOT, "recipe", (), "id")
            break
        except Killed:
            store.fail_after_writes(None)
            killed += 1
            for version in set(registry.versions(ROOT)) - {before.version}:
                assert registry.model_digest(registry.version_path(ROOT, version)) == registry.model_digest(model)
    store.fail_after_writes(None)
    found = registry.versions(ROOT)
    pushed = found[-1]
    assert killed > 4, "it was never cut in the middle"
    assert len(found) == 2
    registry.publish(saved_model(tmp_path / "after", "new"), ROOT, "new", (), "")
    files = {name for name in names(store) if name.split("/")[0] not in map(str, registry.versions(ROOT))}
    assert files == set(), "what killed pushes left is swept away"
    assert registry.model_digest(registry.version_path(ROOT, pushed)) == registry.entry(ROOT, pushed).digest


def test_pushes_at_the_same_time_get_versions_of_their_own(store: FakeStore, tmp_path: Path) -> None:
    models = [saved_model(tmp_path / f"m{n}", str(n)) for n in range(5)]
    threads = [threading.Thread(target=registry.publish, args=(m, ROOT, f"r{n}", (), "")) for n, m in enumerate(models)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {registry.entry(ROOT, v).fingerprint for v in registry.versions(ROOT)} == {f"r{n}" for n in range(5)}


def test_the_same_model_of_the_same_recipe_is_published_once(store: FakeStore, tmp_path: Path) -> None:
    model = saved_model(tmp_path / "m")
    first = registry.publish(model, ROOT, "recipe", (), "a")
    assert registry.publish(model, ROOT, "recipe", (), "b") == first
    assert registry.publish(model, ROOT, "another", (), "c").version > first.version


def test_a_model_without_a_record_is_not_a_version_and_stays(store: FakeStore, tmp_path: Path) -> None:
    store.write("registry/7/saved_model.pb", b"somebody's")
    assert registry.versions(ROOT) == []
    with pytest.raises(InputError, match="holds no model"):
        registry.serving_model(ROOT)
    registry.publish(saved_model(tmp_path / "m"), ROOT, "recipe", (), "")
    assert "7/saved_model.pb" in names(store)


def test_a_baseline_lies_beside_its_model_and_gives_way_to_the_next(store: FakeStore, tmp_path: Path) -> None:
    pushed = registry.publish(saved_model(tmp_path / "m"), ROOT, "r", (), "id")
    assert registry.baseline_digest(ROOT, pushed.version) == registry.baseline_push_id(ROOT, pushed.version) == ""
    one = baseline(tmp_path / "b1", "one")
    first = registry.publish_baseline(one, ROOT, pushed.version)
    assert first == registry.files_digest(one) == registry.baseline_digest(ROOT, pushed.version)
    assert registry.baseline_is_whole(ROOT, pushed.version)
    assert registry.publish_baseline(baseline(tmp_path / "b2", "two"), ROOT, pushed.version) != first
    assert registry.baseline_push_id(ROOT, pushed.version) == "two"
    assert registry.model_digest(registry.version_path(ROOT, pushed.version)) == pushed.digest
    store.write(f"registry/{pushed.version}/{registry.BASELINE_DIR}/sample/photos.parquet", b"changed")
    assert not registry.baseline_is_whole(ROOT, pushed.version)
    with pytest.raises(InputError, match="is gone"):
        registry.publish_baseline(one, ROOT, 7)


def test_explanations_that_are_killed_are_none_until_they_are_published_again(
    store: FakeStore, tmp_path: Path, short_lease: Callable[[float], None]
) -> None:
    short_lease(0.05)
    pushed = registry.publish(saved_model(tmp_path / "m"), ROOT, "r", (), "id")
    folder = registry.version_path(ROOT, pushed.version)
    registry.publish_explanations(explanations(tmp_path / "e1", "one"), ROOT, pushed.version)
    store.fail_after_writes(3)
    with pytest.raises(Killed):
        registry.publish_explanations(explanations(tmp_path / "e2", "two"), ROOT, pushed.version)
    store.fail_after_writes(None)
    assert registry.explanations_page(folder) is registry.read_explanations_record(ROOT, pushed.version) is None
    registry.publish_explanations(tmp_path / "e2", ROOT, pushed.version)
    assert registry.read_explanations_record(ROOT, pushed.version) == registry.ExplanationsRecord("two", "of two")
    assert registry.damage(ROOT, pushed) == ""


def test_a_killed_baseline_is_none(store: FakeStore, tmp_path: Path, short_lease: Callable[[float], None]) -> None:
    short_lease(0.05)
    pushed = registry.publish(saved_model(tmp_path / "m"), ROOT, "r", (), "id")
    source = baseline(tmp_path / "b", "one")
    store.fail_after_writes(2)
    with pytest.raises(Killed):
        registry.publish_baseline(source, ROOT, pushed.version)
    store.fail_after_writes(None)
    assert registry.baseline_digest(ROOT, pushed.version) == ""
    assert registry.publish_baseline(source, ROOT, pushed.version) == registry.files_digest(source)
