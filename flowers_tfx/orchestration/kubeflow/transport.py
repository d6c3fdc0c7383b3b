"""How requests to a cluster travel: with a time limit and a certificate check, through the system's proxy, without following redirects.
Every error is one sentence."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.request
from typing import Any
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from flowers_tfx.errors import InputError

TIMEOUT_S = 60
MAX_REASON_CHARS = 160
_CUT = " [...]"
_TOKEN_HINT = "Give a valid token by --token-file or FLOWERS_KUBEFLOW_TOKEN."  # noqa: S105 - a sentence
_AUDIENCE_HINT = "A service account's token needs an audience: `kubectl create token ACCOUNT --audience=pipelines.kubeflow.org`."


class Unavailable(InputError):
    """The server cannot be reached, or cannot answer now: another attempt may succeed."""


class ServerFailed(InputError):
    """The server failed at a request (500) that it may have carried out in part."""


class Missing(InputError):
    """The server does not have what was asked for."""


class Transport:
    """Takes the place of kfp's connection pool, which waits for ever and follows redirects, to a login page or elsewhere."""

    def __init__(self, host: str) -> None:
        """Raises InputError when the host is not an address, or the proxy to it is not one."""
        check_host(host)
        self._host = host
        self._pool = _pool(host)

    def request(self, method: str, url: str, headers: dict[str, Any], timeout: Any = None, **options: Any) -> Any:
        """The response to one attempt, with a JSON object in it. Raises InputError, Unavailable, ServerFailed or Missing."""
        # A single number would apply separately to connecting and to each read.
        limit = timeout if isinstance(timeout, urllib3.Timeout) else urllib3.Timeout(total=timeout or TIMEOUT_S)
        sent = {name: value for name, value in headers.items() if value is not None}  # kfp sends None without a token
        try:
            response = self._pool.request(method, url, headers=sent, timeout=limit, retries=urllib3.Retry(0), redirect=False, **options)
        except HTTPError as error:
            raise _unreachable(self._host, _root_cause(error)) from None
        if not 200 <= response.status < 300:
            raise _refusal(self._host, response.status, _reason(response.data, sent), with_token=bool(sent.get("authorization")))
        if response.data and not isinstance(_parse(response.data), dict):
            raise not_pipelines(self._host)
        return response


def check_host(host: str) -> None:
    """Raises InputError when the host is not an address, or holds a password."""
    if "@" in host:
        raise InputError("The host contains a password.", "Give a token by --token-file or FLOWERS_KUBEFLOW_TOKEN instead.")
    try:
        parts = urlsplit(host)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0  # reading a wrong port raises ValueError
    except ValueError:
        valid = False
    if not valid:
        raise InputError(f"The host {host} is not an address.", "Write http://HOST:PORT or https://HOST/PATH.")


def not_pipelines(host: str) -> InputError:
    return InputError(f"The host {host} answers, but not as Kubeflow Pipelines does.", "Give the address of its API.")


def _pool(host: str) -> urllib3.PoolManager:
    """Trusts the certificates that the system and SSL_CERT_FILE name."""
    options: dict[str, Any] = {"cert_reqs": "CERT_REQUIRED"}
    proxy = _proxy(host)
    if not proxy:
        return urllib3.PoolManager(**options)
    parts = urlsplit(proxy)
    if parts.username:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        options["proxy_headers"] = urllib3.make_headers(proxy_basic_auth=login)
    try:
        return urllib3.ProxyManager(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", **options)
    except (HTTPError, ValueError):
        raise InputError(f"The proxy for {host} is not an http:// or https:// address.", "Correct http_proxy or https_proxy.") from None


def _proxy(host: str) -> str:
    """The system's proxy for this host; empty if absent."""
    parts = urlsplit(host)
    proxy = urllib.request.getproxies().get(parts.scheme, "")
    if not proxy or urllib.request.proxy_bypass(parts.netloc):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def _unreachable(host: str, cause: BaseException) -> InputError:
    if isinstance(cause, ssl.SSLCertVerificationError):
        message = f"The certificate of the host {host} is not trusted: {one_line(cause.verify_message)}."
        return InputError(message, "Name the certificate of its authority in SSL_CERT_FILE.")
    if isinstance(cause, ssl.SSLError):
        return InputError(f"The host {host} does not answer in TLS.", "Write http:// if it serves plain HTTP.")
    if isinstance(cause, http.client.IncompleteRead):
        return Unavailable(f"The host {host} broke off its answer.", "Try again.")
    if isinstance(cause, http.client.HTTPException) and not isinstance(cause, ConnectionError):
        return InputError(f"The host {host} does not answer in HTTP.", "Write https:// if it serves TLS.")
    reason = one_line(getattr(cause, "strerror", None) or str(cause) or type(cause).__name__)
    return Unavailable(f"The host {host} cannot be reached: {reason}.", "Check the address, and that the port is forwarded.")


def _root_cause(error: BaseException) -> BaseException:
    """urllib3 wraps the system's error several times."""
    while True:
        wrapped = (getattr(error, "reason", None), *reversed(error.args), error.__cause__, error.__context__)
        inner = next((cause for cause in wrapped if isinstance(cause, OSError | HTTPError | http.client.HTTPException)), None)
        if inner is None:
            return error
        error = inner


def _refusal(host: str, code: int, reason: str, with_token: bool) -> InputError:
    reason = f": {reason}" if reason else ""
    if 300 <= code < 400:
        return InputError(f"The host {host} asks for a login ({code}).", _TOKEN_HINT)
    if code == 401 and not with_token:
        return InputError(f"The host {host} wants a token (401), and no token was given.", f"{_TOKEN_HINT} {_AUDIENCE_HINT}")
    if code == 401:
        return InputError(f"The host {host} refuses the token (401){reason}.", f"{_TOKEN_HINT} {_AUDIENCE_HINT}")
    if code == 403:
        return InputError(f"The host {host} forbids this (403){reason}.", "Does the token's account have rights in this namespace?")
    if code == 404:
        return Missing(f"The host {host} does not have this (404){reason}.", "Check the id, the namespace and the host's path.")
    if code in (429, 502, 503, 504):
        return Unavailable(f"The host {host} cannot answer now ({code}){reason}.", "Try again later.")
    if code >= 500:
        return ServerFailed(f"The host {host} failed at the request ({code}){reason}.")
    return InputError(f"The host {host} refuses the request ({code}){reason}.")


def _reason(body: bytes, headers: dict[str, Any]) -> str:
    """The reason that the server gives, in one line without the token; empty for the error page of a proxy."""
    answer = _parse(body)
    if not isinstance(answer, dict):
        return ""
    reason = str(answer.get("message") or answer.get("error_message") or answer.get("error") or "")
    token = str(headers.get("authorization", "")).removeprefix("Bearer ")
    return one_line(reason.replace(token, "***") if token else reason)


def one_line(text: str) -> str:
    """At most MAX_REASON_CHARS, cut between words, without a full stop at its end."""
    line = " ".join(text.split()).rstrip(".")
    if len(line) <= MAX_REASON_CHARS:
        return line
    words = line[: MAX_REASON_CHARS - len(_CUT)].rpartition(" ")[0].rstrip(" .,:;")
    return f"{words or line[: MAX_REASON_CHARS - len(_CUT)]}{_CUT}"


def _parse(body: bytes) -> Any:
    """The parsed JSON; None if the body is not JSON."""
    try:
        return json.loads(body)
    except ValueError:
        return None
