"""The desk in headless Chromium, as reviewers use it: two at once, with a keyboard alone, on a phone, without scripts, with axe-core."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from flowers_tfx.config import PipelineConfig
from flowers_tfx.data.decisions import Decision, read_decisions
from flowers_tfx.desk.access import Access
from flowers_tfx.desk.app import create_app
from flowers_tfx.desk.decision_routes import Desk
from flowers_tfx.desk.pipelines import open_pipelines
from flowers_tfx.desk.reviewers import read_reviewers
from tests.desk_world import GROUP, LUMA, SIZE, pipeline_config, reviews_root, write_review, write_span

playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: the desk was not tested in a browser")
expect = playwright.expect
expect.set_options(timeout=60_000)

pytestmark = [pytest.mark.e2e, pytest.mark.one_stack]

ADA, BO = "ada-token-0123456789", "bo-token-0123456789"
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
LOUD_REPORT = "<!doctype html><html lang=en><title>Report</title><h1>A report</h1><script>parent.document.title = 'taken over'</script>"


@dataclass
class Served:
    url: str
    config: PipelineConfig
    review: str

    @property
    def decisions(self) -> list[Decision]:
        return read_decisions(self.config.data_root)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts the desk on a pipeline with a review that waits, with tokens of reviewers or without."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(with_tokens: bool = False, **review: Any) -> Served:
        config = pipeline_config(str(tmp_path), **review)
        photos = {1: write_span(config.data_root, 1)}
        name = write_review(reviews_root(config), photos)
        access = Access(None, None)
        if with_tokens:
            (tmp_path / "tokens").write_text(f"Ada {ADA}\nBo {BO}\n")
            access = Access(read_reviewers(tmp_path / "tokens"), None)
        app: Any = create_app(Desk(open_pipelines([config]), access))
        listener = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", lifespan="off"))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        running.append((server, thread))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        return Served(url, config, f"{url}/pipelines/{config.name}/reviews/{name}")

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(timeout=120)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium on PATH: the desk was not tested in a browser")
    with playwright.sync_playwright() as program:
        browser = program.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """A page of a new browser; at the end nothing may have been written to a console, save what a test expects."""
    contexts = []
    problems: list[str] = []

    def open_it(url: str, expected: tuple[str, ...] = (), **options: Any) -> Any:
        context = browser.new_context(**{**DESKTOP, **options})
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if not any(part in message.text for part in expected) else None)
        page.goto(url)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert problems == []


def sign_in(page: Any, token: str) -> None:
    page.get_by_label("Your token").fill(token)
    page.keyboard.press("Enter")


def test_two_reviewers_decide_at_once(serve: Callable[..., Served], visit: Callable[..., Any]) -> None:
    served = serve(with_tokens=True)
    ada, bo = visit(served.review), visit(served.review, expected=("409",))
    sign_in(ada, ADA)
    sign_in(bo, BO)
    for page in (ada, bo):
        expect(page.get_by_role("heading", name="Decide", exact=True)).to_be_visible()
        assert page.url == served.review, "signing in leads back to the page that was asked for"
    bo.get_by_label("Accept findings").check()
    bo.get_by_label("Height: median 309").uncheck()
    bo.get_by_label("Reason").fill("These are evening pictures.")
    ada.get_by_label("Leave a group out").check()
    expect(ada.locator(".thumbnails img").first).to_be_visible()
    for image in ada.locator(".thumbnails img").all():
        expect(image).not_to_have_js_property("naturalWidth", 0)
    ada.get_by_label("Reason").fill("Another camera.")
    ada.get_by_role("button", name="Record the decision").click()
    expect(ada.get_by_role("status")).to_contain_text("Ada left 4 photos of span 1 out.")
    bo.get_by_role("button", name="Record the decision").click()
    expect(bo.get_by_role("alert")).to_contain_text("Somebody decided first")
    expect(bo.get_by_role("alert")).to_contain_text("Ada left 4 photos of span 1 out.")
    expect(bo.get_by_role("alert")).to_contain_text("Another camera.")
    expect(bo.get_by_label("Reason")).to_have_value("These are evening pictures.")
    expect(bo.get_by_label("Accept findings")).to_be_checked()
    expect(bo.get_by_label("Brightness: median 110")).to_be_checked()
    expect(bo.get_by_label("Height: median 309")).not_to_be_checked()
    assert [(one.action, one.group) for one in served.decisions] == [("exclude", GROUP)]
    bo.get_by_label("Height: median 309").check()
    bo.get_by_role("button", name="Record the decision").click()
    expect(bo.get_by_role("status")).to_contain_text("Bo accepted 2 findings of span 1.")
    assert [(one.by, one.findings) for one in served.decisions] == [("Ada", ()), ("Bo", (LUMA, SIZE))]
    ada.reload()
    ada.get_by_label("Take photos back in").check()
    ada.get_by_label("Reason").fill("They are ours.")
    ada.get_by_role("button", name="Record the decision").click()
    expect(ada.get_by_role("status")).to_contain_text("Ada took 4 photos of span 1 back in.")
    ada.get_by_role("button", name="Sign out").click()
    expect(ada.get_by_label("Your token")).to_be_focused()


def test_a_keyboard_is_enough(serve: Callable[..., Served], visit: Callable[..., Any]) -> None:
    served = serve()
    page = visit(served.url)

    def tab_to(element: Any) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if element.evaluate("element => element === document.activeElement"):
                ring = element.evaluate("e => getComputedStyle(e).outlineStyle + getComputedStyle(e).outlineWidth")
                assert ring != "none0px", "the focus is seen"
                return
        raise AssertionError("not reached")

    tab_to(page.get_by_role("link", name="garden: Span 1"))
    page.keyboard.press("Enter")
    page.wait_for_url(served.review)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    tab_to(page.get_by_label("Accept findings"))
    page.keyboard.press("Space")
    for _ in range(2):  # leave a group out, correct labels
        page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Correct labels")).to_be_checked()
    photo = page.locator(".suspect").first
    tab_to(photo.get_by_role("checkbox"))
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.type("tulips")
    tab_to(page.get_by_label("Reason"))
    page.keyboard.type("It is a tulip.")
    page.keyboard.press("Tab")
    page.keyboard.type("Ada")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Ada corrected 1 label of span 1.")
    assert list(served.decisions[0].labels.values()) == ["tulips"]


def test_it_works_without_scripts_and_a_report_has_none(serve: Callable[..., Served], visit: Callable[..., Any]) -> None:
    served = serve()
    home = Path(served.config.pipeline_root) / "reviews" / served.review.rsplit("/", 1)[-1]
    (home / "report.html").write_text(LOUD_REPORT)
    page = visit(served.review, expected=("Blocked script",))
    expect(page.frame_locator("iframe").get_by_role("heading", name="A report")).to_be_visible()
    assert page.title() == "Span 1 · Review desk"
    plain = visit(served.url, expected=("Blocked script",), java_script_enabled=False)
    plain.get_by_role("link", name="garden: Span 1").click()
    plain.get_by_label("Reject the delivery").check()
    plain.get_by_label("Reason").fill("Blurred.")
    plain.get_by_label("Your name").fill("Ada")
    plain.get_by_role("button", name="Record the decision").click()
    expect(plain.get_by_role("status")).to_contain_text("Ada rejected span 1.")


def checker(page: Any, scheme: str) -> Callable[[], None]:
    """Checks the page with axe-core, and that nothing is wider than the screen."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="no axe-playwright-python: accessibility was not tested"
    ).Axe()

    def check() -> None:
        results = axe.run(page)
        assert [(violation["id"], [node["html"] for node in violation["nodes"]]) for violation in results.response["violations"]] == []
        assert len(results.response["passes"]) > 10
        widths = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert widths[0] <= widths[1]
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
        assert (max(ground[:3]) < 60) == (scheme == "dark")

    return check


