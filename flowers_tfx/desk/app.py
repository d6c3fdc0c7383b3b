"""The web application of the desk: its routes, and the pages of what goes wrong."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from flowers_tfx.desk import pages
from flowers_tfx.desk.access import SignInFirst
from flowers_tfx.desk.decision_routes import Desk
from flowers_tfx.desk.errors import DeskError
from flowers_tfx.desk.request_checks import WithHeaders
from flowers_tfx.desk.routes import desk_router
from flowers_tfx.errors import InputError

_SENTENCES = {404: "There is nothing at this address.", 405: "This is not possible here."}


def create_app(desk: Desk) -> WithHeaders:
    app = FastAPI(
        title="Review desk",
        openapi_url=None,
        exception_handlers={
            SignInFirst: _sign_in_first,
            DeskError: _refused,
            InputError: _unreadable,
            OSError: _unreadable,
            HTTPException: _http_error,
            Exception: _unexpected,
        },
    )
    app.include_router(desk_router(desk))
    return WithHeaders(app)  # type: ignore[arg-type]


async def _sign_in_first(request: Request, _: Exception) -> Response:
    address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method not in ("GET", "HEAD"):
        return _error_page(401, "You are signed out.", "Sign in in another tab, then send this page again: go back, and nothing is lost.")
    return RedirectResponse(f"/sign-in?next={quote(address, safe='/')}", 303)


async def _refused(_: Request, error: DeskError) -> Response:
    return _error_page(error.status, error.message, error.hint)


async def _unreadable(_: Request, error: InputError | OSError) -> Response:
    hint = error.hint if isinstance(error, InputError) else "Try again; if it stays so, tell the operator of this desk."
    return _error_page(503, str(error), hint)


async def _http_error(_: Request, error: HTTPException) -> Response:
    return _error_page(error.status_code, _SENTENCES.get(error.status_code, f"{error.detail}."))


async def _unexpected(_: Request, error: Exception) -> Response:
    return _error_page(500, f"Unexpected {type(error).__name__}.", "This is a bug: see the log of the desk.")


def _error_page(status: int, message: str, hint: str = "") -> Response:
    return pages.render("error.html.j2", pages.Frame(), status, status=status, message=message, hint=hint)
