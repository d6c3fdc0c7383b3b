"""The page in headless Chromium, as people use it: with a mouse, with a keyboard, on a phone, and when something goes wrong."""

from __future__ import annotations

import base64
import io
import json
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from PIL import Image

from flowers_tfx.config import PipelineConfig
from flowers_tfx.data.network_picture import prepare_picture
from flowers_tfx.data.pictures import open_picture
from flowers_tfx.explain.explain_unknown import UnknownExplanation
from flowers_tfx.explain.explanation import Explanation, Quality, Region
from flowers_tfx.inference.answer import Answer
from flowers_tfx.litert import PROBABILITIES
from flowers_tfx.model_card.files import card_files
from flowers_tfx.registry import CARD_PAGE, Entry
from flowers_tfx.serving import explained_photo
from flowers_tfx.serving.app import ServingSettings, create_app
from flowers_tfx.serving.loaded_version import LoadedVersion, VersionFacts
from flowers_tfx.serving.metrics import Metrics
from flowers_tfx.serving.photo_queue import PhotoQueue
from flowers_tfx.serving.service import Service
from tests.conftest import small_photo
from tests.model_cards import DATA, SPANS, evaluation, model_folder

playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: the page was not tested in a browser")
expect = playwright.expect
expect.set_options(timeout=60_000)

pytestmark = [pytest.mark.e2e, pytest.mark.one_stack]

LABELS = ("roses", "daisy", "violets", "dandelion", "sunflowers", "tulips")  # the first three are red, green and blue photos
MAX_MB = 0.3
TOKEN = "0123456789abcdef0123456789"
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


class Colours:
    """A model whose answers are known: the strongest colour of a photo is its class; a grey photo is far, a yellow one unsure."""

    labels = LABELS

    def prepare(self, photo: bytes) -> Any:
        return prepare_picture(open_picture(photo, 10_000_000), 32)

    def answer_picture(self, picture: Any) -> Answer:
        red, green, blue = np.asarray(picture, np.float32).reshape(-1, 3).mean(axis=0)
        colours = np.array([red, green, blue])
        probabilities = np.full(len(LABELS), 0.02, np.float32)
        probabilities[:3] = (colours - colours.min() + 1) ** 2 + 1
        probabilities[:3] *= 0.94 / probabilities[:3].sum()
        if np.ptp(colours) < 20:
            return Answer(probabilities, False, "far", 1.5)
        if abs(red - green) < 20 and blue < red - 40:
            return Answer(probabilities, False, "unsure", 1.1)
        return Answer(probabilities, True, None, 0.4)

    def run(self, picture: Any) -> dict[str, Any]:
        return {PROBABILITIES: self.answer_picture(picture).probabilities}


def explanation(picture: Any, answers: Any, method: Any, gradients: Any, target: int | None) -> Explanation:
    """In the place of the real one: the evidence lies at the top left. That of violets is not trustworthy."""
    target = int(answers([picture])[PROBABILITIES].argmax()) if target is None else target
    evidence = np.zeros((32, 32), np.float32)
    evidence[:16, :8] = 1
    regions = (Region((0.0, 0.0, 0.25, 0.5), 0.7), Region((0.5, 0.5, 1.0, 1.0), 0.12))
    is_yellow = Colours().answer_picture(picture).why == "unsure"
    reasons = ("The map changes much when the photo changes a little.",) if LABELS[target] == "violets" or is_yellow else ()
    quality = Quality(0.2, 0.8, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, stability=0.9, randomised_correlation=0.1, reasons=reasons)
    return Explanation(target, method, evidence, regions, quality, 1, evidence[::-1], 1.5)


