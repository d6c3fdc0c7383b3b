"""Feedback on the answers of a running service: from `POST /predict` to the span that `flowers ingest` makes of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT, small_photo
from tests.serving_process import serving_process
from tests.unit.small_network import LABELS

pytestmark = [pytest.mark.e2e, pytest.mark.one_stack]

PHOTOS = 16


def flowers(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flowers_tfx", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_what_people_corrected_is_ingested(small_registry: Path, tmp_path: Path) -> None:
    """Each request has a connection of its own, so that feedback also reaches the worker that did not answer the photo."""
    feedback = tmp_path / "feedback"
    with serving_process(small_registry, "--workers", "2", "--set", f"serving.feedback_dir={feedback}") as service:
        for number in range(PHOTOS):
            answer = httpx.post(f"{service.url}/predict", content=small_photo(number)).json()
            label = LABELS[number % len(LABELS)] if number else None
            reply = httpx.post(f"{service.url}/v1/feedback", json={"id": answer["id"], "label": label})
            assert reply.status_code == 200, reply.text
        assert (feedback / ".recent").is_dir()
    assert not (feedback / ".recent").exists()
    labels = tmp_path / "dict.txt"
    labels.write_text("\n".join(LABELS))
    done = flowers("ingest", "--csv", f"{feedback}/feedback.csv", "--labels", str(labels), "--data-root", str(tmp_path / "data"), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["examples"] == PHOTOS - 1


def test_no_photo_is_kept_where_feedback_is_off(small_registry: Path, tmp_path: Path) -> None:
    with serving_process(small_registry, environment={"TMPDIR": str(tmp_path)}) as service:
        answer = httpx.post(f"{service.url}/predict", content=small_photo(1)).json()
        reply = httpx.post(f"{service.url}/v1/feedback", json={"id": answer["id"], "label": LABELS[0]})
        assert (reply.status_code, set(reply.json())) == (404, {"error", "hint"})
        assert httpx.get(f"{service.url}/about").json()["feedback"] is False
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_written_to_is_bad_input(small_registry: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folder = f"serving.feedback_dir={tmp_path / 'file'}"
    for workers in ("1", "2"):
        done = flowers("serve", "--set", f"registry={small_registry}", "--port", "0", "--workers", workers, "--set", folder)
        assert done.returncode == 2
        assert "Feedback cannot be written to" in done.stderr and "Traceback" not in done.stderr
