"""The page for people at `GET /`, and what it asks for: the model that answers, its card, pictures to try."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from flowers_tfx.registry import CARD_PAGE, EXPLANATIONS_LINK, explanations_page, measured_accuracy
from flowers_tfx.serving.example_pictures import TITLES, example_picture
from flowers_tfx.serving.loaded_version import VersionFacts
from flowers_tfx.serving.requests import RequestError
from flowers_tfx.serving.responses import json_response
from flowers_tfx.storage import StoragePath

_FOLDER = Path(__file__).with_name("page")
_FILES = {"/": "index.html", "/page.css": "page.css", "/page.js": "page.js", "/why.js": "why.js", "/icon.svg": "icon.svg"}
_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# The page sends the token with everything else that it asks for.
OPEN_PATHS = frozenset(_FILES)
_KEPT_CARDS = 4
_SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_ONLY_OURS = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# The card and the page of explanations are one file each: the style is inside it, and it has no scripts.
_ONE_FILE = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@dataclass(frozen=True)
class PageState:
    """`facts`: of the version that serves now; raises RequestError if none does. `max_body`: bytes of the largest photo that is taken."""

    facts: Callable[[], VersionFacts]
    max_body: int
    feedback: bool
    explanations: bool


def page_router(state: PageState) -> APIRouter:
    """Raises OSError for a program that was not installed whole."""
    router = APIRouter()
    cards = _Cards()
    for path, name in _FILES.items():
        router.add_api_route(path, _file_sender(_FOLDER / name), methods=["GET", "HEAD"], include_in_schema=False)

    @router.get("/about", summary="The model that answers, and what the page needs to know.")
    def about() -> Response:
        return json_response(_describe(state, cards))

    @router.get("/card", summary="The card of the model that answers.", response_class=Response, responses={404: {}})
    def card() -> Response:
        page = cards.of(state.facts().path).page
        if page is None:
            raise RequestError(404, "This version of the model has no card.", "Versions that are pushed from now on have one.")
        return _one_file(page)

    # The card links to it.
    @router.get(f"/{EXPLANATIONS_LINK}", summary="What the model's answers rest on.", response_class=Response, responses={404: {}})
    def explanations() -> Response:
        page = _read_explanations(state.facts().path)
        if page is None:
            raise RequestError(
                404, "This version of the model has no page of explanations.", "It is made some minutes after the push, or not at all."
            )
        return _one_file(page)

    @router.get("/examples/{number}.jpg", include_in_schema=False)
    def example(number: str) -> Response:
        if number not in map(str, range(len(TITLES))):
            raise RequestError(404, "There is no such example.", "/about lists them.")
        headers = {**_SAFE, "Cache-Control": "max-age=86400"}
        return Response(example_picture(int(number)), media_type="image/jpeg", headers=headers)

    return router


def _one_file(page: bytes) -> Response:
    return Response(page, media_type="text/html; charset=utf-8", headers={**_SAFE, "Content-Security-Policy": _ONE_FILE})


def _read_explanations(version: StoragePath) -> bytes | None:
    """None for a version without a page. Read each time: it is added while the version serves. Raises RequestError if the registry cannot
    be read."""
    try:
        page = explanations_page(version)
    except OSError as error:
        raise _unreadable(error) from error
    return None if page is None else _read(page)


def _file_sender(path: Path) -> Callable[[Request], Response]:
    content = path.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    kind = f"{_KINDS[path.suffix]}; charset=utf-8"
    headers = {**_SAFE, "ETag": tag, "Cache-Control": "no-cache", "Content-Security-Policy": _ONLY_OURS}

    def send_file(request: Request) -> Response:
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=kind, headers=headers)

    return send_file


def _describe(state: PageState, cards: _Cards) -> dict[str, Any]:
    facts = state.facts()
    card = cards.of(facts.path)
    return {
        "model_version": facts.version,
        "created": facts.created or None,
        "test_accuracy": card.accuracy,
        "labels": list(facts.labels),
        "card": "/card" if card.page else None,
        "feedback": state.feedback,
        "explanations": state.explanations,
        "max_bytes": state.max_body,
        "examples": [{"url": f"/examples/{number}.jpg", "title": title} for number, title in enumerate(TITLES)],
    }


@dataclass(frozen=True)
class _Card:
    """None, both, for a version without a card."""

    page: bytes | None
    accuracy: dict[str, Any] | None


class _Cards:
    """The last few that were read: a version's card never changes, and the version may leave the registry while it serves."""

    def __init__(self) -> None:
        self._cards: dict[str, _Card] = {}

    def of(self, version: StoragePath) -> _Card:
        """Raises RequestError if the registry cannot be read."""
        card = self._cards.get(str(version))
        if card is None:
            card = _Card(_read(version / CARD_PAGE), _test_accuracy(version))
            while len(self._cards) >= _KEPT_CARDS:
                self._cards.pop(next(iter(self._cards)), None)
            if card.page is not None:
                self._cards[str(version)] = card
        return card


def _test_accuracy(version: StoragePath) -> dict[str, Any] | None:
    """None for a version without a card, or with one of another program."""
    try:
        accuracy = measured_accuracy(version)
    except OSError as error:
        raise _unreadable(error) from error
    return asdict(accuracy) if accuracy else None


def _read(path: StoragePath) -> bytes | None:
    """None for a file that is not there."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(error) from error


def _unreadable(error: OSError) -> RequestError:
    return RequestError(503, f"The registry cannot be read: {error.strerror or error}.", "Try again later.")