def unknown_explanation(picture: Any, answers: Any) -> UnknownExplanation:
    """Something at the bottom right makes it far; what is unsure has no one place."""
    answer = Colours().answer_picture(picture)
    assert answer.why and answer.score
    reasons = ("No part of the picture makes it unknown by itself: it is the whole picture.",) if answer.why == "unsure" else ()
    evidence = np.eye(32, dtype=np.float32)
    return UnknownExplanation(answer.why, answer.score, evidence, (Region((0.75, 0.75, 1.0, 1.0), 0.9),), 0.3, 0.9, 1.4, reasons)


@pytest.fixture(scope="module", autouse=True)
def explanations_are_known() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(explained_photo, "explain_unknown", unknown_explanation)
        patched.setattr(explained_photo, "explain_picture", explanation)
        yield


class OneVersion:
    """The versions of a service that has one."""

    serving = "7"

    def __init__(self, folder: Path) -> None:
        card = folder / "assets.extra"
        card.mkdir(parents=True)
        (card / "card.html").write_text("<!doctype html><title>Card</title><h1>The card of version 7</h1>")
        (card / "card.json").write_text(json.dumps({"metrics": {"accuracy": {"value": 0.86, "interval": [0.78, 0.92], "photos": 100}}}))
        facts = VersionFacts("7", folder, LABELS, "2026-06-14T09:42:55Z", "")
        self._loaded = LoadedVersion(facts, Colours(), lambda _: None)  # type: ignore[arg-type]

    def choose(self, key: str) -> LoadedVersion:
        return self._loaded.acquire()

    def get(self, version: int) -> LoadedVersion:
        return self._loaded.acquire()

    def ask_shadow(self, *_: object) -> None: ...

    def stop(self) -> None: ...


