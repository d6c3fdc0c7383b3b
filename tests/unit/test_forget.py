"""`flowers forget`: a photo leaves everything that is stored, whatever interrupts it, and does not come back."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import sqlite3
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flowers_tfx import cli, registry
from flowers_tfx.artifact_files import TRAINING_FILE
from flowers_tfx.config import PipelineConfig
from flowers_tfx.data.decisions import decisions_on, read_decisions
from flowers_tfx.data.edited_spans import edited_span, photo_rows
from flowers_tfx.data.forgotten import DONE, REASON, certificate_path
from flowers_tfx.data.spans import Span, list_spans, span_digest
from flowers_tfx.errors import InputError
from flowers_tfx.explain.version_explanations import spans_of
from flowers_tfx.forgetting.forget import forget, look_for
from flowers_tfx.forgetting.span_edits import photo_bytes
from flowers_tfx.review import decisions
from flowers_tfx.review.stored_reviews import store_review
from flowers_tfx.review.thumbnails import thumbnail
from flowers_tfx.selection import select
from flowers_tfx.storage.locks import lock
from tests.unit.buckets import FakeStore
from tests.unit.killed_process import ends_before_kill
from tests.unit.test_gc import add_run, make_config, no_progress
from tests.unit.test_registry import saved_model


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "photos"
    flowers("dataset", "sample", folder, "--per-class", 6, "--seed", 3)
    return folder


@pytest.fixture(scope="module")
def original(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with one span, a version with a baseline that was trained on it, a run, a review with a thumbnail, a correction."""
    root = tmp_path_factory.mktemp("roots")
    flowers("dataset", "index", photos)
    ingest(photos, root / "data_root")
    config = configure(root)
    span = list_spans(config.data_root)[0]
    digest, uri = victim(span)
    picture = thumbnail(next(photo_bytes(span, digest)))
    spans = ({"span": 1, "digest": span.digest},)
    version = registry.publish(saved_model(root / "model", "m"), config.registry, "recipe", spans, "").version
    baseline = registry.version_path(config.registry, version) / registry.BASELINE_DIR
    assert isinstance(baseline, Path)
    (baseline / "sample").mkdir(parents=True)
    shutil.copy(span.path / "photos.parquet", baseline / "sample" / "photos.parquet")
    thumbnails = pa.table({"digest": [digest, "0" * 64], "jpeg": [picture, b"other"]})
    pq.write_table(thumbnails, baseline / "sample" / "thumbnails.parquet")
    record = {"push_id": "", "files": registry.baseline_files_digest(baseline)}
    (baseline / registry.BASELINE_FILE).write_text(json.dumps(record))
    explanations = baseline.parent / "explanations"
    explanations.mkdir()
    for name in (registry.EXPLANATIONS_FILE, registry.EXPLANATIONS_PAGE, registry.EXPLANATIONS_RECORD):
        (explanations / name).write_text(json.dumps({"photos": [digest]}))
    page = f'<img src="data:image/jpeg;base64,{base64.b64encode(picture).decode()}"> {uri} {digest[:12]}'
    example = {"uri": uri, "digest": digest, "label": "roses", "value": 1.0}
    review = {"created": "2026-01-01T00:00:00+00:00", "new": {"spans": [1]}, "new_spans": list(spans), "verdict": "warn", "x": [example]}
    store_review(config.pipeline_root, "first", {"report.html": page, "review.json": json.dumps(review)})
    decisions.decide(config.data_root, "accept", 1, ("property:mean_luma",), "fine", "me")
    others = [row.digest for row in photo_rows(span) if row.digest != digest][:2]
    decisions.decide(config.data_root, "exclude", 1, (), "blurred", "me", photos=[digest, others[0]])
    labels = {digest: "tulips", others[1]: next(label for label in span.labels if label != rows_by_digest(span)[others[1]])}
    decisions.decide(config.data_root, "relabel", 1, (), "wrong", "me", labels=labels, classes=span.labels)
    folder = add_run(config, 1, window=json.dumps([{"span": 1, "digest": span.digest}]))
    (folder / "examples.gz").write_bytes(gzip.compress(digest.encode()))
    feedback = root / "feedback"
    (feedback / "photos").mkdir(parents=True)
    (feedback / "photos" / f"{digest}.jpg").write_bytes(b"photo")
    (feedback / "feedback.csv").write_text(f"photos/{digest}.jpg,roses\nphotos/other.jpg,tulips\n")
    log = Path(config.pipeline_root) / "logs" / "20260101T000000-1.log"
    log.parent.mkdir(exist_ok=True)
    log.write_text(f"cannot decode {uri}\n")
    return root


@pytest.fixture
def config(original: Path, tmp_path: Path) -> PipelineConfig:
    return copied(original, tmp_path / "roots")


def copied(original: Path, root: Path) -> PipelineConfig:
    shutil.copytree(original, root)
    config = configure(root)
    with sqlite3.connect(Path(config.pipeline_root) / "metadata.sqlite") as database:
        database.execute("UPDATE Artifact SET uri = replace(uri, ?, ?)", (str(original), str(root)))
    database.close()
    return config


