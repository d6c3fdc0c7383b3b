"""The versions that a server has in memory: which one answers, what comes in, what stays out, and what becomes of the old one."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from flowers_tfx import registry
from flowers_tfx.artifact_files import LITERT_FILE, WARM_UP_FILE
from flowers_tfx.data.pictures import BadPicture
from flowers_tfx.errors import InputError
from flowers_tfx.inference.answer import Answer
from flowers_tfx.model.signatures import export
from flowers_tfx.serving import version_loading, versions
from flowers_tfx.serving.loaded_version import LoadedVersion
from flowers_tfx.serving.version_states import VersionState
from flowers_tfx.serving.versions import VersionManager
from flowers_tfx.warm_up_requests import read_warm_up_file
from tests.conftest import small_photo
from tests.unit.buckets import FakeStore
from tests.unit.small_network import LABELS, SIZE, SmallNetwork

LIMIT, NEVER = 50_000_000, 3600.0
PHOTO = small_photo(1)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of models; `not finite` answers so."""
    folder = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("first", "second", "third", "not finite")):
        network = SmallNetwork(seed)
        if name == "not finite":
            kernel, bias = network.head.get_weights()
            network.head.set_weights([kernel, np.full_like(bias, np.nan)])
        export(network, SIZE, LABELS, {}, str(folder / name))
    keras.backend.clear_session()
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are there are whole."""
    monkeypatch.setattr(versions, "_SETTLE_S", 0.0)


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "registry")


class Counted:
    """Metrics that a test reads."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, str]] = []
        self.roles: Mapping[str, str] = {}
        self.compared: list[tuple[str, bool, float]] = []
        self.skipped = 0

    def version_changed(self, version: str, change: str) -> None:
        self.changes.append((version, change))

    def version_roles(self, roles: Mapping[Any, str]) -> None:
        self.roles = roles

    def shadow_compared(self, version: str, same_label: bool, difference: float) -> None:
        self.compared.append((version, same_label, difference))

    def shadow_skipped(self, version: str, photos: int) -> None:
        self.skipped += photos


@pytest.fixture
def started(root: str) -> Iterator[Callable[..., VersionManager]]:
    """Starts managers, which look at the registry only when `update` is called, and stops them."""
    managers = []

    def start(**settings: Any) -> VersionManager:
        manager = VersionManager(settings.pop("registry_uri", root), **{"max_pixels": LIMIT, "poll_s": NEVER, **settings})
        managers.append(manager)
        manager.start()
        return manager

    yield start
    for manager in managers:
        manager.stop()


def push(root: str, model: Path, fingerprint: str = "") -> int:
    return registry.publish(model, root, fingerprint or model.name, (), "id").version


def state(manager: VersionManager, version: int) -> VersionState:
    return next(state for state in manager.states() if state.version == str(version))


def states(manager: VersionManager) -> dict[str, str]:
    return {state.version: state.state for state in manager.states()}


def answer(loaded: LoadedVersion, photo: bytes = PHOTO) -> Answer:
    return loaded.engine.answer_picture(loaded.engine.prepare(photo))


def wait(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_the_newest_version_serves(root: str, models: dict[str, Path], started: Callable[..., VersionManager]) -> None:
    push(root, models["first"])
    newest = push(root, models["second"])
    manager = started(threads=3)
    assert (manager.serving, states(manager)) == (str(newest), {str(newest): "AVAILABLE"})
    entry = registry.entry(root, newest)
    with manager.choose("request") as loaded, manager.get(newest) as named:
        assert loaded is named
        assert (loaded.version, loaded.labels) == (str(newest), LABELS)
        facts = loaded.facts
        assert (facts.created, facts.digest) == (entry.created, entry.digest)
        assert facts.path == Path(root) / str(newest)
        assert answer(loaded).probabilities.sum() == pytest.approx(1)
    with pytest.raises(InputError, match="Version 7 is not served here"):
        manager.get(7)
    assert manager.states()[0].as_json() == {
        "version": str(newest),
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }


def test_a_new_version_is_taken_into_use_and_the_old_one_freed_after_its_last_request(
    root: str, models: dict[str, Path], started: Callable[..., VersionManager]
) -> None:
    old = push(root, models["first"])
    metrics = Counted()
    manager = started(poll_s=0.02, metrics=metrics)
    with manager.choose("a") as loaded, manager.choose("b"):
        before = answer(loaded).probabilities
        new = push(root, models["second"])
        wait(lambda: manager.serving == str(new))
        assert states(manager) == {str(new): "AVAILABLE", str(old): "UNLOADING"}
        assert answer(loaded).probabilities.tolist() == before.tolist()
        with manager.choose("a") as other:
            assert other.version == str(new)
            assert answer(other).probabilities.tolist() != before.tolist()
        assert (str(old), "freed") not in metrics.changes
    assert states(manager) == {str(new): "AVAILABLE", str(old): "END"}
    assert metrics.changes == [(str(old), "loaded"), (str(new), "loaded"), (str(old), "freed")]
    assert metrics.roles == {"serving": str(new)}
    with pytest.raises(RuntimeError, match="was freed"):
        answer(loaded)


def damage(version: Path) -> None:
    (version / "saved_model.pb").write_bytes(b"other")


BAD_MODELS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "damaged": (damage, "DATA_LOSS", "It is damaged: its files were changed after it was pushed."),
    "no LiteRT model": (lambda model: (model / LITERT_FILE).unlink(), "FAILED_PRECONDITION", "has no LiteRT model"),
    "damaged LiteRT model": (lambda model: (model / LITERT_FILE).write_bytes(b"x" * 999), "FAILED_PRECONDITION", "model.tflite is damaged"),
    "warm-up requests": (
        lambda model: (model / WARM_UP_FILE).write_bytes(b"x" * 99),
        "INTERNAL",
        "failed its warm-up: its warm-up requests",
    ),
}


