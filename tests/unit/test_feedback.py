"""Feedback: what reaches the folder, what is refused, and that ingest takes what was written."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from fastapi import FastAPI
from fastapi.testclient import TestClient

from flowers_tfx.data.delivery import read_line
from flowers_tfx.data.ingest import IngestRequest, ingest
from flowers_tfx.data.spans import list_spans, read_photos
from flowers_tfx.errors import InputError
from flowers_tfx.serving import feedback_folder
from flowers_tfx.serving.feedback import Feedback, FeedbackRequest, feedback_router
from flowers_tfx.serving.feedback_folder import RECENT
from flowers_tfx.serving.recent_photos import RecentPhotos
from flowers_tfx.serving.requests import RequestError
from flowers_tfx.serving.responses import error_response
from tests.conftest import ROOT, small_photo

LABELS = ("daisy", "roses", 'a "rare", one', "tulips")
ANSWER = {"label": "roses", "probability": 0.7}


@pytest.fixture
def feedback(tmp_path: Path) -> Iterator[Feedback]:
    feedback = Feedback(str(tmp_path / "feedback"), min_free_bytes=0)
    feedback.start()
    yield feedback
    feedback.stop()


@pytest.fixture
def client(feedback: Feedback) -> TestClient:
    return client_of(feedback)


def client_of(feedback: Feedback | None) -> TestClient:
    app = FastAPI(exception_handlers={RequestError: lambda request, error: error_response(request.url.path, error)})
    app.include_router(feedback_router(feedback, lambda: LABELS))
    return TestClient(app)


def answered(feedback: Feedback, photo: bytes) -> str:
    """The id of an answer on the photo."""
    answer_id = uuid.uuid4().hex
    feedback.recent.keep(answer_id, photo, ANSWER)
    return answer_id


def lines(folder: Path) -> list[str]:
    path = folder / "feedback.csv"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "feedback.jsonl").read_text(encoding="utf-8").splitlines()]


def test_a_photo_lands_beside_its_line(client: TestClient, feedback: Feedback, tmp_path: Path) -> None:
    photo = small_photo(1)
    answer_id = answered(feedback, photo)
    reply = client.post("/v1/feedback", json={"id": answer_id, "label": "tulips"})
    assert (reply.status_code, reply.json()) == (200, {"id": answer_id, "label": "tulips"})
    [line] = lines(tmp_path / "feedback")
    uri, _, label = line.partition(",")
    assert label == "tulips"
    assert (tmp_path / "feedback" / uri).read_bytes() == photo
    [entry] = log(tmp_path / "feedback")
    assert (entry["id"], entry["label"], entry["photo"], entry["answer"]) == (answer_id, "tulips", uri, ANSWER)


def test_the_last_word_on_a_photo_counts(client: TestClient, feedback: Feedback, tmp_path: Path) -> None:
    """Two classes for one photo would be a conflict, of which ingest takes neither."""
    photo, other = small_photo(1), small_photo(2)
    for picture, label in ((photo, "tulips"), (other, "daisy"), (photo, "roses")):
        assert client.post("/v1/feedback", json={"id": answered(feedback, picture), "label": label}).status_code == 200
    assert sorted(line.partition(",")[2] for line in lines(tmp_path / "feedback")) == ["daisy", "roses"]
    assert client.post("/v1/feedback", json={"id": answered(feedback, photo), "label": None}).status_code == 200
    assert [line.partition(",")[2] for line in lines(tmp_path / "feedback")] == ["daisy"]
    assert [entry["label"] for entry in log(tmp_path / "feedback")] == ["tulips", "daisy", "roses", None]
    assert len(list((tmp_path / "feedback" / "photos").iterdir())) == 2


def test_a_class_of_any_name_is_read_back(client: TestClient, feedback: Feedback, tmp_path: Path) -> None:
    assert client.post("/v1/feedback", json={"id": answered(feedback, small_photo(1)), "label": LABELS[2]}).status_code == 200
    [raw] = (tmp_path / "feedback" / "feedback.csv").read_bytes().splitlines(keepends=True)
    line = read_line(1, raw, str(tmp_path / "feedback"), LABELS)
    assert (line.label, line.reason) == (LABELS[2], "")


def test_lines_that_people_wrote_stay(client: TestClient, feedback: Feedback, tmp_path: Path) -> None:
    (tmp_path / "feedback" / "feedback.csv").write_bytes(b"mine/1.jpg,roses\r\nmine/\xff.jpg,daisy")
    assert client.post("/v1/feedback", json={"id": answered(feedback, small_photo(1)), "label": "tulips"}).status_code == 200
    first, second, third = (tmp_path / "feedback" / "feedback.csv").read_bytes().splitlines()
    assert (first, second) == (b"mine/1.jpg,roses", b"mine/\xff.jpg,daisy")
    assert third.startswith(b"photos/") and third.endswith(b".jpg,tulips")


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"id": uuid.uuid4().hex, "label": "roses"}, 404, "has this id"),
        ({"id": "ID", "label": "orchid"}, 400, '"orchid" is not a class'),
        ({"id": "ID"}, 400, "label"),
        ({"label": "roses"}, 400, "id"),
        ({"id": "../../etc/passwd", "label": "roses"}, 400, "id"),
        ({"id": "ID", "label": "roses", "path": "/tmp/x"}, 400, "path"),
        ({"id": "ID", "label": ["roses"]}, 400, "label"),
        ([], 400, "cannot be read"),
        ({"id": "ID", "label": "x" * 5000}, 413, "bytes"),
    ],
)
def test_what_is_refused(client: TestClient, feedback: Feedback, tmp_path: Path, body: Any, status: int, reason: str) -> None:
    text = json.dumps(body).replace('"ID"', f'"{answered(feedback, small_photo(1))}"')
    reply = client.post("/v1/feedback", content=text, headers={"Content-Type": "application/json"})
    assert reply.status_code == status
    assert reason in reply.json()["error"]
    assert reply.json()["hint"]
    assert lines(tmp_path / "feedback") == []


@pytest.mark.parametrize("content", [b"\xff\xfe", b'{"id": NaN}', b"", b"[" * 4000, b'{"id": "\\ud800", "label": "\\ud800"}'])
def test_what_is_not_json_is_refused(client: TestClient, content: bytes) -> None:
    reply = client.post("/v1/feedback", content=content, headers={"Content-Type": "application/json"})
    assert (reply.status_code, set(reply.json())) == (400, {"error", "hint"})


def test_a_form_of_another_page_is_refused(client: TestClient, feedback: Feedback, tmp_path: Path) -> None:
    """Browsers send these types across origins without asking the server."""
    body = json.dumps({"id": answered(feedback, small_photo(1)), "label": "roses"})
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert client.post("/v1/feedback", content=body, headers={"Content-Type": kind}).status_code == 415
    assert lines(tmp_path / "feedback") == []


def test_it_is_off_without_a_folder() -> None:
    reply = client_of(None).post("/v1/feedback", json={"id": uuid.uuid4().hex, "label": "roses"})
    assert reply.status_code == 404
    assert "switched off" in reply.json()["error"] and "serving.feedback_dir" in reply.json()["hint"]


def test_a_nearly_full_disk_refuses(tmp_path: Path) -> None:
    plenty = Feedback(str(tmp_path / "feedback"), min_free_bytes=0)
    answer_id = answered(plenty, small_photo(1))
    scarce = Feedback(str(tmp_path / "feedback"), min_free_bytes=shutil.disk_usage(tmp_path).total)
    reply = client_of(scarce).post("/v1/feedback", json={"id": answer_id, "label": "roses"})
    assert reply.status_code == 507
    assert "full" in reply.json()["error"]
    late = answered(scarce, small_photo(2))
    assert client_of(plenty).post("/v1/feedback", json={"id": late, "label": "roses"}).status_code == 404
    assert lines(tmp_path / "feedback") == []


@pytest.mark.parametrize(("number", "status"), [(errno.ENOSPC, 507), (errno.EACCES, 503)])
def test_a_write_that_fails_leaves_the_file_as_it_was(
    client: TestClient, feedback: Feedback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, status: int
) -> None:
    assert client.post("/v1/feedback", json={"id": answered(feedback, small_photo(1)), "label": "roses"}).status_code == 200
    before = lines(tmp_path / "feedback")
    answer_id = answered(feedback, small_photo(2))

    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(feedback_folder.os, "fsync", fail)
    reply = client.post("/v1/feedback", json={"id": answer_id, "label": "daisy"})
    assert reply.status_code == status
    assert str(tmp_path) not in reply.text
    assert lines(tmp_path / "feedback") == before
    assert not list((tmp_path / "feedback").rglob("*.tmp"))


def test_a_folder_that_cannot_be_written_to_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (str(tmp_path / "file"), "s3://bucket/feedback"):
        with pytest.raises(InputError, match="Feedback cannot be written to") as error:
            Feedback(folder)
        assert "serving.feedback_dir" in error.value.hint


def test_photos_are_kept_for_a_while_and_not_without_end(tmp_path: Path) -> None:
    recent = RecentPhotos(tmp_path / "recent", 0, seconds=60, max_bytes=100_000)
    ids = [uuid.uuid4() for _ in range(40)]
    for number, answer_id in enumerate(ids):
        recent.keep(answer_id.hex, bytes(10_000), ANSWER)
        os.utime(tmp_path / "recent" / answer_id.hex, (time.time() - 40 + number,) * 2)
        size = sum(path.stat().st_size for path in (tmp_path / "recent").iterdir())
        assert size <= 100_000 * 9 / 8 + 10_100
    assert recent.find(ids[0]) is None
    newest = recent.find(ids[-1])
    assert newest is not None and (newest.photo, newest.answer) == (bytes(10_000), ANSWER)
    os.utime(tmp_path / "recent" / ids[-1].hex, (time.time() - 61,) * 2)
    assert recent.find(ids[-1]) is None
    recent.prune()
    assert not (tmp_path / "recent" / ids[-1].hex).exists()


def test_the_end_of_the_server_deletes_recent_photos(tmp_path: Path) -> None:
    feedback = Feedback(str(tmp_path), min_free_bytes=0)
    feedback.start()
    answered(feedback, small_photo(1))
    assert len(list((tmp_path / RECENT).iterdir())) == 1
    assert (tmp_path / RECENT).stat().st_mode & 0o077 == 0
    feedback.stop()
    assert not (tmp_path / RECENT).exists()


def test_an_answer_does_not_depend_on_the_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "recent").write_text("a file")
    recent = RecentPhotos(tmp_path / "recent", 0)
    recent.keep(uuid.uuid4().hex, small_photo(1), ANSWER)
    assert "not kept" in caplog.text


WRITER = """
import sys, uuid
from flowers_tfx.serving.feedback import Feedback, FeedbackRequest
from tests.conftest import small_photo
feedback, first = Feedback(sys.argv[1], min_free_bytes=0), int(sys.argv[2])
for number in range(first, first + 20):
    answer_id = uuid.uuid4()
    feedback.recent.keep(answer_id.hex, small_photo(number), {})
    feedback.record(FeedbackRequest(id=answer_id, label="roses"), ("roses",))
    feedback.recent.keep(answer_id.hex, small_photo(7), {})
    feedback.record(FeedbackRequest(id=answer_id, label=None), ("roses",))