def rows_by_digest(span: Span) -> dict[str, str]:
    return {row.digest: row.label for row in photo_rows(span)}


def configure(root: Path) -> PipelineConfig:
    return make_config(root, serving={"feedback_dir": str(root / "feedback")})


def flowers(*arguments: object, code: int = 0) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main([str(argument) for argument in arguments])
    assert (stopped.value.code or 0) == code


def ingest(photos: Path, data_root: Path | str, rejects: Path | None = None) -> None:
    extra = ["--rejects", rejects] if rejects else []
    flowers("ingest", "--csv", photos / "all_data.csv", "--labels", photos / "dict.txt", "--data-root", data_root, *extra)


def victim(span: Span) -> tuple[str, str]:
    row = pq.read_table(span.path / "photos.parquet", columns=["digest", "uri", "split"]).to_pylist()[0]
    return row["digest"], row["uri"]


def traces_in(root: Path, *needles: bytes) -> set[str]:
    """The files below a folder with one of these in them, looked for in what compressed files hold, too."""
    return {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and any(needle in content for needle in needles for content in contents(path))
    }


def contents(path: Path) -> list[bytes]:
    data = path.read_bytes()
    found = [data, str(path.name).encode()]
    if path.suffix == ".gz":
        found.append(gzip.decompress(data))
    if path.suffix == ".parquet":
        columns = pq.read_table(path).to_pydict()
        found += [value if isinstance(value, bytes) else str(value).encode() for values in columns.values() for value in values]
    return found


def needles(config: PipelineConfig) -> tuple[str, list[bytes]]:
    span = list_spans(config.data_root)[0]
    digest, uri = victim(span)
    photo = next(photo_bytes(span, digest))
    picture = thumbnail(photo)
    return digest, [digest.encode(), uri.encode(), photo, picture, base64.b64encode(picture)]


def check_gone(config: PipelineConfig, root: Path, digest: str, wanted: list[bytes]) -> None:
    assert traces_in(root, *wanted) == {f"data_root/forgotten/{digest}.json"}
    (span,) = list_spans(config.data_root)
    rows = pq.read_table(span.path / "photos.parquet").to_pylist()
    assert span.digest == span_digest(rows) and span.examples == len(rows) == sum(span.manifest["splits"].values())
    assert registry.baseline_is_whole(config.registry, registry.versions(config.registry)[0])


def test_versions_that_started_from_one_that_saw_the_photo_are_named(config: PipelineConfig, tmp_path: Path) -> None:
    first = registry.versions(config.registry)[0]
    started = []
    for name, start in (("warm", {"version": str(first), "digest": "d"}), ("cold", None)):
        model = saved_model(tmp_path / name, name)
        (model / "assets.extra").mkdir()
        (model / TRAINING_FILE).write_text(json.dumps({"start": start}))
        started.append(registry.publish(model, config.registry, name, (), "").version)
    models = forget(config, needles(config)[0], None, no_progress)["models"]
    assert [(model["version"], model["splits"]) for model in models if model["trained"]][-1:] == [(started[0], [])]
    assert started[1] not in [model["version"] for model in models]


def test_only_the_certificate_is_left(config: PipelineConfig, tmp_path: Path) -> None:
    root = tmp_path / "roots"
    digest, wanted = needles(config)
    before = list_spans(config.data_root)[0]
    assert len(traces_in(root, *wanted)) >= 10
    certificate = forget(config, digest, None, no_progress)
    check_gone(config, root, digest, wanted)
    after = list_spans(config.data_root)[0]
    assert after.examples == before.examples - 1 and after.digests == (after.digest, before.digest)
    assert certificate["spans"] == [{"span": 1, "before": before.digest, "after": after.digest}]
    assert certificate["state"] == "done" and "thumbnails" not in certificate
    assert [model["version"] for model in certificate["models"]] == registry.versions(config.registry)
    assert {entry["what"] for entry in certificate["not_reached"]} >= {"weights", "delivered files"}
    assert (root / "feedback" / "feedback.csv").read_text() == "photos/other.jpg,tulips\n"
    page = (Path(config.pipeline_root) / "reviews" / "first" / "report.html").read_text()
    assert page.startswith('<img src="data:image/jpeg;base64,') and page.endswith("forgotten forgotten")
    # Once more there is nothing to do.
    assert forget(config, digest, None, no_progress) == certificate


def test_without_yes_nothing_changes(config: PipelineConfig, tmp_path: Path) -> None:
    _, wanted = needles(config)
    before = traces_in(tmp_path / "roots", *wanted)
    places = list(look_for(config, None, victim(list_spans(config.data_root)[0])[1]).rows(config))
    assert len(places) >= 7 and all(row["path"] and row["what"] for row in places)
    assert traces_in(tmp_path / "roots", *wanted) == before