def test_axe_finds_nothing_on_pages_of_what_is_rare(serve: Callable[..., Served], visit: Callable[..., Any], tmp_path: Path) -> None:
    served = serve()
    root, photos = reviews_root(served.config), {2: write_span(served.config.data_root, 2)}
    suspects = [{"uri": f"a/{digest[:6]}.jpg", "digest": digest, "label": "daisy", "suggested": "roses"} for digest in photos[2][6:9]]
    name = write_review(root, photos, 5, suspects=suspects)
    (Path(root) / "reviews" / "2-damaged").mkdir()
    (Path(root) / "reviews" / "2-damaged" / "review.json").write_text("[]")
    page = visit(f"{served.url}/pipelines/nothing", expected=("404", "422"))
    check = checker(page, "light")
    check()
    page.goto(f"{served.url}/pipelines/garden")
    expect(page.get_by_text("1 review cannot be read: 2-damaged.")).to_be_visible()
    check()
    page.goto(f"{served.url}/pipelines/garden/reviews/{name}")
    page.get_by_label("Correct labels").check()
    for row, choice in ((0, "roses"), (1, "none: leave it out")):
        suspect = page.locator(".suspect").nth(row)
        suspect.get_by_role("checkbox").check()
        suspect.get_by_role("combobox").select_option(choice)
    page.get_by_label("Reason").fill("A rose, and a doll.")
    page.get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Record the decision").click()
    expect(page.get_by_role("status")).to_contain_text("Ada corrected 1 label of span 2. Ada left 1 photo of span 2 out.")
    page.get_by_label("Take photos back in").check()
    check()
    (tmp_path / "audit.json").write_text("{}")
    page.get_by_label("The file audit.json").set_input_files(tmp_path / "audit.json")
    page.get_by_role("button", name="Show its photos above").click()
    expect(page.get_by_role("alert")).to_contain_text("not an audit of labels")
    check()
    write_review(root, photos, 9, verdict="warn", findings=[])
    page.wait_for_timeout(2_100)  # a listing of reviews is used for two seconds
    page.goto(f"{served.url}/pipelines/garden/reviews/{name}")
    expect(page.get_by_text("A newer review has these photos")).to_be_visible()
    check()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_and_nothing_is_cut_off(
    serve: Callable[..., Served], visit: Callable[..., Any], scheme: str, device: dict[str, Any]
) -> None:
    served = serve(with_tokens=True, approvals=2)
    page = visit(served.url, color_scheme=scheme, expected=("403", "409"), **device)
    check = checker(page, scheme)
    sign_in(page, "wrong-token-0123456789")
    expect(page.get_by_role("alert")).to_contain_text("not one of the reviewers")
    check()
    sign_in(page, ADA)
    expect(page.get_by_role("heading", name="1 review waits for a decision")).to_be_visible()
    check()
    page.goto(served.review)
    for choice in ("Accept findings", "Leave a group out", "Correct labels"):
        page.get_by_label(choice).check()
        check()
    page.get_by_label("Accept findings").check()
    page.get_by_label("Reason").fill("Evening.")
    stale = page.evaluate("[...document.querySelectorAll('input[name^=seen]')].map(field => [field.name, field.value])")
    page.get_by_role("button", name="Record the decision").click()
    expect(page.get_by_text("Waits for a second reviewer.")).to_be_visible()
    check()
    page.evaluate("(fields) => fields.forEach(([name, value]) => document.querySelector(`[name='${name}']`).value = value)", stale)
    page.get_by_label("Reject the delivery").check()
    page.get_by_label("Reason").fill("No.")
    page.get_by_role("button", name="Record the decision").click()
    expect(page.get_by_role("alert")).to_contain_text("Somebody decided first")
    check()
    page.goto(f"{served.url}/pipelines/garden")
    check()
