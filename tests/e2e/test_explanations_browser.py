"""The pages that explain answers, in a browser: nothing is loaded, the answer comes first, all of it can be read and printed."""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flowers_tfx.explain.explanation_words import checks_in_words, headline
from flowers_tfx.explain.page_pictures import PagePictures
from flowers_tfx.reports.model_explanations import render_model_explanations
from flowers_tfx.reports.photo_explanations import PagePanel, PhotoOnPage, render_photos
from tests.model_pages import model_page

playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: the pages were not tested in a browser")

pytestmark = [pytest.mark.e2e, pytest.mark.one_stack]

TEXTS = "figcaption, p, td, th, li"
DEVICES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
}


@dataclass(frozen=True)
class OpenPage:
    """`requests`: the addresses that it asked for; `messages`: of its console."""

    page: Any
    requests: list[str]
    messages: list[str]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page of a model, and that of some photos, of which two cannot be read or trusted."""
    made = model_page()
    pictures = PagePictures(made.photos, made.explanations, made.serving)
    folder = tmp_path_factory.mktemp("pages")
    (folder / "model.html").write_text(render_model_explanations(made.values, pictures), encoding="utf-8")
    rows = [{**row, "file": made.photos.photos[row["photo"]].uri} for row in made.values["explanations"]]
    rows[1] = {**rows[1], "known": False, "why": "far"}
    photos = []
    for row in rows:
        heat_map = pictures.heat_map(row["photo"])
        panels = [
            PagePanel("The photo", "The photo", "", (), pictures.photo(row["photo"], large=True)),
            PagePanel("Evidence for roses", "Heat map", "Not trustworthy for this photo", row["reasons"], heat_map),
        ]
        photos.append(PhotoOnPage(row, headline(row), checks_in_words(row), panels))
    html = render_photos(photos, [("broken.jpg", "not a picture")], pictures.legend, "7", "RISE")
    (folder / "photos.html").write_text(html, encoding="utf-8")
    return {"model": folder / "model.html", "photos": folder / "photos.html"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium on PATH: the pages were not tested in a browser")
    with playwright.sync_playwright() as program:
        browser = program.chromium.launch(executable_path=path, args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND"])
        yield browser
        browser.close()


@pytest.fixture(
    params=[(name, device, scheme) for name in ("model", "photos") for device in DEVICES for scheme in ("light", "dark")], ids="-".join
)
def opened(request: pytest.FixtureRequest, browser: Any, pages: dict[str, Path]) -> Iterator[OpenPage]:
    name, device, scheme = request.param
    context = browser.new_context(color_scheme=scheme, **DEVICES[device])
    page = context.new_page()
    requests: list[str] = []
    messages: list[str] = []
    page.on("request", lambda one: requests.append(one.url))
    page.on("console", lambda one: messages.append(one.text))
    page.goto(pages[name].as_uri())
    yield OpenPage(page, requests, messages)
    context.close()


def test_nothing_is_loaded_everything_is_shown_and_axe_finds_nothing(opened: OpenPage) -> None:
    page = opened.page
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert [url for url in opened.requests if not url.startswith("data:")] == [page.url]
    assert opened.messages == []
    widths = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert widths[0] <= widths[1]
    pictures = page.evaluate("[...document.images].map(one => [one.naturalWidth, one.alt, one.getBoundingClientRect().width])")
    assert len(pictures) > 10
    assert all(natural and alt and shown > 20 for natural, alt, shown in pictures)
    cut = page.evaluate(f"[...document.querySelectorAll('{TEXTS}')].filter(e => e.scrollWidth > e.clientWidth + 2).map(e => e.outerHTML)")
    assert cut == []
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="no axe-playwright-python: accessibility was not tested"
    ).Axe()
    results = axe.run(page)
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in results.response["violations"]] == []
    assert len(results.response["passes"]) > 10


def test_what_the_model_relies_on_is_on_the_first_screen_and_a_keyboard_reaches_the_rest(browser: Any, pages: dict[str, Path]) -> None:
    for device in DEVICES.values():
        context = browser.new_context(**device)
        page = context.new_page()
        page.goto(pages["model"].as_uri())
        box = page.locator(".reliances > li").first.bounding_box()
        assert box["y"] + 60 < device["viewport"]["height"]
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.getAttribute('href')") == "#reading"
        page.get_by_role("link", name="roses").press("Enter")
        assert abs(page.locator("#class-2").bounding_box()["y"]) < 5
        context.close()


def test_a_script_would_be_stopped(browser: Any, pages: dict[str, Path], tmp_path: Path) -> None:
    """What shows that the silence above means something."""
    for path in pages.values():
        spoilt = tmp_path / path.name
        added = "<script>document.title = 'it ran'</script><img src='https://example.org/x.png' alt=''>"
        spoilt.write_text(path.read_text(encoding="utf-8").replace("</body>", f"{added}</body>"), encoding="utf-8")
        page = browser.new_page()
        messages: list[str] = []
        page.on("console", lambda one, messages=messages: messages.append(one.text))
        page.goto(spoilt.as_uri())
        assert page.title() != "it ran"
        assert sum("Content Security Policy" in message for message in messages) >= 2
        page.close()


def test_they_can_be_printed(browser: Any, pages: dict[str, Path]) -> None:
    for path in pages.values():
        page = browser.new_page()
        page.goto(path.as_uri())
        printed = page.pdf(format="A4")
        assert printed.startswith(b"%PDF")
        assert len(re.findall(rb"/Type /Page\b", printed)) >= 2
        page.close()


def test_pictures_are_whole_jpegs(pages: dict[str, Path]) -> None:
    for path in pages.values():
        for data in re.findall(r'base64,([^"]+)"', path.read_text(encoding="utf-8")):
            jpeg = base64.b64decode(data, validate=True)
            assert jpeg.startswith(b"\xff\xd8")
            assert jpeg.endswith(b"\xff\xd9")