@dataclass
class Server:
    url: str
    feedback: Path

    def rows(self) -> list[str]:
        """The classes that people named, in the order of the CSV."""
        path = self.feedback / "feedback.csv"
        return [line.rpartition(",")[2] for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """Starts the whole application, with a token or without."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(token: str = "") -> Server:
        home = tmp_path_factory.mktemp("service")
        config = PipelineConfig.model_validate({"serving": {"feedback_dir": str(home / "feedback"), "max_body_mb": MAX_MB}})
        metrics = Metrics()
        service = Service(OneVersion(home / "7"), PhotoQueue(2, 64, metrics), metrics, 30)  # type: ignore[arg-type]
        app = create_app(ServingSettings(config, "127.0.0.1", token=token), service)
        listener = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        running.append((server, thread))
        return Server(f"http://127.0.0.1:{listener.getsockname()[1]}", home / "feedback")

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(timeout=120)


@pytest.fixture(scope="module")
def server(serve: Callable[[str], Server]) -> Server:
    return serve("")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium on PATH: the page was not tested in a browser")
    with playwright.sync_playwright() as program:
        browser = program.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Any, server: Server) -> Iterator[Callable[..., Any]]:
    """Opens the page and waits for its examples; at the end nothing may have been written to the console, save what a test expects."""
    contexts = []
    problems: list[str] = []

    def open_it(url: str = "", expected: tuple[str, ...] = (), wait: bool = True, **options: Any) -> Any:
        def report(text: str) -> None:
            if not any(part in text for part in expected):
                problems.append(text)

        context = browser.new_context(**{**DESKTOP, "reduced_motion": "reduce", **options})
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        ours = (url or server.url, "blob:")
        page.on("pageerror", lambda error: report(str(error)))
        page.on("console", lambda message: report(message.text))
        page.on("request", lambda request: report(request.url) if not request.url.startswith(ours) else None)
        page.goto(url or server.url)
        if wait:
            expect(page.locator("#examples img[src^='blob:']")).to_have_count(6)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert problems == []


def file(name: str = "rose.jpg", photo: bytes | None = None, kind: str = "image/jpeg") -> dict[str, Any]:
    return {"name": name, "mimeType": kind, "buffer": small_photo(3, (320, 240)) if photo is None else photo}


def plain_photo(colour: tuple[int, int, int], size: tuple[int, int] = (320, 240), **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG", **options)
    return out.getvalue()


def card(page: Any, number: int = 0) -> Any:
    return page.locator(".card").nth(number)


def announced(page: Any, text: str) -> None:
    expect(page.locator("#announcer")).to_contain_text(text)


def test_a_chosen_photo_is_answered(open_page: Callable[..., Any]) -> None:
    page = open_page()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose photos").click()
    assert chooser.value.is_multiple()
    chooser.value.set_files(file("my rose.jpg"))
    expect(card(page).locator("h3")).to_contain_text("roses")
    expect(card(page).locator(".name")).to_have_text("my rose.jpg")
    rows = card(page).locator(".bars li")
    expect(rows).to_have_count(5)
    shares = [float(text.rstrip(" %").lstrip("<> ")) for text in rows.locator("span").all_text_contents()]
    assert shares == sorted(shares, reverse=True)
    widths = rows.locator("i").evaluate_all(
        "(bars) => bars.map((bar) => parseFloat(getComputedStyle(bar, '::before').width) / bar.clientWidth)"
    )
    assert widths[0] == pytest.approx(shares[0] / 100, abs=0.02)
    assert card(page).locator("img").evaluate("(image) => [image.naturalWidth, image.naturalHeight]") == [320, 240]
    announced(page, "my rose.jpg: roses")


def test_what_is_said_of_the_model(open_page: Callable[..., Any], server: Server) -> None:
    page = open_page()
    expect(page.locator("#accuracy")).to_have_text("86 % of 100 photos (78 % to 92 % with 95 % confidence)")
    expect(page.locator("#version")).to_have_text("7")
    expect(page.locator("#created")).to_have_text("June 14, 2026")
    expect(page.locator("#limits")).to_contain_text("0.3 MB")
    expect(page.locator("#classes")).to_contain_text("6 classes: roses, daisy")
    assert server.url + "/predict" in page.locator("#curl").text_content()
    assert "TOKEN" not in page.locator("#curl").text_content()
    with page.expect_popup() as popup:  # the answers stay
        page.get_by_role("link", name="Model card").click()
    expect(popup.value.locator("h1")).to_have_text("The card of version 7")


def test_the_command_is_copied(open_page: Callable[..., Any]) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    announced(page, "Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#curl").text_content()


GIVE = """([kind, files]) => {
  const data = new DataTransfer();
  for (const [name, type, text] of files) {
    data.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name, { type }));
  }
  const event = kind === "paste" ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true })
    : new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
  document.body.dispatchEvent(event);
  return event.defaultPrevented;
}"""


def give(page: Any, kind: str, *photos: tuple[str, bytes]) -> bool:
    files = [(name, "image/jpeg", base64.b64encode(photo).decode()) for name, photo in photos]
    return bool(page.evaluate(GIVE, [kind, files]))


def test_a_picture_is_pasted_or_dropped(open_page: Callable[..., Any]) -> None:
    page = open_page()
    give(page, "paste", ("image.png", small_photo(1, hue=2)))
    expect(card(page).locator("h3")).to_contain_text("violets")
    expect(card(page).locator(".name")).to_have_text("Pasted picture")
    give(page, "dragover", ("a.jpg", b""))
    assert page.evaluate("document.body.classList.contains('dragging')")
    assert give(page, "drop", ("a.jpg", small_photo(2, hue=1)), ("b.jpg", small_photo(3, hue=0)))
    expect(page.locator(".card h3")).to_have_count(3)
    expect(card(page, 0).locator("h3")).to_contain_text("daisy")
    assert not page.evaluate("document.body.classList.contains('dragging')")
    give(page, "paste")
    expect(page.get_by_role("alert")).to_have_text("There is no picture in the clipboard.")
    give(page, "drop")
    expect(page.get_by_role("alert")).to_contain_text("That was not a file")


def test_many_photos_are_sent_a_few_at_a_time(open_page: Callable[..., Any]) -> None:
    page = open_page()
    in_flight, most = 0, 0

    def hold(route: Any) -> None:
        nonlocal in_flight, most
        in_flight += 1
        most = max(most, in_flight)
        page.wait_for_timeout(30)
        in_flight -= 1
        route.continue_()

    page.route("**/predict", hold)
    page.set_input_files("#files", [file(f"{number}.jpg", small_photo(number, hue=number)) for number in range(9)])
    expect(page.locator(".card h3")).to_have_count(9)
    assert 1 < most <= 3
    assert page.locator(".card .name").all_text_contents() == [f"{number}.jpg" for number in range(9)]
    assert [text.split()[0] for text in page.locator(".card h3").all_text_contents()] == ["roses", "daisy", "violets"] * 3
    expect(page.locator("#progress")).to_be_hidden()
    announced(page, "All photos are answered.")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".card")).to_have_count(0)
    expect(page.get_by_role("button", name="Choose photos")).to_be_focused()


def test_a_photo_on_its_side_is_shown_upright(open_page: Callable[..., Any]) -> None:
    page = open_page()
    exif = Image.Exif()
    exif[0x0112] = 6
    page.set_input_files("#files", [file("side.jpg", plain_photo((200, 20, 20), (300, 100), exif=exif))])
    expect(card(page).locator("h3")).to_contain_text("roses")
    assert card(page).locator("img").evaluate("(image) => image.naturalHeight > image.naturalWidth")


@pytest.mark.parametrize(
    ("upload", "title", "words", "sent"),
    [
        (file("notes.txt", b"milk, eggs", "text/plain"), "This is not a picture", "Choose a JPEG or PNG", False),
        (file("empty.jpg", b""), "This file is empty", "Choose a JPEG or PNG", False),
        (file("large.jpg", bytes(310_000)), "This photo is too large", "It has 0.3 MB; the service takes up to 0.3 MB", False),
        (file("cut.jpg", small_photo(1, (320, 240))[:900]), "This photo cannot be read", "Send a whole JPEG or PNG file.", True),
        (file("moving.gif", b"GIF89a" + bytes(40), "image/gif"), "This kind of picture is not taken", "Send a JPEG or a PNG.", True),
    ],
)
def test_a_wrong_file_is_explained(open_page: Callable[..., Any], upload: dict[str, Any], title: str, words: str, sent: bool) -> None:
    page = open_page(expected=("Failed to load resource: the server responded with a status of 4",))
    asked = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/predict") else None)
    page.set_input_files("#files", [upload, file("good.jpg")])
    expect(card(page).locator("h3")).to_have_text(title)
    expect(card(page)).to_contain_text(words)
    announced(page, f"{upload['name']}: {title}")
    expect(card(page, 1).locator("h3")).to_contain_text("roses")
    assert len(asked) == 1 + sent


def test_the_name_of_a_file_is_only_text(open_page: Callable[..., Any]) -> None:
    page = open_page()
    name = "<img src=x onerror=document.title='spoilt'>.jpg"
    page.set_input_files("#files", [file(name)])
    expect(card(page).locator(".name")).to_have_text(name)
    announced(page, name)
    expect(card(page).locator("h3")).to_contain_text("roses")
    assert page.title() == "Which flower is it?"


@pytest.mark.parametrize(
    ("colour", "words"), [((128, 128, 128), "does not look like the photos I learned from"), ((210, 205, 30), "It could be roses or daisy")]
)
def test_an_unknown_thing(open_page: Callable[..., Any], colour: tuple[int, int, int], words: str) -> None:
    page = open_page()
    page.set_input_files("#files", [file("thing.jpg", plain_photo(colour))])
    expect(card(page).locator("h3")).to_have_text("I do not know this one")
    expect(card(page)).to_contain_text(words)
    expect(card(page).locator(".bars li")).to_have_count(5)
    announced(page, words)
    expect(card(page).get_by_role("button", name="I know what it is")).to_be_visible()


def test_an_example_is_answered_and_the_bicycle_is_no_error(open_page: Callable[..., Any]) -> None:
    page = open_page()
    for number, title in enumerate(("Drawing of a rose", "Drawing of a bicycle"), 1):
        page.get_by_role("button", name=title).click()
        expect(page.locator(".card h3")).to_have_count(number)
    expect(card(page).locator(".name")).to_have_text("Drawing of a bicycle")
    expect(page.locator(".failed")).to_have_count(0)


def test_a_click_on_an_example_waits_for_its_picture(open_page: Callable[..., Any]) -> None:
    page = open_page()  # Its examples are there: no request of the first visit is caught below.
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route("**/examples/2.jpg", hold)
    with page.expect_request("**/examples/2.jpg"):
        page.reload()
    page.get_by_role("button", name="Drawing of a rose").click()
    expect(page.locator(".card")).to_have_count(0)
    held[0].continue_()
    expect(card(page).locator("h3")).to_have_count(1)


def test_a_busy_service_is_asked_again(open_page: Callable[..., Any]) -> None:
    page = open_page(expected=("429",))
    times: list[float] = []

    def refuse_twice(route: Any) -> None:
        times.append(time.monotonic())
        busy = {"status": 429, "headers": {"Retry-After": "1"}, "json": {"error": "Busy.", "hint": "Try again in 1 s."}}
        route.continue_() if len(times) > 2 else route.fulfill(**busy)

    page.route("**/predict", refuse_twice)
    page.set_input_files("#files", [file()])
    expect(card(page)).to_contain_text("Trying again in 1 s")
    expect(card(page).locator("h3")).to_contain_text("roses")
    assert len(times) == 3 and times[1] - times[0] > 0.9
    announced(page, "The service is busy")


def test_without_a_connection_it_can_be_tried_again(open_page: Callable[..., Any]) -> None:
    page = open_page(expected=("net::ERR",))
    page.route("**/predict", lambda route: route.abort("connectionrefused"))
    page.set_input_files("#files", [file()])
    expect(card(page).locator("h3")).to_have_text("No connection to the service")
    page.unroute("**/predict")
    card(page).get_by_role("button", name="Try again").click()
    expect(card(page).locator("h3")).to_contain_text("roses")


def test_feedback_lands_in_the_csv(open_page: Callable[..., Any], server: Server) -> None:
    page = open_page(expected=("404",))
    before = len(server.rows())
    page.set_input_files("#files", [file("a.jpg", small_photo(50)), file("b.jpg", small_photo(51))])
    for number, choice in enumerate(("tulips", "none of these")):
        card(page, number).get_by_role("button", name="This is wrong").click()
        select = card(page, number).get_by_label("It is")
        expect(select).to_be_focused()
        assert "roses" not in select.locator("option").all_text_contents()
        select.select_option(label=choice)
        card(page, number).get_by_role("button", name="Send").click()
        expect(card(page, number)).to_contain_text("Thank you.")
        expect(card(page, number).get_by_role("button", name="This is wrong")).to_be_hidden()
    assert server.rows()[before:] == ["tulips"]
    last = json.loads((server.feedback / "feedback.jsonl").read_text().splitlines()[-1])
    assert (last["label"], last["answer"]["label"]) == (None, "roses")


def test_feedback_after_the_service_forgot_the_photo(open_page: Callable[..., Any], server: Server) -> None:
    page = open_page(expected=("404",))
    page.set_input_files("#files", [file("a.jpg", small_photo(60))])
    card(page).get_by_role("button", name="This is wrong").click()
    for path in (server.feedback / ".recent").iterdir():
        path.unlink()
    card(page).get_by_label("It is").select_option(label="violets")
    card(page).get_by_role("button", name="Send").click()
    expect(card(page)).to_contain_text("Thank you.")
    assert server.rows()[-1] == "violets"


def test_feedback_is_offered_only_where_it_is_on(open_page: Callable[..., Any]) -> None:
    page = open_page(wait=False)
    page.route("**/about", lambda route: route.fulfill(json={**route.fetch().json(), "feedback": False}))
    page.reload()
    page.set_input_files("#files", [file()])
    expect(card(page).locator("h3")).to_contain_text("roses")
    expect(card(page).locator(".feedback")).to_be_hidden()
    expect(page.locator("#privacy")).to_contain_text("does not keep them")


def ask_why(page: Any, number: int = 0) -> None:
    card(page, number).get_by_role("button", name="Why?").click()


def test_why_a_photo_got_its_answer(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.set_input_files("#files", [file()])
    ask_why(page)
    reasons = card(page).locator(".because")
    expect(reasons).to_be_focused()
    expect(reasons).to_contain_text("2 parts of the photo carry 82 % of the evidence for roses.")
    expect(reasons.locator("ol")).to_contain_text("70 % at the top left12 % at the bottom right")
    heat, photo = card(page).locator(".heat"), card(page).locator(".frame img:not(.heat)")
    expect(heat).to_have_attribute("alt", "Heat map: What speaks for roses. 1: 70 % at the top left, 2: 12 % at the bottom right")
    assert heat.bounding_box() == photo.bounding_box()
    box, part = photo.bounding_box(), card(page).locator(".region").first.bounding_box()
    assert box["width"] / box["height"] == pytest.approx(320 / 240, abs=0.01)
    assert part == pytest.approx({**box, "width": box["width"] / 4, "height": box["height"] / 2}, abs=0.6)
    assert page.evaluate("(image) => image.naturalWidth", heat.element_handle()) == 320
    card(page).get_by_label("Heat map", exact=True).fill("0")
    assert heat.evaluate("(image) => getComputedStyle(image).opacity") == "0"
    card(page).get_by_role("button", name="Show what speaks for daisy").click()
    announced(page, "The map shows what speaks for daisy.")
    expect(heat).to_have_attribute("alt", "Heat map: What speaks for daisy.")
    expect(card(page).locator(".region")).to_have_count(0)
    card(page).get_by_role("button", name="Show what speaks for roses").click()
    card(page).get_by_text("How far can this be trusted?").click()
    expect(reasons).to_contain_text("the model gives roses 20 % on average; in random order 50 %.")


def test_an_explanation_that_cannot_be_trusted_is_left_out(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.set_input_files("#files", [file("b.jpg", small_photo(9, hue=2))])
    ask_why(page)
    expect(card(page)).to_contain_text("The explanation is not trustworthy for this photo")
    expect(card(page)).to_contain_text("The map changes much when the photo changes a little.")
    expect(card(page).locator(".heat, .region, .regions")).to_have_count(0)


def test_why_a_photo_is_not_known(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.set_input_files("#files", [file("grey.jpg", plain_photo((128, 128, 128))), file("yellow.jpg", plain_photo((180, 180, 20)))])
    for number in (0, 1):
        ask_why(page, number)
    known = card(page, 0)
    expect(known.locator("h4")).to_have_text("Why I do not know this one")
    expect(known).to_contain_text(
        "With 30 % of the photo hidden, at the marked places, its score falls from 1.50 to 0.90, and I would know the rest."
    )
    expect(known.locator(".regions")).to_have_text("90 % at the bottom right")
    known.get_by_role("button", name="Show what speaks for").click()
    expect(known.locator("h4")).to_contain_text("What speaks for")
    expect(card(page, 1).locator("h4")).to_have_text("Why I do not know this one")
    expect(card(page, 1)).to_contain_text("it is the whole picture")
    expect(card(page, 1).locator(".heat")).to_have_count(0)


def test_a_version_that_is_gone_a_busy_service_and_one_that_fails(open_page: Callable[..., Any]) -> None:
    page = open_page(expected=("404", "429", "503"))
    page.set_input_files("#files", [file()])
    page.route("**/versions/7:explain*", lambda route: route.fulfill(status=404, json={"error": "Servable not found."}))
    answers = iter([(429, {"error": "5 photos wait."}), (503, {"error": "There was no explanation within 30 s."})])

    def answer(route: Any) -> None:
        status, body = next(answers)
        route.fulfill(status=status, json=body, headers={"Retry-After": "1"})

    page.route("**/flowers:explain*", answer)
    ask_why(page)
    expect(card(page)).to_contain_text("Other photos are explained first. Trying again in 1 s.")
    expect(card(page).locator(".because")).to_have_text("There was no explanation within 30 s.")
    page.unroute("**/flowers:explain*")
    ask_why(page)
    expect(card(page)).to_contain_text("What speaks for roses")


def test_the_search_for_reasons_can_be_stopped(open_page: Callable[..., Any], server: Server) -> None:
    page = open_page()
    page.set_input_files("#files", [file()])
    page.route("**/*:explain*", lambda route: None)
    ask_why(page)
    expect(card(page).locator(".because")).to_contain_text("This takes some seconds.")
    card(page).get_by_role("button", name="Stop").click()
    expect(card(page).locator(".because")).to_be_hidden()
    expect(card(page).get_by_role("button", name="Why?")).to_be_focused()


def test_the_keyboard_is_enough(open_page: Callable[..., Any], server: Server) -> None:
    page = open_page()
    seen = []
    for _ in range(10):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("[document.activeElement.innerText, getComputedStyle(document.activeElement).outlineWidth]"))
        if page.evaluate("document.activeElement.firstElementChild?.alt") == "Drawing of a rose":
            break
    assert seen[0][0] == "Choose photos"
    assert all(width == "3px" for _, width in seen)
    page.keyboard.press("Enter")
    expect(card(page).locator("h3")).to_contain_text("roses")
    for _ in range(12):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.innerText") == "This is wrong":
            break
    page.keyboard.press("Enter")
    expect(card(page).get_by_label("It is")).to_be_focused()
    page.keyboard.type("sun")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(card(page)).to_contain_text("Thank you.")
    assert server.rows()[-1] == "sunflowers"


def test_a_phone(open_page: Callable[..., Any]) -> None:
    page = open_page(**PHONE)
    expect(page.get_by_role("button", name="Take a photo")).to_be_visible()
    assert page.locator("#camera").get_attribute("capture") == "environment"
    page.set_input_files("#camera", file("a_rather_long_name_of_a_photo_that_no_line_of_a_phone_can_hold_without_a_break.jpg"))
    expect(card(page).locator("h3")).to_contain_text("roses")
    page.set_input_files("#files", [file("b.jpg", small_photo(8, hue=1)), file("c.txt", b"x", "text/plain")])
    expect(page.locator(".card h3")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    small = page.locator("button:visible").evaluate_all(
        "(all) => all.map((b) => b.getBoundingClientRect()).filter((b) => b.height < 44 || b.width < 44).length"
    )
    assert small == 0


def test_a_desktop_has_no_camera_button_and_motion_can_be_switched_off(open_page: Callable[..., Any]) -> None:
    page = open_page(reduced_motion="no-preference")
    expect(page.get_by_role("button", name="Take a photo")).to_be_hidden()
    animation = "getComputedStyle(document.querySelector('.card')).animationName"
    page.set_input_files("#files", [file()])
    assert page.evaluate(animation) == "appear"
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(animation) == "none"


def test_the_policy_stops_scripts_and_requests(open_page: Callable[..., Any]) -> None:
    page = open_page(expected=("Content Security Policy", "https://example.org/x.png"))
    refused = []
    page.on("console", lambda message: refused.append(message.text))
    page.evaluate("""() => {
      const script = document.createElement("script");
      script.textContent = "document.title = 'it ran'";
      const image = document.createElement("img");
      image.src = "https://example.org/x.png";
      document.body.append(script, image);
    }""")
    page.wait_for_timeout(200)
    assert page.title() == "Which flower is it?"
    assert len(refused) >= 2


def test_a_service_with_a_token(open_page: Callable[..., Any], serve: Callable[[str], Server]) -> None:
    guarded = serve(TOKEN)
    page = open_page(guarded.url, expected=("401",), wait=False)
    field = page.get_by_label("This service answers only with a token.")
    expect(field).to_be_focused()
    field.fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#token-note")).to_have_text("The service did not accept this token.")
    field.fill(TOKEN)
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#token-form")).to_be_hidden()
    expect(page.locator("#examples img[src^='blob:']")).to_have_count(6)
    assert "Authorization: Bearer $TOKEN" in page.locator("#curl").text_content()
    assert TOKEN not in page.content()
    assert page.evaluate("[sessionStorage.length, localStorage.length, document.cookie]") == [1, 0, ""]
    page.set_input_files("#files", [file()])
    expect(card(page).locator("h3")).to_contain_text("roses")
    with page.expect_download() as download:
        page.get_by_role("link", name="Model card").click()
    assert "The card of version 7" in Path(download.value.path()).read_text()


def test_a_photo_waits_for_the_token(open_page: Callable[..., Any], serve: Callable[[str], Server]) -> None:
    guarded = serve(TOKEN)
    page = open_page(guarded.url, expected=("401",), wait=False)
    page.set_input_files("#files", [file("a.jpg"), file("b.jpg", small_photo(9, hue=2))])
    expect(card(page)).to_contain_text("Waiting for the token")
    page.get_by_label("This service answers only with a token.").fill(TOKEN)
    page.keyboard.press("Enter")
    expect(card(page).locator("h3")).to_contain_text("roses")
    expect(card(page, 1).locator("h3")).to_contain_text("violets")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing(open_page: Callable[..., Any], scheme: str, device: dict[str, Any]) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="no axe-playwright-python: accessibility was not tested"
    ).Axe()
    page = open_page(color_scheme=scheme, **device)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (max(ground[:3]) < 60) == (scheme == "dark")

    def check() -> None:
        results = axe.run(page)
        assert [(violation["id"], [node["html"] for node in violation["nodes"]]) for violation in results.response["violations"]] == []
        assert len(results.response["passes"]) > 10

    check()
    grey = plain_photo((128, 128, 128))
    page.set_input_files("#files", [file("a.jpg"), file("b.jpg", grey), file("c.txt", b"x", "text/plain")])
    expect(page.locator(".card h3")).to_have_count(3)
    card(page).get_by_role("button", name="This is wrong").click()
    ask_why(page)
    expect(card(page).locator(".heat")).to_be_visible()
    card(page).get_by_text("How far can this be trusted?").click()
    page.evaluate("document.querySelector('#token-form').hidden = false")
    give(page, "paste")
    check()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_on_a_model_card(browser: Any, tmp_path: Path, scheme: str, device: dict[str, Any]) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="no axe-playwright-python: accessibility was not tested"
    ).Axe()
    entry = Entry(7, "digest", "fingerprint", SPANS)
    (tmp_path / "card.html").write_bytes(
        card_files(model_folder(tmp_path / "model"), entry, evaluation(compared=True), DATA, explained=True)[CARD_PAGE]
    )
    context = browser.new_context(color_scheme=scheme, **device)
    page = context.new_page()
    page.goto((tmp_path / "card.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    results = axe.run(page)
    widths = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    table = page.evaluate("(e => [e.scrollWidth, e.clientWidth])(document.querySelector('[aria-label=\"Class by class\"]'))")
    context.close()
    assert [(violation["id"], [node["html"] for node in violation["nodes"]]) for violation in results.response["violations"]] == []
    assert len(results.response["passes"]) > 10
    assert widths[0] <= widths[1] and table[0] <= table[1]
