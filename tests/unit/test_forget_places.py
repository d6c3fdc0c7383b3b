"""Places of a photo that `flowers forget` must not pass over, one by one."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from pathlib import Path

import pytest

from flowers_tfx import registry
from flowers_tfx.config import PipelineConfig
from flowers_tfx.data.forgotten import certificate_path
from flowers_tfx.data.spans import list_spans
from flowers_tfx.forgetting.forget import forget
from flowers_tfx.forgetting.photo_traces import Traces
from flowers_tfx.monitoring.closed_segments import write_closed_segment
from flowers_tfx.monitoring.kept_photos import keep_photo
from flowers_tfx.monitoring.records import read_records
from flowers_tfx.review.thumbnails import thumbnail
from flowers_tfx.selection import select
from tests.conftest import small_photo
from tests.unit.recorded_answers import recorded, write_open_segment
from tests.unit.test_forget import check_gone, config, contents, needles, original, photos, victim  # noqa: F401 - fixtures
from tests.unit.test_gc import add_span, no_progress
from tests.unit.test_registry import saved_model

DIGEST = "ab" * 32


def test_certificate_and_card_of_a_version_lose_the_name_and_the_version_stays_whole(config: PipelineConfig, tmp_path: Path) -> None:  # noqa: F811
    digest, wanted = needles(config)
    uri = victim(list_spans(config.data_root)[0])[1]
    model = saved_model(tmp_path / "model", "with a certificate")
    (model / "assets.extra").mkdir()
    (model / "assets.extra" / "parity.json").write_text(json.dumps({"pixels": {"largest": 1, "photo": uri}}))

    def card(entry: registry.Entry) -> dict[str, bytes]:
        value = {"lineage": {"model_digest": entry.digest}, "parity": {"pixels": {"photo": uri}}}
        return {registry.CARD_FILE: json.dumps(value).encode(), registry.CARD_PAGE: f"<p>{entry.digest} {uri}</p>".encode()}

    pushed = registry.publish(model, config.registry, "another", (), "", card)
    forget(config, digest, None, no_progress)
    check_gone(config, tmp_path / "roots", digest, wanted)
    entry = registry.entry(config.registry, pushed.version)
    assert entry.digest != pushed.digest
    assert (registry.damage(config.registry, entry), registry.card_damage(config.registry, entry)) == ("", "")
    kept = registry.read_card(Path(config.registry) / str(pushed.version))
    assert kept == {"lineage": {"model_digest": entry.digest}, "parity": {"pixels": {"photo": "forgotten"}}}


def test_a_photo_that_only_a_visitor_sent(config: PipelineConfig) -> None:  # noqa: F811
    photo = b"\xff\xd8 of a visitor"
    digest = hashlib.sha256(photo).hexdigest()
    folder = Path(config.serving.feedback_dir)
    (folder / "photos" / f"{digest}.jpg").write_bytes(photo)
    (folder / ".recent").mkdir()
    (folder / ".recent" / "ab").write_bytes(b'{"label": "roses"}\n' + photo)
    certificate = forget(config, digest, None, no_progress)
    assert certificate["state"] == "done"
    assert [path for path in folder.rglob("*") if path.is_file() and photo in path.read_bytes()] == []
    assert len(certificate["removed"]) == 2


def test_records_of_answers_lose_the_photo_also_while_the_service_writes_to_them(config: PipelineConfig) -> None:  # noqa: F811
    digest = list_digest(config)
    folder = Path(config.data_root).parent / "records"
    (folder / "photos").mkdir(parents=True)
    config = config.model_copy(update={"serving": config.serving.model_copy(update={"record_dir": str(folder)})})
    rows = [recorded(number, **({"digest": digest} if number % 3 == 0 else {})) for number in range(9)]
    write_closed_segment(folder, "1700000000000-ab", rows[:3])
    write_closed_segment(folder, "1700000000003-ab", rows[3:4])
    write_open_segment(folder, "1700000000004-ab", rows[4:])
    (folder / "photos" / f"{digest}.jpg").write_bytes(b"photo")
    with (folder / "open-1700000000004-ab.answers.jsonl").open("ab") as service:
        certificate = forget(config, digest, None, no_progress)
        later = {name: value for name, value in recorded(9, measured=False).items() if name != "measured"}
        service.write(json.dumps(later).encode() + b"\n")
    assert sum("record" in row["what"] or "kept" in row["what"] for row in certificate["removed"]) == 4
    assert read_records(str(folder))["id"].tolist() == [f"{number:032x}" for number in (1, 2, 4, 5, 7, 8, 9)]
    assert read_records(str(folder))["measured"].tolist() == [True] * 6 + [False]
    assert all(digest.encode() not in content for path in folder.rglob("*") if path.is_file() for content in contents(path))
    assert f"{6:032x}" not in (folder / "open-1700000000004-ab.measured.jsonl").read_text(encoding="utf-8")
    assert {path.stat().st_mode & 0o777 for path in folder.glob("*.parquet")} == {0o600}


def test_a_photo_that_only_records_have(config: PipelineConfig) -> None:  # noqa: F811
    folder = Path(config.data_root).parent / "records"
    folder.mkdir()
    config = config.model_copy(update={"serving": config.serving.model_copy(update={"record_dir": str(folder)})})
    photo = small_photo(1)
    digest = hashlib.sha256(photo).hexdigest()
    write_closed_segment(folder, "1700000000000-ab", [recorded(1, digest=digest), recorded(2)])
    assert keep_photo(folder, digest, photo)
    picture = base64.b64encode(thumbnail(photo))
    (folder / "monitor").mkdir()
    (folder / "monitor" / "report.html").write_bytes(b"<img src='data:image/jpeg;base64,%b'>" % picture)
    assert forget(config, digest, None, no_progress)["state"] == "done"
    assert picture not in (folder / "monitor" / "report.html").read_bytes()
    assert list((folder / "photos").iterdir()) == []
    assert read_records(str(folder))["id"].tolist() == [f"{2:032x}"]


def list_digest(config: PipelineConfig) -> str:  # noqa: F811
    return victim(list_spans(config.data_root)[0])[0]


def test_free_pages_of_ml_metadata(config: PipelineConfig, tmp_path: Path) -> None:  # noqa: F811
    digest, wanted = needles(config)
    file = Path(config.pipeline_root) / "metadata.sqlite"
    database = sqlite3.connect(file)
    for statement, values in (
        ("PRAGMA secure_delete = OFF", ()),
        ("CREATE TABLE Notes (text TEXT)", ()),
        ("INSERT INTO Notes VALUES (?)", (digest * 200,)),
        ("DELETE FROM Notes", ()),
    ):
        database.execute(statement, values)
        database.commit()
    database.close()
    assert digest.encode() in file.read_bytes(), "SQLite keeps what was deleted"
    forget(config, digest, None, no_progress)
    check_gone(config, tmp_path / "roots", digest, wanted)


def test_what_killed_writers_left(config: PipelineConfig, tmp_path: Path) -> None:  # noqa: F811
    digest, wanted = needles(config)
    span = list_spans(config.data_root)[0]
    draft = Path(config.data_root) / f".span-2.{'0' * 32}.tmp" / "work"
    draft.mkdir(parents=True)
    for shard in Path(str(span.path)).glob("*.tfrecord.gz"):
        (draft / shard.name).write_bytes(shard.read_bytes())
    certificate = certificate_path(config.data_root, digest)
    assert isinstance(certificate, Path)
    certificate.parent.mkdir()
    (certificate.parent / f".{certificate.name}.{'0' * 32}.tmp").write_text(digest)
    forget(config, digest, None, no_progress)
    check_gone(config, tmp_path / "roots", digest, wanted)


def test_a_span_of_which_nothing_is_left_is_in_no_window(config: PipelineConfig) -> None:  # noqa: F811
    labels = list(list_spans(config.data_root)[0].labels)
    before = select(config.data_root, config.registry, "all", labels, "").window
    add_span(config, 2, examples=0, splits={"train": 0, "eval": 0, "test": 0}, label_counts={}, labels=labels)
    assert select(config.data_root, config.registry, "all", labels, "").window == before


@pytest.mark.parametrize(
    ("uri", "text", "edited"),
    [
        ("1.jpg", "1.jpg, 11.jpg, roses/1.jpg, 1.jpg.bak and 1.jpg.", "forgotten, 11.jpg, roses/1.jpg, 1.jpg.bak and forgotten."),
        ("roses/1.jpg", "/data/roses/1.jpg and myroses/1.jpg", "/data/forgotten and myroses/1.jpg"),
        ("a&b's.jpg", '<i title="a&amp;b&#x27;s.jpg">', '<i title="forgotten">'),
        ("ö.jpg", '["\\u00f6.jpg", "ö.jpg"]', '["forgotten", "forgotten"]'),
    ],
)
def test_an_address_is_no_part_of_another_one(uri: str, text: str, edited: str) -> None:
    assert Traces(DIGEST, (uri,), ()).edit(text.encode()).decode() == edited
