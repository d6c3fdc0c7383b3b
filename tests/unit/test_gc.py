"""`flowers gc`: what leaves, what stays, and a kill at every step."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from flowers_tfx import cli, registry
from flowers_tfx.config import PipelineConfig, parse_config
from flowers_tfx.data.decisions import FILE
from flowers_tfx.data.spans import list_spans
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.preflight import lock_pipeline_root
from flowers_tfx.orchestration.settings import metadata_connection
from flowers_tfx.progress import Progress, listening
from flowers_tfx.retention.collection import Collection, collect, plan
from flowers_tfx.retention.work_locks import locked
from flowers_tfx.review import decisions
from flowers_tfx.review.stored_reviews import store_review, stored_reviews
from flowers_tfx.storage import storage_path
from flowers_tfx.storage.locks import lock
from tests.unit.buckets import FakeStore, Killed
from tests.unit.killed_process import ends_before_kill
from tests.unit.test_registry import saved_model

CREATED = "2020-01-01T00:00:00+00:00"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PipelineConfig:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    return make_config(tmp_path)


def make_config(root: Path, **changes: Any) -> PipelineConfig:
    roots = {name: str(root / name) for name in ("data_root", "pipeline_root", "registry")}
    retention = {"runs": 1, "versions": 1, "spans_days": 1, "logs_days": 1, "reviews_days": 1, **changes.pop("retention", {})}
    return parse_config({**roots, "retention": retention, **changes})


def push(config: PipelineConfig, tmp_path: Path, name: str, digest: str = "") -> int:
    model = saved_model(tmp_path / "models" / name, name)
    return registry.publish(model, config.registry, name, ({"span": 1, "digest": digest or "d"},), "").version


def add_span(config: PipelineConfig, number: int, **changes: Any) -> None:
    path = Path(config.data_root) / f"span-{number}"
    path.mkdir(parents=True)
    manifest = {"span": number, "format_version": 1, "digest": f"d{number}", "examples": 3, "labels": ["daisy"], "created": CREATED}
    (path / "manifest.json").write_text(json.dumps({**manifest, **changes}))
    (path / "train-00000.tfrecord.gz").write_bytes(b"photos" * 10)


def add_run(config: PipelineConfig, number: int, window: str = "") -> Path:
    """A run of one node, Trainer, that wrote one artifact; the folder of it."""
    Path(config.pipeline_root).mkdir(exist_ok=True)
    store = metadata_store.MetadataStore(metadata_connection(config))
    types = {name: store.put_context_type(mlmd.ContextType(name=name)) for name in ("pipeline", "pipeline_run", "node")}
    names = {"pipeline": "flowers", "pipeline_run": f"2020010{number}T000000.000", "node": "flowers.Trainer"}
    contexts = []
    for kind, name in names.items():
        known = store.get_context_by_type_and_name(kind, name)
        contexts.append(known.id if known else store.put_contexts([mlmd.Context(type_id=types[kind], name=name)])[0])
    execution_type = store.put_execution_type(mlmd.ExecutionType(name="Trainer"))
    execution = mlmd.Execution(type_id=execution_type, last_known_state=mlmd.Execution.COMPLETE)
    execution.custom_properties["window"].string_value = window
    (execution_id,) = store.put_executions([execution])
    folder = Path(config.pipeline_root) / "Trainer" / "model" / str(execution_id)
    folder.mkdir(parents=True)
    (folder / "weights").write_bytes(b"w" * 1000)
    (Path(config.pipeline_root) / "Trainer" / ".system" / "executor_execution" / str(execution_id)).mkdir(parents=True)
    artifact_type = store.put_artifact_type(mlmd.ArtifactType(name="Model"))
    (artifact_id,) = store.put_artifacts([mlmd.Artifact(type_id=artifact_type, uri=str(folder), state=mlmd.Artifact.LIVE)])
    store.put_events([mlmd.Event(artifact_id=artifact_id, execution_id=execution_id, type=mlmd.Event.OUTPUT)])
    store.put_attributions_and_associations([], [mlmd.Association(execution_id=execution_id, context_id=context) for context in contexts])
    time.sleep(0.002)  # runs are ordered by their milliseconds
    return folder


def reject(config: PipelineConfig, number: int) -> None:
    """Long ago."""
    decision = decisions.decide(config.data_root, "reject", number, (), "bad", "me")
    path = storage_path(config.data_root) / FILE
    path.write_bytes(path.read_bytes().replace(decision.when.encode(), CREATED.encode()))


def leaving(collection: Collection, kind: str = "") -> set[str]:
    return {item.path.name for item in collection.leaving if kind in ("", item.kind)}


def no_progress(done: int, total: int) -> None:
    pass


def test_old_versions_leave_and_those_that_something_needs_stay(config: PipelineConfig, tmp_path: Path) -> None:
    add_span(config, 1)
    old, rollback, serving, newest = (push(config, tmp_path, name) for name in "abcd")
    registry.pin_version(config.registry, serving)
    assert leaving(plan(config)) == {str(old)}
    assert leaving(collect(config, no_progress)) == {str(old)}
    assert registry.versions(config.registry) == [rollback, serving, newest]
    assert all(not registry.damage(config.registry, registry.entry(config.registry, version)) for version in (rollback, serving, newest))


def test_the_version_that_equal_candidates_are_compared_with_stays(config: PipelineConfig, tmp_path: Path) -> None:
    add_span(config, 1)
    older, compared, middle, serving = (push(config, tmp_path, name) for name in "abcd")
    record = Path(config.registry) / str(middle) / registry.ENTRY_FILE
    record.write_text(json.dumps({**json.loads(record.read_text()), "recipe": "d"}))
    kept = {item.path.name: item.why for item in plan(config).items if item.kind == "version" and item.keep}
    assert set(kept) == {str(compared), str(middle), str(serving)} and "compared" in kept[str(compared)]
    assert leaving(plan(config)) == {str(older)}


def test_spans_leave_that_no_window_has_and_no_version_was_trained_on(config: PipelineConfig, tmp_path: Path) -> None:
    for number in range(1, 6):
        add_span(config, number, **({"replaces": 2} if number == 3 else {}))
    push(config, tmp_path, "a", digest="d4")
    for number in (1, 4, 5):
        reject(config, number)
    found = {item.path.name: item for item in plan(config).items if item.kind == "span"}
    assert {name for name, item in found.items() if not item.keep} == {"span-1", "span-2"}
    assert "trained on it" in found["span-4"].why and "number" in found["span-5"].why and "window" in found["span-3"].why
    assert not leaving(plan(make_config(tmp_path, retention={"spans_days": None})), "span")
    young = make_config(tmp_path, retention={"spans_days": 10_000})
    assert not leaving(plan(young), "span")
    collect(config, no_progress)
    assert [span.number for span in list_spans(config.data_root)] == [3, 4, 5]


def test_artifacts_of_old_runs_leave_and_ml_metadata_knows(config: PipelineConfig, tmp_path: Path) -> None:
    add_span(config, 1)
    push(config, tmp_path, "a")
    old, new = add_run(config, 1), add_run(config, 2)
    killed = old.parent / "77"  # of no execution
    killed.mkdir()
    foreign = Path(config.pipeline_root) / "photos" / "mine" / "5"  # of no node
    foreign.mkdir(parents=True)
    collect(config, no_progress)
    assert not old.exists() and not killed.exists()
    assert new.joinpath("weights").is_file() and foreign.is_dir()
    store = metadata_store.MetadataStore(metadata_connection(config))
    states = {Path(artifact.uri).name: artifact.state for artifact in store.get_artifacts()}
    assert states == {old.name: mlmd.Artifact.DELETED, new.name: mlmd.Artifact.LIVE}
    assert not plan(config).leaving


def test_interrupted_searches_leave_when_nobody_goes_on_with_them(config: PipelineConfig, tmp_path: Path) -> None:
    push(config, tmp_path, "a")
    add_span(config, 1)
    searches = add_run(config, 1).parents[1] / ".system" / "searches"
    for name, days in (("new", 1), ("old", config.retention.cache_days + 1)):
        (searches / name).mkdir(parents=True)
        (searches / name / "trials.jsonl").write_text("{}")
        os.utime(searches / name, (time.time() - days * 86_400,) * 2)
    assert leaving(collect(config, no_progress), "cache") == {"old"}
    assert sorted(path.name for path in searches.iterdir()) == ["new"]


def test_links_are_not_followed(config: PipelineConfig, tmp_path: Path) -> None:
    add_span(config, 1)
    push(config, tmp_path, "a")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "photo.jpg").write_bytes(b"mine")
    old = add_run(config, 1)
    add_run(config, 2)
    (old / "link").symlink_to(outside)
    (old.parent / "88").symlink_to(outside)
    collect(config, no_progress)
    assert not old.exists() and (outside / "photo.jpg").read_bytes() == b"mine"


def test_old_reviews_leave_and_evidence_stays(config: PipelineConfig, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        add_span(config, number)
    push(config, tmp_path, "a")
    decisions.decide(config.data_root, "accept", 2, ("property:luma",), "fine", "me")

    def review(name: str, number: int, day: int) -> None:
        spans = [{"span": number, "digest": f"d{number}"}]
        value = {"created": f"2020-01-0{day}T00:00:00+00:00", "new": {"spans": [number]}, "new_spans": spans, "run_id": name}
        store_review(config.data_root, name, {"report.html": "page", "review.json": json.dumps(value)})

    review("first-of-1", 1, 1)
    review("newest-of-1", 1, 2)
    review("first-of-2", 2, 3)
    review("newest-of-2", 2, 4)
    assert leaving(plan(config)) == {"first-of-1"}
    assert not leaving(plan(make_config(tmp_path, retention={"reviews_days": 10_000})))
    collect(config, no_progress)
    assert {stored.folder.name for stored in stored_reviews(config.data_root)} == {"newest-of-1", "first-of-2", "newest-of-2"}


@pytest.mark.parametrize(("root", "holder"), [("pipeline_root", "run"), ("data_root", "ingest"), ("registry", "push")])
def test_nothing_is_removed_while_something_is_at_work(config: PipelineConfig, tmp_path: Path, root: str, holder: str) -> None:
    add_span(config, 1)
    old = push(config, tmp_path, "a")
    for name in "bc":
        push(config, tmp_path, name)
    Path(config.pipeline_root).mkdir()
    with lock(Path(getattr(config, root))), pytest.raises(InputError, match=f"Another {holder} is at work"):
        collect(config, no_progress)
    assert old in registry.versions(config.registry)


def test_a_run_that_starts_meanwhile_waits(config: PipelineConfig) -> None:
    add_span(config, 1)
    for root in (config.pipeline_root, config.registry):
        Path(root).mkdir()
    notices: list[str] = []
    noticed, started = threading.Event(), threading.Event()

    class Screen:
        def report(self, progress: Progress) -> None:
            pass

        def notify(self, message: str) -> None:
            notices.append(message)
            noticed.set()

    def run() -> None:
        with lock_pipeline_root(config.pipeline_root):
            started.set()

    thread = threading.Thread(target=run)
    with listening(Screen()):
        with locked(config):
            thread.start()
            assert noticed.wait(120) and not started.is_set()
        assert started.wait(120)
    thread.join()
    assert "process that removes files" in notices[0]


def test_a_kill_at_every_step_leaves_whole_things_and_the_next_time_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: PipelineConfig
) -> None:
    steps, states = 0, set()
    while True:
        here = tmp_path / f"kill-{steps}"
        mine = make_config(here)
        for number in (1, 2, 3):
            add_span(mine, number)
        for name in "abc":
            push(mine, here, name)
        reject(mine, 1)
        add_run(mine, 1)
        add_run(mine, 2)
        completed = ends_before_kill(monkeypatch, steps, partial(collect, mine, no_progress))
        versions = registry.versions(mine.registry)
        assert len(versions) in (2, 3)
        assert all(not registry.damage(mine.registry, registry.entry(mine.registry, version)) for version in versions)
        assert {span.number for span in list_spans(mine.data_root)} in ({1, 2, 3}, {2, 3})
        assert all((span.path / "train-00000.tfrecord.gz").is_file() for span in list_spans(mine.data_root))
        states.add((len(versions), len(list_spans(mine.data_root))))
        collect(mine, no_progress)
        assert not plan(mine).leaving
        names = {path.name for root in (mine.data_root, mine.registry) for path in Path(root).iterdir()}
        assert not [name for name in names if name.endswith(".tmp")]
        assert [span.number for span in list_spans(mine.data_root)] == [2, 3] and len(registry.versions(mine.registry)) == 2
        shutil.rmtree(here)
        if completed:
            break
        steps += 1
    assert steps > 10 and states == {(3, 3), (2, 3), (2, 2)}


def test_a_kill_at_every_step_in_a_bucket(
    store: FakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: PipelineConfig, short_lease: Callable[[float], None]
) -> None:
    short_lease(0.05)
    steps, parts = 0, 0
    while True:
        store.objects.clear()
        mine = make_config(tmp_path, registry="s3://bucket/registry", data_root="s3://bucket/data", pipeline_root="s3://bucket/runs")
        for number in (1, 2, 3):
            for name, text in {
                "manifest.json": span_manifest(number),
                "train-00000.tfrecord.gz": "photos",
                "photos.parquet": "rows",
            }.items():
                store.write(f"data/span-{number}/{name}", text.encode())
        for name in "abc":
            push(mine, tmp_path, f"{name}{steps}")
        for day in (1, 2):
            store_review(mine.data_root, f"review-{day}", {"report.html": "page", "review.json": review_text(3, day)})
        reject(mine, 1)
        versions = registry.versions(mine.registry)
        files = {key for key in store.objects if key.startswith("registry/")}
        completed = collect_in_bucket_until_killed(mine, store, monkeypatch, steps)
        for version in versions:  # what TensorFlow Serving sees is whole
            own = {key for key in files if key.startswith(f"registry/{version}/")}
            assert f"registry/{version}/saved_model.pb" not in store.objects or own - set(store.objects) <= {
                f"registry/{version}/{registry.ENTRY_FILE}"
            }
            parts += 0 < len(own & set(store.objects)) < len(own)
        assert set(registry.versions(mine.registry)) >= set(versions[1:])
        assert {span.number for span in list_spans(mine.data_root)} >= {2, 3}
        collect(mine, no_progress)
        assert not plan(mine).leaving
        assert registry.versions(mine.registry) == versions[1:]
        assert not [key for key in store.objects if key.startswith((f"registry/{versions[0]}/", "data/span-1/", "data/reviews/review-1"))]
        assert "data/.span-1.claim" in store.objects and not [key for key in store.objects if key.endswith((".lock", ".removed"))]
        if completed:
            break
        steps += 1
    assert steps > 10 and parts > 1


def span_manifest(number: int) -> str:
    return json.dumps({"span": number, "format_version": 1, "digest": f"d{number}", "examples": 3, "labels": ["daisy"], "created": CREATED})


def review_text(span: int, day: int) -> str:
    created = f"2020-01-0{day}T00:00:00+00:00"
    return json.dumps({"created": created, "new": {"spans": [span]}, "new_spans": [{"span": span, "digest": f"d{span}"}]})


def collect_in_bucket_until_killed(config: PipelineConfig, store: FakeStore, monkeypatch: pytest.MonkeyPatch, steps: int) -> bool:
    """Dies before the write or deletion of an object number `steps`, those of locks left out; whether it came to its end before."""
    left = steps
    delete, write = store.delete, store.write

    def step(key: str) -> None:
        nonlocal left
        if key.endswith(".lock"):
            return
        if left == 0:
            raise Killed
        left -= 1

    def delete_each(keys: Any) -> None:
        for key in keys:
            step(key)
            delete([key])

    def write_one(key: str, data: bytes, tag: str | None = None) -> str:
        step(key)
        return write(key, data, tag)

    with monkeypatch.context() as patched:
        patched.setattr(store, "delete", delete_each)
        patched.setattr(store, "write", write_one)
        try:
            collect(config, no_progress)
        except Killed:
            return False
    return True


def test_old_records_of_answers_leave(config: PipelineConfig, tmp_path: Path) -> None:
    folder = tmp_path / "records"
    (folder / "photos").mkdir(parents=True)
    config = make_config(tmp_path, serving={"record_dir": str(folder)}, retention={"records_days": 3})
    names = ["records-1700000000000-ab-1700000001000.parquet", "photos/a.jpg", "open-1700000002000-ab.answers.jsonl"]
    for age, kind in ((4, ""), (2, "new-")):
        for name in names:
            path = folder / name.replace("-ab", f"-{age}").replace("a.jpg", f"{kind}a.jpg")
            path.write_bytes(bytes(100))
            os.utime(path, (time.time() - age * 86_400,) * 2)
    Path(config.data_root).mkdir()
    Path(config.registry).mkdir()
    collection = collect(config, no_progress)
    assert {path.name for path in folder.rglob("*") if path.is_file()} == {
        "records-1700000000000-2-1700000001000.parquet",
        "new-a.jpg",
        "open-1700000002000-4.answers.jsonl",
        "open-1700000002000-2.answers.jsonl",
    }
    records = [item.as_json() for item in collection.items if item.kind == "record"]
    assert [(item["bytes"], item["why"]) for item in records] == [(100, "older than 3 days")] * 2 + [(400, "younger than 3 days")]


def test_the_canary_and_versions_of_other_programs_stay(config: PipelineConfig, tmp_path: Path) -> None:
    add_span(config, 1)
    canary, *_ = (push(config, tmp_path, name) for name in "abcd")
    saved_model(Path(config.registry) / "7", "foreign")
    on_trial = make_config(tmp_path, serving={"canary": {"version": canary, "share": 0.1}})
    assert str(canary) in leaving(plan(config), "version") and "7" not in leaving(plan(config))
    kept = {item.path.name: item.why for item in plan(on_trial).items if item.kind == "version" and item.keep}
    assert "canary" in kept[str(canary)] and "another program" in kept["7"]


def test_a_span_stays_as_long_as_a_run_may_be_reading_it(config: PipelineConfig) -> None:
    for number in (1, 2):
        add_span(config, number)
    decisions.decide(config.data_root, "reject", 1, (), "bad", "me")
    assert not leaving(plan(config), "span"), "it was rejected just now"


def test_a_span_stays_whose_removal_would_bring_another_one_back(config: PipelineConfig, tmp_path: Path) -> None:
    for number in range(1, 5):
        add_span(config, number, **({"replaces": number - 1} if number in (2, 3) else {}))
    push(config, tmp_path, "a", digest="d1")
    kept = {item.path.name: item.why for item in plan(config).items if item.kind == "span"}
    assert not leaving(plan(config), "span")
    assert "trained on it" in kept["span-1"] and "in use again" in kept["span-2"]


def test_no_span_leaves_beside_a_version_whose_record_cannot_be_read(config: PipelineConfig, tmp_path: Path) -> None:
    for number in (1, 2):
        add_span(config, number)
    reject(config, 1)
    assert leaving(plan(config), "span") == {"span-1"}
    version = push(config, tmp_path, "a")
    (Path(config.registry) / str(version) / registry.ENTRY_FILE).write_text("{")
    assert not leaving(plan(config), "span")


def test_what_lies_behind_a_link_stays(config: PipelineConfig, tmp_path: Path) -> None:
    add_span(config, 1)
    push(config, tmp_path, "a")
    old = add_run(config, 1)
    add_run(config, 2)
    node = Path(config.pipeline_root) / "Trainer"
    shutil.move(node, tmp_path / "elsewhere")
    node.symlink_to(tmp_path / "elsewhere")
    assert not leaving(collect(config, no_progress))
    assert (tmp_path / "elsewhere" / "model" / old.name / "weights").is_file()


def test_the_command_shows_first_and_removes_with_yes(config: PipelineConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add_span(config, 1)
    old, *_ = (push(config, tmp_path, name) for name in "abc")
    log = Path(config.pipeline_root) / "logs" / "20200101T000000-1.log"
    log.parent.mkdir(parents=True)
    log.write_text("a run")
    os.utime(log, (0, 0))
    settings = [f"{name}={getattr(config, name)}" for name in ("data_root", "pipeline_root", "registry")]
    settings += ["retention.versions=1", "retention.logs_days=1"]

    def gc(*options: str) -> dict[str, Any]:
        arguments = [word for setting in settings for word in ("--set", setting)]
        with pytest.raises(SystemExit) as stopped:
            cli.main(["gc", *arguments, *options, "--json"])
        assert not stopped.value.code
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    shown = gc()
    assert {row["path"] for row in shown["would_remove"]} == {str(Path(config.registry) / str(old)), str(log)}
    assert all(row["why"] and row["bytes"] >= 0 for row in shown["would_remove"] + shown["kept"])
    assert shown["bytes"] == sum(row["bytes"] for row in shown["would_remove"]) > 0
    assert log.is_file()
    done = gc("--yes")
    assert done["removed"] == shown["would_remove"] and not log.exists()
    assert done["bytes_after"] == shown["bytes_before"] - shown["bytes"]
    assert gc("--yes")["removed"] == []
