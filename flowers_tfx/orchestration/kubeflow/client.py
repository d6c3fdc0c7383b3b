"""The REST interface of open-source Pipelines (v2beta1): requests with a token, and what went wrong in one sentence."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from flowers_tfx import __version__
from flowers_tfx.errors import InputError

TIMEOUT_S = 60
PAGE_SIZE = 100


class Unavailable(InputError):
    """The host does not answer, or says that it cannot now: another attempt may do better."""


class Missing(InputError):
    """What was asked for is not there."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect leads to a page to log in at, and would carry the token to wherever it leads."""

    def redirect_request(self, *_arguments: Any, **_options: Any) -> None:
        return None


@dataclass(frozen=True)
class Client:
    """`token` is called for each request, since tokens of service accounts change while a run is waited for; empty: no token."""

    host: str
    token: Callable[[], str]

    def __post_init__(self) -> None:
        """Raises InputError when the host is no address."""
        parts = urlsplit(self.host)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"The host {self.host} is no address.", "Write http://HOST:PORT or https://HOST/PATH.")
        if parts.username or parts.password:
            raise InputError("The host holds a password.", "Give the token by --token-file or FLOWERS_KUBEFLOW_TOKEN.")

    def get(self, path: str, **query: str) -> dict[str, Any]:
        given = urlencode({name: value for name, value in query.items() if value})
        return self._ask("GET", f"{path}?{given}" if given else path, None)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return self._ask("POST", path, body)

    def delete(self, path: str) -> None:
        self._ask("DELETE", path, None)

    def every(self, path: str, key: str, **query: str) -> Iterator[dict[str, Any]]:
        """The items of all pages of a list."""
        token = ""
        while True:
            page = self.get(path, page_size=str(PAGE_SIZE), page_token=token, **query)
            yield from page.get(key) or []
            token = page.get("next_page_token") or ""
            if not token:
                return

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        """Raises InputError for what the server refuses, Unavailable and Missing as they say."""
        token = self.token()
        headers = {"Accept": "application/json", "User-Agent": f"flowers_tfx/{__version__}"}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"Content-Type": "application/json"} if body is not None else {}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.host.rstrip('/')}/apis/v2beta1/{path}", data, headers, method=method)  # noqa: S310
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT_S) as response:
                answer = json.loads(response.read() or b"{}")
        except urllib.error.HTTPError as error:
            raise _refused(self.host, error.code, _reason(error)) from None
        except (OSError, HTTPException) as error:
            cause = getattr(error, "reason", None) or error
            raise Unavailable(f"The host {self.host} cannot be reached: {cause}.", "Is it right, and is the port forwarded?") from None
        except ValueError:
            raise InputError(f"The host {self.host} answers, but not as Kubeflow Pipelines does.", "Give the address of its API.") from None
        return answer if isinstance(answer, dict) else {}


def quoted(part: str) -> str:
    """An id as a part of a path."""
    return quote(part, safe="")


def _refused(host: str, code: int, reason: str) -> InputError:
    said = f": {reason}" if reason else ""
    if 300 <= code < 400:
        return InputError(f"The host {host} asks for a login.", "Give a token by --token-file or FLOWERS_KUBEFLOW_TOKEN.")
    if code == 401:
        return InputError(f"The host {host} refuses the token (401){said}.", "Give another one by --token-file or FLOWERS_KUBEFLOW_TOKEN.")
    if code == 403:
        return InputError(f"The host {host} forbids this (403){said}.", "Does the token's account have rights in this namespace?")
    if code == 404:
        return Missing(f"The host {host} knows nothing of the kind (404){said}.", "Look at the id, the namespace and the host's path.")
    if code in (429, 502, 503, 504):
        return Unavailable(f"The host {host} cannot answer now ({code}){said}.", "Try again later.")
    return InputError(f"The host {host} refuses the request ({code}){said}.")


def _reason(error: urllib.error.HTTPError) -> str:
    """What the server says, in one line; pages of proxies say nothing that helps."""
    try:
        said = json.loads(error.read(64 * 1024))
    except (ValueError, OSError, HTTPException):
        return ""
    message = said.get("message") or said.get("error_message") or said.get("error") or "" if isinstance(said, dict) else ""
    return " ".join(str(message).split())[:300].rstrip(".")
