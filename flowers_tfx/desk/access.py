"""Who sends a request, and whether it may be answered."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from flowers_tfx.desk.errors import DeskError
from flowers_tfx.desk.request_checks import require_own_host, require_own_origin
from flowers_tfx.desk.reviewers import ProxyNames, Reviewers, clean_name
from flowers_tfx.desk.sessions import LIFETIME_S, Session, Sessions
from flowers_tfx.errors import InputError


class SignInFirst(Exception):
    """The page is for those who have signed in."""


@dataclass(frozen=True)
class Visitor:
    """`name`: empty where people type their names. `is_new`: the session's cookie must be set."""

    session: Session
    name: str
    is_new: bool


class Access:
    """With `reviewers` people sign in with their tokens; with `proxy_names` a proxy has done that; with neither everybody on this machine
    is a reviewer. `public_url`: the address of the desk behind a proxy, `https://HOST`; empty if it is the server's own."""

    def __init__(self, reviewers: Reviewers | None, proxy_names: ProxyNames | None, public_url: str = "") -> None:
        self._reviewers, self._proxy_names, self._public_url = reviewers, proxy_names, public_url
        self._sessions = Sessions(reviewers)

    @property
    def has_sign_in(self) -> bool:
        return self._reviewers is not None

    @property
    def is_local(self) -> bool:
        return self._reviewers is None and self._proxy_names is None

    def visitor(self, request: Request) -> Visitor:
        """Raises SignInFirst, or DeskError for a request that is not answered at all."""
        self.check(request)
        session = self._sessions.read(request.cookies.get(_cookie(request), ""))
        if self._reviewers is not None:
            if session is None:
                raise SignInFirst
            return Visitor(session, session.name, False)
        return Visitor(session or self._sessions.start(), self._proxy_name(request), session is None)

    def check(self, request: Request) -> None:
        """Raises DeskError for a name of the desk that is not its own, and for a form of another site."""
        if self.is_local:
            require_own_host(request)
        if request.method not in ("GET", "HEAD"):
            require_own_origin(request, self._public_url)

    def sign_in(self, token: str) -> Session | None:
        """None for a token that is not a reviewer's."""
        reviewer = self._reviewers.with_token(token.strip()) if self._reviewers else None
        return self._sessions.start(reviewer.name) if reviewer else None

    def remember(self, request: Request, response: Response, session: Session) -> None:
        is_secure = self._public_url.startswith("https:")
        response.set_cookie(_cookie(request), session.cookie, LIFETIME_S, secure=is_secure, httponly=True, samesite="lax")

    def forget(self, request: Request, response: Response) -> None:
        response.delete_cookie(_cookie(request), httponly=True, samesite="lax")

    def _proxy_name(self, request: Request) -> str:
        """Empty without a proxy. Raises DeskError for a request that does not come from the proxy, or names nobody."""
        if self._proxy_names is None:
            return ""
        address = request.client.host if request.client else ""
        if not self._proxy_names.trusts(address):
            raise DeskError(403, "This desk is reached through its proxy only.", "Ask the operator for its address.")
        values = request.headers.getlist(self._proxy_names.header)
        name = clean_name(values[0].encode("latin-1").decode("utf-8", "replace")) if len(values) == 1 else ""
        if not name:
            raise DeskError(403, "The proxy did not say who you are.", f"It must send one header {self._proxy_names.header}.")
        return name


def _cookie(request: Request) -> str:
    """Cookies of one host are shared by all ports: two desks must not sign each other's people out."""
    server = request.scope.get("server")
    return f"flowers_desk_{server[1] if server else 0}"


def check_public_url(url: str) -> str:
    """The URL as browsers send it in Origin. Raises InputError for anything but http(s)://HOST[:PORT]."""
    parts = urlsplit(url)
    if url and (
        parts.scheme not in ("http", "https") or not parts.netloc or parts.path not in ("", "/") or parts.query or "@" in parts.netloc
    ):
        raise InputError(f"{url!r} is not the address of a desk.", "Write --public-url https://desk.example.org, without a path.")
    return f"{parts.scheme}://{parts.netloc.lower()}" if url else ""