def push_bad(root: str, models: dict[str, Path], kind: str, tmp_path: Path) -> int:
    if kind == "not finite":
        return push(root, models[kind])
    spoil = BAD_MODELS[kind][0]
    if kind == "damaged":
        version = push(root, models["second"])
        spoil(Path(root) / str(version))
        return version
    model = Path(shutil.copytree(models["second"], tmp_path / "bad"))
    spoil(model)
    return push(root, model)


@pytest.mark.parametrize("kind", [*BAD_MODELS, "not finite"])
def test_what_cannot_serve_stays_out_with_the_reason(
    root: str, models: dict[str, Path], tmp_path: Path, started: Callable[..., VersionManager], kind: str
) -> None:
    old = push(root, models["first"])
    metrics = Counted()
    manager = started(metrics=metrics)
    bad = push_bad(root, models, kind, tmp_path)
    for _ in range(3):
        manager.update()
    _, code, reason = BAD_MODELS.get(kind, (None, "INTERNAL", "its answer to a warm-up request is not finite"))
    assert (state(manager, bad).state, state(manager, bad).error_code) == ("END", code)
    assert reason in state(manager, bad).message
    assert manager.serving == str(old)
    assert metrics.changes == [(str(old), "loaded"), (str(bad), "kept out")], "it is not tried at each look"
    # A server that starts now serves the old one, too.
    assert started().serving == str(old)
    good = push(root, models["third"])
    manager.update()
    assert manager.serving == str(good)


def test_a_version_is_tried_again_when_its_files_change(root: str, models: dict[str, Path], started: Callable[..., VersionManager]) -> None:
    old = push(root, models["first"])
    manager = started()
    manager._reader._settle_s = NEVER
    new = push(root, models["second"])
    file = Path(root) / str(new) / LITERT_FILE
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    manager.update()
    assert (manager.serving, state(manager, new).error_code) == (str(old), "UNAVAILABLE"), "the files may still be changing"
    manager._reader._settle_s = 0
    manager.update()
    assert (manager.serving, state(manager, new).error_code) == (str(old), "DATA_LOSS")
    file.write_bytes(content)
    manager.update()
    assert manager.serving == str(new)


