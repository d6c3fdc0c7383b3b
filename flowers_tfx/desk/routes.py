"""The addresses of the desk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, RedirectResponse, Response

import flowers_tfx.serving
from flowers_tfx.desk import pages
from flowers_tfx.desk.access import Access, Visitor
from flowers_tfx.desk.audits import read_upload
from flowers_tfx.desk.decision_routes import Desk, form_page, show_audit, take_decision
from flowers_tfx.desk.errors import DeskError
from flowers_tfx.desk.pipelines import Pipeline
from flowers_tfx.desk.request_checks import REPORT_POLICY, first, read_form

_STATIC = {
    "desk.css": (Path(__file__).with_name("static") / "desk.css", "text/css; charset=utf-8"),
    "icon.svg": (Path(flowers_tfx.serving.__file__).with_name("page") / "icon.svg", "image/svg+xml"),
}
HEALTH = "/health"  # for the probes of a container: it needs no name
_LARGEST_REPORT = 64 << 20  # bytes


def desk_router(desk: Desk) -> APIRouter:
    """Raises OSError for a program that was not installed whole."""
    router = APIRouter(include_in_schema=False)
    _add_static(router)
    _add_sign_in(router, desk.access)
    _add_forms(router, desk)

    @router.get("/")
    def home(request: Request) -> Response:
        visitor = desk.access.visitor(request)
        page = pages.home_page(desk.frame(visitor), list(desk.pipelines.values()))
        return desk.with_cookie(request, page, visitor)

    @router.get("/pipelines/{key}")
    def pipeline(request: Request, key: str) -> Response:
        visitor = desk.access.visitor(request)
        page = pages.pipeline_page(desk.frame(visitor), desk.pipeline(key))
        return desk.with_cookie(request, page, visitor)

    @router.get("/pipelines/{key}/reviews/{name}")
    def review(request: Request, key: str, name: str, recorded: str = "") -> Response:
        visitor = desk.access.visitor(request)
        return desk.with_cookie(request, form_page(desk, visitor, key, name, recorded), visitor)

    @router.get("/pipelines/{key}/reviews/{name}/report")
    def report(request: Request, key: str, name: str) -> Response:
        desk.access.visitor(request)
        return _report(desk.pipeline(key), name)

    @router.get("/pipelines/{key}/reviews/{name}/photos/{digest}.jpg")
    def photo(request: Request, key: str, name: str, digest: str) -> Response:
        desk.access.visitor(request)
        return Response(desk.photo(key, name, digest), media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})

    return router


def _add_forms(router: APIRouter, desk: Desk) -> None:
    @router.post("/pipelines/{key}/reviews/{name}/decisions")
    async def decide(request: Request, key: str, name: str) -> Response:
        visitor = desk.access.visitor(request)
        form = await read_form(request)
        return await run_in_threadpool(take_decision, desk, visitor, key, name, form)

    @router.post("/pipelines/{key}/reviews/{name}/audit")
    async def audit(request: Request, key: str, name: str) -> Response:
        visitor = desk.access.visitor(request)
        form_token, content = await read_upload(request)
        return await run_in_threadpool(show_audit, desk, visitor, key, name, form_token, content)


def _add_static(router: APIRouter) -> None:
    router.add_api_route(HEALTH, lambda: PlainTextResponse("The desk answers."), methods=["GET"])
    for name, (path, kind) in _STATIC.items():
        router.add_api_route(f"/static/{name}", _file_sender(path.read_bytes(), kind), methods=["GET"])


def _file_sender(content: bytes, kind: str) -> Callable[[], Response]:
    def send_file() -> Response:
        return Response(content, media_type=kind, headers={"Cache-Control": "max-age=300"})

    return send_file


def _add_sign_in(router: APIRouter, access: Access) -> None:
    @router.get("/sign-in")
    def sign_in_page(request: Request, next: str = "/") -> Response:
        access.check(request)
        return pages.render("sign_in.html.j2", pages.Frame(), next=_own_address(next), problem="") if access.has_sign_in else _to("/")

    @router.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        access.check(request)
        form = await read_form(request)
        address = _own_address(first(form, "next"))
        session = access.sign_in(first(form, "token"))
        if session is None:
            problem = "This token is not one of the reviewers of this desk."
            return pages.render("sign_in.html.j2", pages.Frame(), 403, next=address, problem=problem)
        response = _to(address)
        access.remember(request, response, session)
        return response

    @router.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        visitor = access.visitor(request)
        _require_token(visitor, await read_form(request))
        response = _to("/sign-in" if access.has_sign_in else "/")
        access.forget(request, response)
        return response


def _require_token(visitor: Visitor, form: Mapping[str, list[str]]) -> None:
    if not visitor.session.owns(first(form, "form_token")):
        raise DeskError(403, "The page was older than your session.", "Go back, load it again, and repeat what you did.")


def _report(pipeline: Pipeline, name: str) -> Response:
    stored = pipeline.snapshot().review(name)
    try:
        content = stored.html.read_bytes()
    except FileNotFoundError:
        raise DeskError(404, "This review has no report.", "It may have been removed.") from None
    if len(content) > _LARGEST_REPORT:
        raise DeskError(413, "The report is too large to be shown here.", f"Open the file {stored.html}.")
    return Response(content, media_type="text/html; charset=utf-8", headers={"Content-Security-Policy": REPORT_POLICY})


def _to(address: str) -> RedirectResponse:
    return RedirectResponse(address, 303)


def _own_address(address: str) -> str:
    """The path of a page of this desk; the first page for anything else."""
    parts = urlsplit(address)
    is_own = address.startswith("/") and not address.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return address if is_own and address.isprintable() and len(address) < 1000 else "/"