"""


def test_two_workers_write_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [subprocess.Popen([*command, str(first)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}) for first in (100, 200)]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    assert len(lines(tmp_path)) == len(set(lines(tmp_path))) == 40
    assert len(log(tmp_path)) == 80
    assert all((tmp_path / line.partition(",")[0]).is_file() for line in lines(tmp_path))


def test_another_worker_takes_the_feedback(feedback: Feedback, tmp_path: Path) -> None:
    other = Feedback(str(tmp_path / "feedback"), min_free_bytes=0)
    answer_id = answered(feedback, small_photo(1))
    other.record(FeedbackRequest(id=uuid.UUID(answer_id), label="roses"), LABELS)
    assert len(lines(tmp_path / "feedback")) == 1


def test_ingest_takes_the_csv_as_it_is(client: TestClient, feedback: Feedback, tmp_path: Path) -> None:
    said = {1: "roses", 2: "daisy", 3: LABELS[2], 4: None}
    for seed, label in said.items():
        assert client.post("/v1/feedback", json={"id": answered(feedback, small_photo(seed)), "label": label}).status_code == 200
    csv = tmp_path / "feedback" / "feedback.csv"
    request = IngestRequest(str(csv), LABELS, str(tmp_path / "data"))
    result = ingest(request, lambda: beam.Pipeline(runner=FnApiRunner()))
    assert (result.examples, result.rejected, result.duplicates) == (3, 0, 0)
    [span] = list_spans(tmp_path / "data")
    assert sorted(read_photos(span)["label"]) == sorted(LABELS[:3])