def test_a_version_that_needs_more_memory_than_there_is_stays_out(
    root: str, models: dict[str, Path], started: Callable[..., VersionManager], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = push(root, models["first"])
    manager = started(threads=2)
    monkeypatch.setattr(version_loading, "available_memory", lambda: 1_000_000)
    new = push(root, models["second"])
    manager.update()
    assert (manager.serving, state(manager, new).error_code) == (str(old), "RESOURCE_EXHAUSTED")
    assert state(manager, new).message.endswith("MB of memory, and 1 MB are available.")


def test_a_pin_is_followed_while_the_server_runs(root: str, models: dict[str, Path], started: Callable[..., VersionManager]) -> None:
    first, second = push(root, models["first"]), push(root, models["second"])
    manager = started()

    def serving() -> str:
        manager.update()
        return manager.serving

    registry.roll_back(root)
    assert serving() == str(first)
    third = push(root, models["third"])
    assert serving() == str(first)
    registry.pin_version(root, second)
    assert serving() == str(second)
    registry.remove_pin(root)
    assert serving() == str(third)
    registry.write_pin(root, 7)
    assert serving() == str(third)
    assert (state(manager, 7).state, state(manager, 7).message) == ("START", "It is not in the registry.")
    registry.pin_path(root).write_bytes(b"{")
    assert serving() == str(third)
    registry.pin_version(root, first)
    assert serving() == str(first)


def test_a_process_can_be_pinned_itself(root: str, models: dict[str, Path], started: Callable[..., VersionManager]) -> None:
    first, second = push(root, models["first"]), push(root, models["second"])
    manager = started(version=first)
    registry.pin_version(root, second)
    manager.update()
    assert manager.serving == str(first)
    manager.take_out(str(first), "It failed.")
    manager.update()
    assert manager.serving == "", "nothing takes the place of what was asked for by its number"
    with pytest.raises(InputError, match=f"version {first}: It failed."):
        manager.choose("a")
    with pytest.raises(InputError, match="version 7: It is not in the registry"):
        started(version=7)


def test_where_a_pinned_version_cannot_serve_an_older_one_does(
    root: str, models: dict[str, Path], started: Callable[..., VersionManager]
) -> None:
    oldest, pinned, newest = (push(root, models[name]) for name in ("first", "second", "third"))
    registry.pin_version(root, pinned)
    damage(Path(root) / str(pinned))
    assert started().serving == str(oldest) != str(newest)
    registry.write_pin(root, oldest)
    damage(Path(root) / str(oldest))
    with pytest.raises(InputError, match=r"No version of the model can be used: version \d+: It is damaged"):
        started()


def test_a_version_that_was_taken_out_gives_way_to_the_one_before(
    root: str, models: dict[str, Path], started: Callable[..., VersionManager]
) -> None:
    old, new = push(root, models["first"]), push(root, models["second"])
    metrics = Counted()
    manager = started(metrics=metrics)
    with manager.choose("a") as loaded:
        manager.take_out(loaded.version, "Its answer was not finite.")
        manager.take_out(loaded.version, "Its answer was not finite.")
        assert answer(loaded).probabilities.sum() == pytest.approx(1), "requests under way end as they began"
        wait(lambda: manager.serving == str(old))
    assert state(manager, new) == VersionState(str(new), "END", "INTERNAL", "Its answer was not finite.")
    assert metrics.changes.count((str(new), "taken out")) == 1
    assert (str(new), "freed") in metrics.changes


def test_a_version_that_is_taken_out_and_removed_is_still_freed_with_its_last_request(
    root: str, models: dict[str, Path], started: Callable[..., VersionManager]
) -> None:
    old, new = push(root, models["first"]), push(root, models["second"])
    metrics = Counted()
    manager = started(metrics=metrics)
    with manager.choose("a") as loaded:
        manager.take_out(loaded.version, "Its answer was not finite.")
        shutil.rmtree(Path(root) / str(new))
        wait(lambda: manager.serving == str(old))
        manager.update()
        assert states(manager) == {str(old): "AVAILABLE"}
    assert metrics.changes[-1] == (str(new), "freed")


def test_a_canary_answers_its_share_of_the_requests(root: str, models: dict[str, Path], started: Callable[..., VersionManager]) -> None:
    old, canary = push(root, models["first"]), push(root, models["second"])
    managers = [started(canary=(canary, 0.1)) for _ in range(2)]
    assert [manager.serving for manager in managers] == [str(old), str(old)], "what is on trial does not serve, though it is newer"

    def chosen(manager: VersionManager, key: str) -> str:
        with manager.choose(key) as loaded:
            return loaded.version

    keys = [f"request-{number}" for number in range(10_000)]
    answers = [chosen(managers[0], key) for key in keys]
    assert answers.count(str(canary)) / len(keys) == pytest.approx(0.1, abs=0.01)
    assert answers == [chosen(managers[1], key) for key in keys], "a retry gets the same version from any process"
    managers[0].take_out(str(canary), "It failed.")
    managers[0].update()
    assert {chosen(managers[0], key) for key in keys} == {str(old)}
    registry.pin_version(root, canary)
    managers[1].update()
    assert {chosen(managers[1], key) for key in keys} == {str(canary)}
    assert states(managers[1]) == {str(canary): "AVAILABLE", str(old): "END"}


def test_a_trial_version_that_is_alone_serves_and_a_missing_one_does_not_matter(
    root: str, models: dict[str, Path], started: Callable[..., VersionManager]
) -> None:
    only = push(root, models["first"])
    assert started(canary=(only, 0.5)).serving == str(only)
    manager = started(canary=(7, 0.5), shadow=8)
    assert (manager.serving, states(manager)) == (str(only), {str(only): "AVAILABLE", "8": "START", "7": "START"})
    with manager.choose("any") as loaded:
        manager.ask_shadow(loaded, [PHOTO], [answer(loaded)])


def test_a_shadow_is_asked_and_compared_and_never_answers(
    root: str, models: dict[str, Path], started: Callable[..., VersionManager]
) -> None:
    old, shadow = push(root, models["first"]), push(root, models["second"])
    metrics, waiting = Counted(), threading.Event()
    manager = started(shadow=shadow, metrics=metrics, is_busy=waiting.is_set)
    assert metrics.roles == {"serving": str(old), "shadow": str(shadow)}
    with pytest.raises(InputError, match="is not served here"):
        manager.get(shadow)
    with manager.choose("a") as loaded:
        assert loaded.version == str(old)
        answers: list[Answer | BadPicture] = [answer(loaded), BadPicture("not a picture")]
        manager.ask_shadow(loaded, [PHOTO, b"<html>"], answers)
        wait(lambda: len(metrics.compared) == 1)
        ((version, same_label, difference),) = metrics.compared
        table = manager._table.acquire("shadow")
        assert table is not None
        with table as other:
            expected = answer(other).probabilities
        mine = answer(loaded).probabilities
        assert version == str(shadow)
        assert same_label == (mine.argmax() == expected.argmax())
        assert difference == pytest.approx(abs(mine - expected).max())
        waiting.set()
        manager.ask_shadow(loaded, [PHOTO] * 3, [answer(loaded)] * 3)
        assert (metrics.skipped, len(metrics.compared)) == (3, 1)
        waiting.clear()
        manager.ask_shadow(loaded, [PHOTO] * 500, [answer(loaded)] * 500)
        assert metrics.skipped > 300, "photos that wait would fill the memory"


def test_a_shadow_that_fails_is_taken_out(
    root: str, models: dict[str, Path], started: Callable[..., VersionManager], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, shadow = push(root, models["first"]), push(root, models["second"])
    manager = started(shadow=shadow)
    with manager.choose("a") as loaded:
        answers = [answer(loaded)]
        probe = manager._table.acquire("shadow")
        assert probe is not None
        with probe:
            monkeypatch.setattr(probe.engine, "answer_picture", lambda _: Answer(np.full(3, np.nan, np.float32)))
        manager.ask_shadow(loaded, [PHOTO], answers)
        wait(lambda: state(manager, shadow).state == "END")
    assert "not finite" in state(manager, shadow).message
    assert manager.serving == str(old)


def test_versions_in_a_bucket_are_fetched_and_leave_nothing_on_the_disk(
    store: FakeStore, models: dict[str, Path], tmp_path: Path, started: Callable[..., VersionManager], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    root = "s3://bucket/registry"
    old = push(root, models["first"])
    manager = started(registry_uri=root)
    with manager.choose("a") as loaded:
        assert str(loaded.facts.path) == f"{root}/{old}"
        assert answer(loaded).probabilities.sum() == pytest.approx(1)
    new = push(root, models["second"])
    registry.write_pin(root, old)
    manager.update()
    assert manager.serving == str(old)
    registry.remove_pin(root)
    manager.update()
    assert manager.serving == str(new)
    assert list(tmp_path.iterdir()) == []
    bad = push(root, models["third"])
    store.objects[f"registry/{bad}/{LITERT_FILE}"] = b"damaged", 1
    manager.update()
    assert (manager.serving, state(manager, bad).error_code) == (str(new), "DATA_LOSS")


def test_a_bucket_that_fails_for_a_while_changes_nothing(
    store: FakeStore, models: dict[str, Path], started: Callable[..., VersionManager], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = "s3://bucket/registry"
    old = push(root, models["first"])
    manager = started(registry_uri=root)
    new = push(root, models["second"])

    def fail(*_: object) -> None:
        raise RuntimeError("503 Slow Down")

    with monkeypatch.context() as patched:
        patched.setattr(store, "stream", fail)
        manager.update()
        assert (manager.serving, state(manager, new).state) == (str(old), "START")
        assert state(manager, new).message == "It cannot be fetched: 503 Slow Down"
        patched.setattr(store, "list_objects", fail)
        manager.update()
        assert manager.serving == str(old)
    manager.update()
    assert manager.serving == str(new)


def test_a_version_that_somebody_copied_in_and_renamed_is_noticed(
    root: str, models: dict[str, Path], started: Callable[..., VersionManager], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "_SETTLE_S", 0.3)
    old = push(root, models["first"])
    manager = started(poll_s=0.05)
    new = old + 10
    shutil.copytree(models["second"], Path(root) / f"{new}.copy")
    (Path(root) / f"{new}.copy").rename(Path(root) / str(new))
    wait(lambda: manager.serving == str(new))
    with manager.choose("a") as loaded:
        assert loaded.facts.created == ""
        assert loaded.facts.digest == registry.model_digest(models["second"])


@pytest.mark.parametrize("with_record", [True, False], ids=["with its record", "without a record"])
def test_a_folder_that_is_still_being_copied_waits(
    root: str,
    models: dict[str, Path],
    tmp_path: Path,
    started: Callable[..., VersionManager],
    monkeypatch: pytest.MonkeyPatch,
    with_record: bool,
) -> None:
    monkeypatch.setattr(versions, "_SETTLE_S", 0.4)
    old = push(root, models["first"])
    source = models["third"]
    if with_record:
        other = str(tmp_path / "other")
        source = Path(other) / str(push(other, models["third"]))
    metrics = Counted()
    manager = started(poll_s=0.02, metrics=metrics)
    target = Path(root) / str(old + 10)
    for file in sorted(source.rglob("*"), key=lambda path: (path.name != "registry.json", path.name != "saved_model.pb", path)):
        if file.is_file():
            (target / file.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target / file.relative_to(source))
            time.sleep(0.1)
            assert manager.serving == str(old) or file == max(source.rglob("*"))
    wait(lambda: manager.serving == target.name)
    assert [change for _, change in metrics.changes if change == "kept out"] == []


def test_a_version_that_is_removed_while_it_serves_serves_on(
    root: str, models: dict[str, Path], started: Callable[..., VersionManager]
) -> None:
    old, new = push(root, models["first"]), push(root, models["second"])
    manager = started()
    shutil.rmtree(Path(root) / str(new))
    manager.update()
    assert manager.serving == str(new)
    assert state(manager, new) == VersionState(str(new), "AVAILABLE", "OK", "It was removed from the registry and stays in memory.")
    registry.pin_version(root, old)
    manager.update()
    manager.update()
    assert states(manager) == {str(old): "AVAILABLE"}, "what is neither there nor in memory is forgotten"


def test_a_version_that_cannot_be_read_stays_out_with_the_reason(
    root: str, models: dict[str, Path], started: Callable[..., VersionManager]
) -> None:
    good, bad = push(root, models["first"]), 2**62
    (Path(root) / str(bad)).symlink_to(str(bad))
    manager = started()
    assert manager.serving == str(good)
    assert state(manager, bad).state in ("START", "END") and "cannot be" in state(manager, bad).message


def test_without_a_model_there_is_no_server(root: str, started: Callable[..., VersionManager]) -> None:
    with pytest.raises(InputError, match="holds no model"):
        started()
    Path(root).mkdir()
    registry.pin_path(root).write_bytes(b"[]")
    with pytest.raises(InputError, match=r"pin .* cannot be read"):
        started()


def test_no_request_fails_while_versions_come_and_go(root: str, models: dict[str, Path], started: Callable[..., VersionManager]) -> None:
    numbers = [push(root, models[name]) for name in ("first", "second", "third")]
    metrics = Counted()
    manager = started(poll_s=0.005, threads=2, metrics=metrics, canary=(numbers[0], 0.3))
    failures: list[Exception] = []
    answered = 0
    stopped = threading.Event()

    def ask(thread: int) -> None:
        nonlocal answered
        while not stopped.is_set():
            try:
                with manager.choose(f"{thread}-{answered}") as loaded:
                    assert np.isfinite(answer(loaded).probabilities).all()
                answered += 1
            except Exception as error:  # noqa: BLE001
                failures.append(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(20):
        target = numbers[1 + turn % 2]
        registry.write_pin(root, target)
        wait(lambda target=target: manager.serving == str(target))  # type: ignore[misc]
    stopped.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert answered > 100
    assert metrics.changes.count((str(numbers[1]), "freed")) >= 8


def test_the_warm_up_requests_of_a_version_are_answered_by_its_savedmodel(models: dict[str, Path]) -> None:
    """As TensorFlow Serving answers them."""
    import tensorflow as tf

    photos = read_warm_up_file(models["first"] / WARM_UP_FILE)
    answers = tf.saved_model.load(str(models["first"])).signatures["serving_default"](image_bytes=tf.constant(photos))
    assert len(photos) == 10
    assert answers["probabilities"].shape == (10, len(LABELS))
