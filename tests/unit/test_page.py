"""The page's routes: what they send, and that nothing of a request names a file."""

from __future__ import annotations

import io
import json
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from flowers_tfx import registry
from flowers_tfx.serving.example_pictures import TITLES
from flowers_tfx.serving.page import OPEN_PATHS, PageState, page_router
from flowers_tfx.serving.requests import RequestError
from flowers_tfx.serving.responses import error_response
from tests.unit.test_registry import explanations


@dataclass(frozen=True)
class Version:
    path: Path
    version: str = "7"
    labels: tuple[str, ...] = ("daisy", "roses")
    created: str = "2026-06-14T09:42:55Z"


@pytest.fixture
def version(tmp_path: Path) -> Version:
    (tmp_path / "7" / "assets.extra").mkdir(parents=True)
    return Version(tmp_path / "7")


def client_of(*versions: Version) -> TestClient:
    """`versions`: the one that serves at each request."""
    order = iter(versions)
    app = FastAPI(exception_handlers={RequestError: lambda request, error: error_response(request.url.path, error)})
    app.include_router(page_router(PageState(lambda: next(order), max_body=1_000_000, feedback=False, explanations=True)))
    return TestClient(app)


def test_the_page_loads_nothing_from_elsewhere(version: Version) -> None:
    client = client_of()
    pages = {path: client.get(path) for path in OPEN_PATHS}
    assert all(page.status_code == 200 for page in pages.values())
    assert pages["/"].headers["content-type"].startswith("text/html")
    assert pages["/page.js"].headers["content-type"].startswith("text/javascript")
    html = pages["/"].text
    asked = set(re.findall(r'(?:src|href)="([^"]+)"', html))
    assert asked <= {*OPEN_PATHS, "/card"}
    assert not re.search(r"<style|style=|<script>|\bon\w+=", html)
    for page in pages.values():
        assert "https://" not in page.text
        assert "url(" not in page.text
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy


def test_an_unchanged_page_is_not_sent_again() -> None:
    client = client_of()
    tag = client.get("/page.css").headers["etag"]
    again = client.get("/page.css", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/page.css", headers={"If-None-Match": '"other"'}).status_code == 200
    head = client.head("/")
    assert (head.status_code, head.content) == (200, b"")


def test_what_is_known_of_the_model(version: Version) -> None:
    reply = client_of(version).get("/about").json()
    assert (reply["model_version"], reply["labels"], reply["created"]) == ("7", ["daisy", "roses"], "2026-06-14T09:42:55Z")
    assert (reply["test_accuracy"], reply["card"], reply["feedback"], reply["max_bytes"]) == (None, None, False, 1_000_000)
    assert reply["explanations"] is True
    assert [example["title"] for example in reply["examples"]] == list(TITLES)


def test_accuracy_and_card_are_those_of_the_version_that_serves(version: Version) -> None:
    newer = replace(version, path=version.path.parent / "8", version="8")
    for one, value in ((version, 0.8), (newer, 0.9)):
        folder = one.path / "assets.extra"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "card.json").write_text(json.dumps({"metrics": {"accuracy": {"value": value, "interval": [0.7, 0.95], "photos": 60}}}))
        (folder / "card.html").write_text(f"<h1>Card of {one.version}</h1>")
    client = client_of(version, version, newer, newer)
    first, card, second, newer_card = client.get("/about").json(), client.get("/card"), client.get("/about").json(), client.get("/card")
    assert first["test_accuracy"] == {"value": 0.8, "low": 0.7, "high": 0.95, "photos": 60}
    assert second["test_accuracy"]["value"] == 0.9
    assert first["card"] == "/card"
    assert (card.text, newer_card.text) == ("<h1>Card of 7</h1>", "<h1>Card of 8</h1>")
    assert "script-src" not in card.headers["content-security-policy"]
    assert "default-src 'none'" in card.headers["content-security-policy"]


def test_the_link_of_the_card_leads_to_the_page_of_explanations_as_soon_as_it_is_there(version: Version, tmp_path: Path) -> None:
    client, link = client_of(version, version, version), f"/{registry.EXPLANATIONS_LINK}"
    absent = client.get(link)
    assert (absent.status_code, absent.json()["error"]) == (404, "This version of the model has no page of explanations.")
    for content in ("one", "two"):
        shutil.rmtree(version.path / registry.EXPLANATIONS_DIR, ignore_errors=True)
        shutil.copytree(explanations(tmp_path / content, content), version.path / registry.EXPLANATIONS_DIR)
        page = client.get(link)
        assert (page.status_code, page.text) == (200, content)
        assert "default-src 'none'" in page.headers["content-security-policy"]


def test_a_version_without_a_card_and_a_service_without_a_version(version: Version) -> None:
    assert client_of(version).get("/card").status_code == 404

    def none() -> Version:
        raise RequestError(503, "No version serves.", "Push one.")

    app = FastAPI(exception_handlers={RequestError: lambda request, error: error_response(request.url.path, error)})
    app.include_router(page_router(PageState(none, 1, False, False)))
    for path in ("/about", "/card"):
        assert TestClient(app).get(path).json() == {"error": "No version serves.", "hint": "Push one."}
    assert TestClient(app).get("/").status_code == 200


@pytest.mark.parametrize("card", ["", "[]", '{"metrics": {"accuracy": 0.9}}', '{"metrics": {"accuracy": {"value": 1, "interval": [0]}}}'])
def test_a_card_of_another_program_gives_no_accuracy(version: Version, card: str) -> None:
    (version.path / "assets.extra" / "card.json").write_text(card)
    assert client_of(version).get("/about").json()["test_accuracy"] is None


def test_every_example_is_a_picture_with_a_title_of_its_own() -> None:
    client = client_of()
    pictures = [client.get(f"/examples/{number}.jpg") for number in range(len(TITLES))]
    assert len({picture.content for picture in pictures}) == len(set(TITLES)) == len(TITLES)
    for picture in pictures:
        assert picture.headers["content-type"] == "image/jpeg"
        assert len(picture.content) < 150_000
        assert min(Image.open(io.BytesIO(picture.content)).size) >= 200


@pytest.mark.parametrize(
    "path",
    [
        "/examples/99.jpg",
        "/examples/-1.jpg",
        "/examples/01.jpg",
        "/examples/..%2f..%2fpage.jpg",
        "/page/page.css",
        "/page.py",
        "/card/../page.js%00",
    ],
)
def test_no_path_reaches_the_file_system(version: Version, path: str) -> None:
    assert client_of(version, version).get(path).status_code == 404
