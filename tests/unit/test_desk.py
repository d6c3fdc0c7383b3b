"""The desk of reviewers over HTTP: what it shows, who may decide, what is recorded, and what happens when two decide at once."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from flowers_tfx.cli.program import flowers
from flowers_tfx.config import PipelineConfig
from flowers_tfx.data.decisions import FILE, Decision, read_decisions
from flowers_tfx.desk.access import Access
from flowers_tfx.desk.app import create_app
from flowers_tfx.desk.decision_form import LEAVE_OUT
from flowers_tfx.desk.decision_routes import Desk
from flowers_tfx.desk.pipelines import open_pipelines
from flowers_tfx.desk.reviewers import proxy_names, read_reviewers
from flowers_tfx.errors import InputError
from flowers_tfx.review.decision_files import apply_file
from tests.conftest import ROOT
from tests.desk_world import GROUP, LABELS, LUMA, SIZE, finding, pipeline_config, reviews_root, write_review, write_span
from tests.unit.buckets import FakeStore

HOST = "http://127.0.0.1:8502"
ADA, BO = "ada-token-0123456789", "bo-token-0123456789"
EVIL = "<script>alert(1)</script>"


class Reviewer:
    """A browser with its cookies."""

    def __init__(self, app: Any, base: str = HOST, client: tuple[str, int] = ("127.0.0.1", 50000)) -> None:
        self.http = TestClient(app, base_url=base, follow_redirects=False, raise_server_exceptions=False, client=client)
        self.base = base

    def get(self, path: str, status: int = 200, **headers: Any) -> str:
        answer = self.http.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        assert answer.status_code == status, answer.text
        return answer.text

    def post(self, path: str, fields: dict[str, Any], status: int, **headers: Any) -> Any:
        sent = {"Origin": self.base, **{name.replace("_", "-"): value for name, value in headers.items()}}
        answer = self.http.post(path, data=fields, headers=sent)
        assert answer.status_code == status, answer.text
        return answer

    def sign_in(self, token: str, status: int = 303) -> None:
        self.post("/sign-in", {"token": token, "next": "/"}, status)

    def open(self, path: str) -> dict[str, Any]:
        """The hidden fields of the page's form."""
        page = self.get(path)
        return dict(re.findall(r'<input type="hidden" name="(form_token|seen\.\d+)" value="([^"]*)"', page))

    def decide(self, path: str, hidden: dict[str, Any], status: int = 303, **fields: Any) -> str:
        return str(self.post(f"{path}/decisions", {**hidden, "by": "Ada", "reason": "I looked", **fields}, status).text)


class World:
    def __init__(self, config: PipelineConfig, spans: int = 1) -> None:
        self.config = config
        self.photos = {number: write_span(config.data_root, number) for number in range(1, spans + 1)}
        self.name = write_review(reviews_root(config), self.photos)
        self.path = f"/pipelines/{config.name}/reviews/{self.name}"

    def app(self, access: Access | None = None, *others: PipelineConfig) -> Any:
        return create_app(Desk(open_pipelines([self.config, *others]), access or Access(None, None)))

    def reviewer(self) -> Reviewer:
        return Reviewer(self.app())

    @property
    def decisions(self) -> list[Decision]:
        return read_decisions(self.config.data_root)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(pipeline_config(str(tmp_path)))


@pytest.fixture(params=["disk", "bucket"])
def any_world(request: pytest.FixtureRequest, tmp_path: Path, store: FakeStore) -> World:
    return World(pipeline_config(str(tmp_path) if request.param == "disk" else "s3://bucket/home"))


def tokens(folder: Path) -> Access:
    (folder / "tokens").write_text(f"# the reviewers\nAda Lovelace {ADA}\n\nBo {BO}\n")
    return Access(read_reviewers(folder / "tokens"), None)