def test_a_kill_at_every_step_is_finished_by_the_next_time(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = 0
    while True:
        root = tmp_path / f"kill-{steps}"
        config = copied(original, root)
        digest, wanted = needles(config)
        completed = ends_before_kill(monkeypatch, steps, partial(forget, config, digest, None, no_progress))
        certificate = certificate_path(config.data_root, digest)
        if certificate.is_file() and json.loads(certificate.read_text())["state"] != DONE:
            with pytest.raises(InputError, match="not forgotten everywhere yet"):
                select(config.data_root, config.registry, "all", ("daisy",), "")
        forget(config, digest, None, no_progress)
        check_gone(config, root, digest, wanted)
        shutil.rmtree(root)
        if completed:
            break
        steps += 1
    assert steps > 15


def test_decisions_and_versions_are_still_about_the_span(config: PipelineConfig) -> None:
    digest, _ = needles(config)
    forget(config, digest, None, no_progress)
    (span,) = list_spans(config.data_root)
    accepted, excluded, relabelled = decisions_on(read_decisions(config.data_root), span)
    assert accepted.digest == span.digest and accepted.findings == ("property:mean_luma",)
    assert len(excluded.photos) == len(relabelled.labels) == 1 and digest not in (*excluded.photos, *relabelled.labels)
    edits = edited_span(read_decisions(config.data_root), span).edits
    assert (edits.excluded, edits.labels) == (set(excluded.photos), relabelled.labels)
    with pytest.raises(InputError, match="no photo with the digest"):
        decisions.decide(config.data_root, "exclude", 1, (), "again", "me", photos=[digest])
    labels = span.labels
    selection = select(config.data_root, config.registry, "all", labels, "settings")
    assert json.loads(selection.baseline)["spans"] == [{"span": 1, "digest": span.digest}]
    assert json.loads(selection.decisions)[0]["digest"] == span.digest
    entry = registry.entry(config.registry, registry.versions(config.registry)[0])
    assert spans_of(config.data_root, entry) == [span]  # `flowers explain --all` finds the photos of `test` there


def test_the_photo_does_not_come_back(config: PipelineConfig, photos: Path, tmp_path: Path) -> None:
    digest, wanted = needles(config)
    forget(config, digest, None, no_progress)
    rejects = tmp_path / "rejects.jsonl"
    ingest(photos, config.data_root, rejects)
    (reject,) = (json.loads(line) for line in rejects.read_text().splitlines())
    assert reject["reason"] == REASON and not reject.get("digest")
    assert len(list_spans(config.data_root)) == 1
    assert traces_in(tmp_path / "roots", wanted[0], wanted[2]) == {f"data_root/forgotten/{digest}.json"}


def test_a_data_root_and_a_registry_in_a_bucket(config: PipelineConfig, store: FakeStore, tmp_path: Path) -> None:
    digest, wanted = needles(config)
    for name in ("data_root", "registry"):
        for path in Path(getattr(config, name)).rglob("*"):
            if path.is_file() and path.name != ".lock":
                store.write(f"{name}/{path.relative_to(getattr(config, name)).as_posix()}", path.read_bytes())
    bucket = config.model_copy(update={"data_root": "s3://bucket/data_root", "registry": "s3://bucket/registry"})
    forget(bucket, digest, None, no_progress)
    for key, (data, _) in store.objects.items():
        file = tmp_path / "objects" / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    assert traces_in(tmp_path / "objects", *wanted) == {f"data_root/forgotten/{digest}.json"}
    (span,) = list_spans(bucket.data_root)
    assert registry.baseline_is_whole(bucket.registry, registry.versions(bucket.registry)[0])
    with pytest.raises(InputError, match="No span has"):
        look_for(bucket, None, "nowhere.jpg")
    assert span.examples == 29


def test_an_unknown_photo_is_bad_input(config: PipelineConfig) -> None:
    for photo, uri, message in (("abc", None, "sha256"), ("0" * 64, None, "No span has"), (None, "nowhere.jpg", "No span has")):
        with pytest.raises(InputError, match=message):
            look_for(config, photo, uri)


@pytest.mark.parametrize("root", ["pipeline_root", "data_root", "registry"])
def test_nothing_is_removed_while_something_is_at_work(config: PipelineConfig, root: str) -> None:
    digest, _ = needles(config)
    with lock(Path(getattr(config, root))), pytest.raises(InputError, match="is at work"):
        forget(config, digest, None, no_progress)
    assert not certificate_path(config.data_root, digest).is_file()


def test_the_command_prints_the_certificate(config: PipelineConfig, capsys: pytest.CaptureFixture[str]) -> None:
    digest, _ = needles(config)
    roots = [word for name in ("data_root", "pipeline_root", "registry") for word in ("--set", f"{name}={getattr(config, name)}")]
    flowers("forget", "--photo", digest, *roots, "--json")
    shown = json.loads(capsys.readouterr().out)
    assert shown["photo"] == digest and shown["would_remove"] and "removed" not in shown
    flowers("forget", "--photo", digest, "--yes", *roots, "--json")
    done = json.loads(capsys.readouterr().out)
    assert done == json.loads(certificate_path(config.data_root, digest).read_text()) and done["removed"] == shown["would_remove"]
    flowers("forget", *roots, "--json", code=2)