def text(page: str) -> str:
    """What people read."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def test_what_waits_is_shown_and_gone_after_the_decision(any_world: World) -> None:
    ada = any_world.reviewer()
    home = ada.get("/")
    assert "1 review waits for a decision" in text(home)
    assert "evening pictures of another camera" in home
    assert any_world.path in home
    assert "right on 71 % of them (estimated); on its own test photos 90 %." in text(ada.get(any_world.path))
    hidden = ada.open(any_world.path)
    ada.decide(any_world.path, hidden, action="accept", finding=[LUMA, SIZE])
    assert [(one.action, one.by, one.reason, one.findings) for one in any_world.decisions] == [("accept", "Ada", "I looked", (LUMA, SIZE))]
    assert "Nothing waits for a decision" in text(ada.get("/"))
    page = text(ada.get(f"{any_world.path}?recorded=0"))
    assert "Recorded. Ada accepted 2 findings of span 1." in page
    assert "decided: the next run goes on with it" in page


def test_one_finding_too_few_and_it_waits(world: World) -> None:
    ada = world.reviewer()
    ada.decide(world.path, ada.open(world.path), action="accept", finding=[LUMA])
    assert "1 review waits for a decision" in text(ada.get("/"))
    page = ada.get(world.path)
    assert f'value="{LUMA}"' not in page
    assert f'value="{SIZE}" checked' in page
    assert f'value="{LABELS}" >' in page, "a warning can be accepted, and is not checked"


def test_the_second_reviewer_sees_that_the_first_decided(any_world: World) -> None:
    app = any_world.app()
    ada, bo = Reviewer(app), Reviewer(app)
    before, also_before = ada.open(any_world.path), bo.open(any_world.path)
    ada.decide(any_world.path, before, action="reject", reason="The tulips lie among the roses.")
    mine = "They are fine: <b>evening</b> pictures.\nLook at 017."
    page = bo.decide(any_world.path, also_before, 409, action="accept", finding=[SIZE], reason=mine, by="Bo")
    assert "Somebody decided first" in page
    assert "Ada rejected span 1." in text(page)
    assert "The tulips lie among the roses." in page
    assert html.escape(mine, quote=False) in page, "nothing that was typed is lost"
    assert 'value="Bo"' in page
    assert f'value="{SIZE}" checked' in page
    assert f'value="{LUMA}" >' in page
    assert [one.action for one in any_world.decisions] == ["reject"]
    again = dict(re.findall(r'<input type="hidden" name="(form_token|seen\.\d+)" value="([^"]*)"', page))
    bo.decide(any_world.path, again, action="accept", finding=[LUMA, SIZE], reason=mine, by="Bo")
    assert [(one.action, one.by) for one in any_world.decisions] == [("reject", "Ada"), ("accept", "Bo")]
    assert any_world.decisions[1].reason == mine


def test_a_group_leaves_and_comes_back(any_world: World) -> None:
    ada = any_world.reviewer()
    photos = any_world.photos[1][:4]
    assert "4 photos: 48 x 40 px, dark Without them the review passes. The model is right on 50 %." in text(ada.get(any_world.path))
    ada.decide(any_world.path, ada.open(any_world.path), action="exclude", group=GROUP)
    [decision] = any_world.decisions
    assert (decision.action, set(decision.photos), decision.group) == ("exclude", set(photos), GROUP)
    page = ada.get(any_world.path)
    assert "4 photos of this delivery are left out." in text(page)
    assert "decided: the next run goes on with it" in page
    ada.decide(any_world.path, ada.open(any_world.path), action="include", back=["0"], reason="They are ours.")
    assert (any_world.decisions[1].action, set(any_world.decisions[1].photos)) == ("include", set(photos))
    assert "waits for a decision" in text(ada.get(any_world.path))


def test_checked_labels_are_corrected(world: World) -> None:
    ada = world.reviewer()
    first, second, third = world.photos[1][:3]
    hidden = ada.open(world.path)
    chosen = {f"label.{first}": "tulips", f"label.{second}": "daisy", f"label.{third}": ""}
    page = ada.decide(world.path, hidden, 422, action="relabel", photo=[first, third], **chosen)
    assert "1 of 2 checked photos have no class chosen." in page
    assert re.search(f'value="{first}" checked', page)
    assert world.decisions == []
    ada.decide(world.path, hidden, action="relabel", photo=[first, second], **chosen)
    assert dict(world.decisions[0].labels) == {first: "tulips", second: "daisy"}


def test_photos_that_an_audit_suspects_can_be_corrected(world: World) -> None:
    ada = world.reviewer()
    own, strange = world.photos[1][6], "0" * 64
    suspects = [{"uri": "a/b/doll.jpg", "digest": digest, "label": "daisy", "suggested": "roses"} for digest in (own, strange)]
    hidden = ada.open(world.path)

    def upload(content: str, status: int) -> str:
        files = {"audit": ("audit.json", content, "application/json")}
        answer = ada.http.post(f"{world.path}/audit", data={"form_token": hidden["form_token"]}, files=files, headers={"Origin": HOST})
        assert answer.status_code == status, answer.text
        return answer.text

    page = upload(json.dumps({"suspects": suspects}), 200)
    assert "doll.jpg" in page
    assert strange not in page
    assert re.search(r"<option selected>roses", page)
    assert ada.http.get(f"{world.path}/photos/{own}.jpg").content[:2] == b"\xff\xd8"
    assert "suspects no label of these photos" in upload(json.dumps({"suspects": suspects[1:]}), 422)
    assert "is not an audit" in upload("[" * 100_000, 422)
    assert "is not an audit" in upload('{"suspects": [{"digest": []}]}', 422)
    ada.decide(world.path, hidden, action="relabel", photo=[own], **{f"label.{own}": "roses"})
    assert dict(world.decisions[0].labels) == {own: "roses"}


def test_labels_that_a_run_suspects_are_listed_until_they_are_decided(any_world: World) -> None:
    photos = any_world.photos[1]
    pairs = [(photos[6], "roses"), (photos[7], ""), (photos[8], "tulips")]
    suspects = [{"uri": f"a/{digest[:6]}.jpg", "digest": digest, "label": "daisy", "suggested": name} for digest, name in pairs]
    any_world.name = write_review(reviews_root(any_world.config), any_world.photos, 5, suspects=suspects)
    any_world.path = f"/pipelines/garden/reviews/{any_world.name}"
    ada = any_world.reviewer()

    def listed() -> list[str]:
        return re.findall(r'name="photo" value="([0-9a-f]{64})"', ada.get(any_world.path))

    assert listed() == [photos[6], photos[7], photos[8], *photos[:3]], "those of findings on labels come after them"
    assert ada.http.get(f"{any_world.path}/photos/{photos[7]}.jpg").content[:2] == b"\xff\xd8"
    chosen = {f"label.{photos[6]}": "roses", f"label.{photos[7]}": LEAVE_OUT}
    ada.decide(any_world.path, ada.open(any_world.path), action="relabel", photo=photos[6:8], **chosen)
    assert [(one.action, dict(one.labels), one.photos) for one in any_world.decisions] == [
        ("relabel", {photos[6]: "roses"}, ()),
        ("exclude", {}, (photos[7],)),
    ]
    assert "Ada corrected 1 label of span 1. Ada left 1 photo of span 1 out." in text(ada.get(f"{any_world.path}?recorded=0-1"))
    assert listed() == [photos[8], *photos[:3], photos[6]], "what was left out is gone, what was corrected comes last"
    assert "corrected to roses" in text(ada.get(any_world.path))


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"action": "accept", "finding": [LUMA], "reason": " "}, "lacks a reason"),
        ({"action": "accept", "finding": [LUMA], "by": " "}, "lacks your name"),
        ({"action": "accept"}, "No finding is checked"),
        ({"action": "accept", "finding": ["property:noise"]}, "No finding is checked"),
        ({"action": "exclude", "group": "other"}, "No group is chosen"),
        ({"action": "relabel"}, "No photo is checked"),
        ({"action": "relabel", "photo": ["0" * 64], "label." + "0" * 64: "roses"}, "has no photo with the digest"),
        ({"action": "include"}, "No photos are checked"),
        ({}, "No decision is chosen"),
        ({"action": "forget"}, "No decision is chosen"),
    ],
)
def test_what_is_not_a_decision_is_refused_and_what_was_typed_stays(world: World, fields: dict[str, Any], problem: str) -> None:
    ada = world.reviewer()
    page = ada.decide(world.path, ada.open(world.path), 422, **{"reason": "typed by me", **fields})
    assert problem in page
    assert ("typed by me" in page) == (fields.get("reason") != " ")
    assert not (Path(world.config.data_root) / FILE).exists()


def test_a_class_of_no_pipeline_is_refused(world: World) -> None:
    ada = world.reviewer()
    digest = world.photos[1][0]
    page = ada.decide(world.path, ada.open(world.path), 422, action="relabel", photo=[digest], **{f"label.{digest}": EVIL})
    assert "is not a class" in page
    assert EVIL not in page


def test_two_names_must_decide(tmp_path: Path) -> None:
    world = World(pipeline_config(str(tmp_path), approvals=2))
    app = world.app(tokens(tmp_path))
    ada, bo = Reviewer(app), Reviewer(app)
    ada.sign_in(ADA)
    bo.sign_in(BO)
    assert "2 different names must decide the same before it counts." in ada.get(world.path)
    ada.decide(world.path, ada.open(world.path), action="accept", finding=[LUMA, SIZE])
    home = text(bo.get("/"))
    assert "waits for a second reviewer" in home
    assert "Ada Lovelace decided: accepted 2 findings of span 1. 1 more name is needed." in home
    assert "already" in ada.decide(world.path, ada.open(world.path), 422, action="accept", finding=[LUMA, SIZE])
    bo.decide(world.path, bo.open(world.path), action="accept", finding=[LUMA, SIZE])
    assert "Nothing waits for a decision" in text(bo.get("/"))


def test_names_come_from_tokens_and_not_from_the_form(world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    app = world.app(tokens(tmp_path))
    ada = Reviewer(app)
    assert ada.http.get(world.path).headers["location"] == f"/sign-in?next={world.path}"
    ada.sign_in("wrong-token-0123456789", 403)
    ada.sign_in("", 403)
    assert ada.http.get("/").status_code == 303
    ada.sign_in(f" {ADA}\n")
    hidden = ada.open(world.path)
    ada.decide(world.path, hidden, action="reject", by="Somebody Else")
    assert world.decisions[0].by == "Ada Lovelace"
    assert "Ada Lovelace" in ada.get("/")
    pages = ada.get("/") + ada.get(world.path) + str(ada.http.cookies)
    assert ADA not in pages + "".join(capfd.readouterr())
    ada.post("/sign-out", hidden, 303)
    assert ada.http.get("/").status_code == 303


def test_a_session_ends_when_its_reviewer_leaves(world: World, tmp_path: Path) -> None:
    ada = Reviewer(world.app(tokens(tmp_path)))
    ada.sign_in(ADA)
    after_restart = Reviewer(world.app(tokens(tmp_path)))
    after_restart.http.cookies = ada.http.cookies
    after_restart.get("/")
    (tmp_path / "tokens").write_text(f"Ada Lovelace another-{ADA}\nBo {BO}\n")
    without = Reviewer(world.app(Access(read_reviewers(tmp_path / "tokens"), None)))
    without.http.cookies = ada.http.cookies
    assert without.http.get("/").status_code == 303


def test_a_proxy_names_reviewers_from_its_addresses_only(world: World) -> None:
    access = Access(None, proxy_names("X-Forwarded-User", ["10.0.0.0/24", "::1"]), "https://desk.example.org")
    app = world.app(access)
    proxy = Reviewer(app, "http://desk.internal", ("10.0.0.7", 1))
    named = {"X_Forwarded_User": "Grüße & Co".encode()}
    stranger = Reviewer(app, "http://desk.internal", ("10.0.1.7", 1))
    assert "through its proxy only" in stranger.get("/", 403, X_Forwarded_User="Ada")
    assert "did not say who you are" in proxy.get("/", 403)
    assert proxy.http.get("/", headers=[("X-Forwarded-User", "Ada"), ("X-Forwarded-User", "Bo")]).status_code == 403
    page = proxy.get(world.path, **named)
    hidden = dict(re.findall(r'<input type="hidden" name="(form_token|seen\.\d+)" value="([^"]*)"', page))
    cookie = next(iter(proxy.http.cookies.jar))
    assert cookie.secure
    proxy.http.cookies.set(cookie.name, cookie.value)  # the client is http, the browser is not
    fields = {**hidden, "action": "reject", "reason": "no"}
    proxy.post(f"{world.path}/decisions", fields, 403, Origin="https://evil.example.org", **named)
    proxy.post(f"{world.path}/decisions", fields, 303, Origin="https://desk.example.org", **named)
    assert world.decisions[0].by == "Grüße & Co"


@pytest.mark.parametrize("sender", ["https://evil.example.org", "null", "http://127.0.0.1:8503", "http://[", ""])
def test_a_form_of_another_site_changes_nothing(world: World, sender: str) -> None:
    ada = world.reviewer()
    hidden = ada.open(world.path)
    fields = {**hidden, "action": "reject", "reason": "no", "by": "Ada"}
    assert "was not sent from a page of this desk" in ada.post(f"{world.path}/decisions", fields, 403, Origin=sender).text
    ada.post(f"{world.path}/decisions", fields, 403, Sec_Fetch_Site="same-site")
    assert world.decisions == []


def test_a_form_without_its_token_changes_nothing_and_keeps_what_was_typed(world: World) -> None:
    ada, eve = world.reviewer(), world.reviewer()
    hidden, others = ada.open(world.path), eve.open(world.path)
    for token in (others["form_token"], "", "é"):
        page = ada.decide(world.path, {**hidden, "form_token": token}, 403, action="reject", reason="typed by me")
        assert "typed by me" in page
    assert world.decisions == []


def test_a_name_that_leads_here_is_not_enough(world: World) -> None:
    """A page of evil.example.org whose name leads to 127.0.0.1."""
    assert "does not answer under the name" in Reviewer(world.app(), "http://evil.example.org:8502").get("/", 403)
    Reviewer(world.app(), "http://localhost:8502").get("/")
    Reviewer(world.app(), "http://[::1]:8502").get("/")


def test_sizes_are_bounded(world: World) -> None:
    ada = world.reviewer()
    hidden = ada.open(world.path)
    ada.decide(world.path, hidden, 413, action="reject", reason="x" * 600_000)
    ada.decide(world.path, hidden, 400, action="accept", finding=["x"] * 10_001)
    ada.post(f"{world.path}/decisions", {}, 415, Content_Type="application/json")
    ada.http.headers["Content-Length"] = "9000000"
    assert "more than 8 MB" in ada.post(f"{world.path}/audit", {}, 413).text
    del ada.http.headers["Content-Length"]
    ada.decide(world.path, hidden, action="reject", reason="x" * 5000, by="y" * 500)
    assert (len(world.decisions[0].reason), len(world.decisions[0].by)) == (2000, 100)


def test_every_answer_has_its_headers(world: World) -> None:
    ada = world.reviewer()
    pages = ("/", f"/pipelines/{world.config.name}", world.path, f"{world.path}/report", "/nothing", "/static/desk.css")
    for path in pages:
        headers = ada.http.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert ("sandbox" in policy) == path.endswith("/report")
        assert "frame-ancestors" in policy
    cookie = ada.http.get("/", headers={"Cookie": ""}).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


def test_the_report_is_shown_as_it_is_stored(any_world: World) -> None:
    ada = any_world.reviewer()
    assert "<h1>The report of span [1]</h1>" in ada.get(f"{any_world.path}/report")
    assert 'sandbox loading="lazy"' in ada.get(any_world.path)
    for name in ("1-run9", "..", "%2e%2e", "1-run0%2f..%2f1-run0"):
        ada.get(f"/pipelines/{any_world.config.name}/reviews/{name}/report", 404)
    ada.get("/pipelines/other", 404)


def test_only_photos_that_the_page_names_are_shown(any_world: World) -> None:
    ada = any_world.reviewer()
    first, last = any_world.photos[1][0], any_world.photos[1][-1]
    answer = ada.http.get(f"{any_world.path}/photos/{first}.jpg")
    assert (answer.headers["content-type"], answer.content[:2]) == ("image/jpeg", b"\xff\xd8")
    assert len(answer.content) < 4_097
    for digest in (last, "0" * 64, "../manifest"):
        ada.get(f"{any_world.path}/photos/{digest}.jpg", 404)


def test_texts_of_others_are_not_markup(tmp_path: Path) -> None:
    world = World(pipeline_config(str(tmp_path)))
    group = {"id": f'"{EVIL}', "words": EVIL, "photos": world.photos[1][:2], "findings": [], "accuracy": None}
    world.name = write_review(reviews_root(world.config), world.photos, 5, story=EVIL, groups=[group])
    world.path = f"/pipelines/garden/reviews/{world.name}"
    ada = world.reviewer()
    assert EVIL not in ada.get("/")
    ada.decide(world.path, ada.open(world.path), action="reject", reason=EVIL, by=EVIL)
    for path in ("/pipelines/garden", world.path, f"{world.path}?recorded=0"):
        page = ada.get(path)
        assert EVIL not in page
        assert html.escape(EVIL, quote=False) in page.replace("&#39;", "'")


@pytest.mark.parametrize(
    "address", ["//evil.example.org", "https://evil.example.org", "/\\evil.example.org", "javascript:alert(1)", "/\x00"]
)
def test_sign_in_leads_to_pages_of_the_desk_only(world: World, tmp_path: Path, address: str) -> None:
    ada = Reviewer(world.app(tokens(tmp_path)))
    assert ada.post("/sign-in", {"token": ADA, "next": address}, 303).headers["location"] == "/"
    assert ada.post("/sign-in", {"token": ADA, "next": world.path}, 303).headers["location"] == world.path


def test_several_pipelines_and_one_that_cannot_be_read(world: World, tmp_path: Path) -> None:
    other = World(pipeline_config(str(tmp_path / "other"), "meadow"))
    broken = World(pipeline_config(str(tmp_path / "broken")))
    (Path(broken.config.data_root) / FILE).write_text("no decision\n")
    ada = Reviewer(world.app(None, other.config, broken.config))
    home = text(ada.get("/"))
    assert "2 reviews wait for a decision" in home
    assert "meadow: Span 1" in home
    assert "It cannot be read: Line 1" in home
    assert "is not a decision" in ada.get("/pipelines/garden-2", 503)
    ada.decide(other.path, ada.open(other.path), action="reject")
    assert (len(other.decisions), len(world.decisions)) == (1, 0)


def test_a_newer_review_is_the_one_to_decide_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowers_tfx.desk.pipelines._FRESH_S", 0.0)
    ada = world.reviewer()
    hidden = ada.open(world.path)
    newer = write_review(reviews_root(world.config), world.photos, 9, verdict="warn", findings=[])
    page = ada.decide(world.path, hidden, 409, action="accept", finding=[LUMA])
    assert newer in page
    assert world.decisions == []
    assert "Nothing waits for a decision" in text(ada.get("/"))
    assert 'name="action"' not in ada.get(world.path)


def test_a_review_of_the_serving_model_waits_until_the_next_review(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowers_tfx.desk.pipelines._FRESH_S", 0.0)
    root, nothing_new = reviews_root(world.config), {"new": {"spans": [], "digest": "", "photos": 0}, "new_spans": [], "groups": []}
    write_review(root, world.photos, 5, verdict="pass", findings=[])
    lost = finding("schema:baseline:7", "error", "Version 7 has no training sample.")
    name = write_review(root, world.photos, 6, findings=[lost], **nothing_new)
    ada = world.reviewer()
    path = f"/pipelines/garden/reviews/{name}"
    assert path in ada.get("/")
    ada.decide(path, ada.open(path), action="accept", finding=["schema:baseline:7"])
    assert [(one.span, one.findings) for one in world.decisions] == [(1, ("schema:baseline:7",))]
    write_review(root, world.photos, 7, verdict="pass", findings=[])
    assert "A newer review" in ada.get(path)


def test_a_review_of_several_spans_is_accepted_with_each_and_rejected_one_by_one(tmp_path: Path) -> None:
    world = World(pipeline_config(str(tmp_path)), spans=2)
    ada = world.reviewer()
    assert "No span is checked" in ada.decide(world.path, ada.open(world.path), 422, action="reject")
    ada.decide(world.path, ada.open(world.path), action="accept", finding=[LUMA, SIZE])
    assert [(one.span, one.findings) for one in world.decisions] == [(1, (LUMA, SIZE)), (2, (LUMA, SIZE))]
    ada.decide(world.path, ada.open(world.path), action="reject", span=["2"])
    assert (world.decisions[2].span, world.decisions[2].action) == (2, "reject")


def test_the_page_of_a_pipeline_has_spans_decisions_and_trends(tmp_path: Path) -> None:
    config = pipeline_config(str(tmp_path))
    world = World(config)
    for number in (2, 3):
        photos = write_span(config.data_root, number)
        write_review(reviews_root(config), {number: photos}, number, verdict="warn", findings=[])
    ada = world.reviewer()
    ada.decide(world.path, ada.open(world.path), action="reject", reason="blurred")
    page = ada.get("/pipelines/garden")
    assert "Ada rejected span 1. 2" in text(page)
    assert "blurred" in page
    assert 'aria-label="span 1 40, span 2 42, span 3 43"' in page
    assert text(page).index("brightness") < text(page).index("height"), "the largest difference first"


def test_photos_that_are_gone_leave_nothing_to_decide(world: World) -> None:
    shutil.rmtree(Path(world.config.data_root) / "span-1")
    page = world.reviewer().get(world.path)
    assert "nothing to decide" in page
    assert 'name="action"' not in page


def test_a_review_of_another_program_version_can_be_read(tmp_path: Path) -> None:
    """Before there were groups, harm, power and a story."""
    world = World(pipeline_config(str(tmp_path)))
    path = Path(world.config.pipeline_root) / "reviews" / world.name / "review.json"
    review = json.loads(path.read_text())
    for key in ("harm", "groups", "power", "story"):
        del review[key]
    path.write_text(json.dumps(review))
    assert "Brightness: median 110" in world.reviewer().get(world.path)
    assert "1 review waits" in text(world.reviewer().get("/"))


@pytest.fixture
def call() -> Iterator[Callable[..., Any]]:
    yield lambda *arguments: CliRunner().invoke(flowers, ["desk", *arguments])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--host", "0.0.0.0"], "anybody could decide"),
        (["--host", "0.0.0.0", "--proxy-header", "X-User"], "only from its addresses"),
        (["--proxy-address", "10.0.0.1"], "needs --proxy-header"),
        (["--proxy-header", "X User", "--proxy-address", "10.0.0.1"], "not the name of a header"),
        (["--proxy-header", "X-User", "--proxy-address", "proxy"], "not an address"),
        (["--public-url", "https://a/b"], "not the address of a desk"),
        (["--token-file", "/no/such/file"], "cannot be read"),
    ],
)
def test_a_desk_that_anybody_could_decide_at_does_not_start(call: Callable[..., Any], arguments: list[str], sentence: str) -> None:
    result = call(*arguments)
    assert sentence in str(result.exception)


@pytest.mark.parametrize(
    "content",
    ["", "Ada", f"{ADA}", "Ada short", f"Ada {ADA}\nADA  {BO}", f"Ada {ADA}\nBo {ADA}", f"Ada {ADA}é", f"{'x' * 101} {ADA}", "\x00 " + ADA],
)
def test_a_token_file_must_be_whole_and_its_tokens_stay_unsaid(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokens").write_text(content)
    with pytest.raises(InputError) as error:
        read_reviewers(tmp_path / "tokens")
    assert "0123456789" not in str(error.value) + error.value.hint


@pytest.mark.parametrize(("mode", "warned"), [(0o644, True), (0o640, False), (0o600, False)])
def test_tokens_that_everybody_can_read_are_warned_of(call: Callable[..., Any], tmp_path: Path, mode: int, warned: bool) -> None:
    (tmp_path / "tokens").write_text(f"Ada {ADA}")
    (tmp_path / "tokens").chmod(mode)
    result = call("--token-file", str(tmp_path / "tokens"), "--host", "256.0.0.1")
    assert "not an address of this machine" in str(result.exception)
    assert ("can read the tokens" in result.output) == warned


def test_the_desk_needs_no_tensorflow() -> None:
    code = (
        "import sys; import flowers_tfx.desk.server; print([name for name in ('tensorflow', 'tfx', 'apache_beam') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_decision_can_be_downloaded_and_applied_by_an_operator(world: World, tmp_path: Path) -> None:
    ada = world.reviewer()
    hidden = ada.open(world.path)
    fields = {**hidden, "action": "exclude", "group": GROUP, "reason": "Another camera.", "by": "Ada", "do": "download"}
    answer = ada.post(f"{world.path}/decisions", fields, 200)
    assert answer.headers["content-disposition"] == 'attachment; filename="garden-span-1-exclude.json"'
    assert world.decisions == []
    (tmp_path / "decision.json").write_bytes(answer.content)
    assert ada.post(f"{world.path}/decisions", {**fields, "group": ""}, 422).text.count("Another camera.") == 1
    applied = apply_file(world.config.data_root, tmp_path / "decision.json", classes=(), approvals=1)
    assert not applied.was_applied
    assert [(one.action, one.by, one.photos) for one in world.decisions] == [("exclude", "Ada", tuple(world.photos[1][:4]))]
