"""A client of MLflow's tracking server over its REST API. MLflow's package and TFX demand other versions of the same libraries, and the few
requests that an export needs are this file."""

from __future__ import annotations

import base64
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowers_tfx.errors import ExplainedFailure, InputError

_TIMEOUT_S = 30
_MOST_BYTES = 1 << 24  # of an answer
_HINT = "Name the server with --tracking-uri http://HOST:PORT; `mlflow server` starts one."


class MlflowError(ExplainedFailure):
    """The server refused a request. `code` is MLflow's, such as RESOURCE_DOES_NOT_EXIST."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class MlflowClient:
    uri: str
    authorization: str = ""

    def call(self, method: str, path: str, values: Mapping[str, Any]) -> Any:
        """The answer of /api/2.0/mlflow/PATH. Raises MlflowError, and ExplainedFailure for a server that cannot be reached."""
        address = f"{self.uri}/api/2.0/mlflow/{path}"
        if method == "GET":
            address += f"?{urllib.parse.urlencode(values)}"
        body = None if method == "GET" else json.dumps(values).encode()
        headers = {"Content-Type": "application/json", **({"Authorization": self.authorization} if self.authorization else {})}
        request = urllib.request.Request(address, body, headers, method=method)  # noqa: S310 - `connect` lets http and https through alone
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310
                return json.loads(response.read(_MOST_BYTES))
        except urllib.error.HTTPError as error:
            message, code = _refusal(error)
            raise MlflowError(f"The MLflow server {self.uri} refused {path}: {message}", code) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise ExplainedFailure(f"The MLflow server {self.uri} gives no answer: {reason}.", _HINT) from None


def connect(uri: str | None) -> MlflowClient:
    """`uri`, or MLFLOW_TRACKING_URI; the login is that of MLflow's own clients: MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and
    MLFLOW_TRACKING_PASSWORD. Raises InputError for an address that is not a server's."""
    uri = (uri or os.environ.get("MLFLOW_TRACKING_URI", "")).rstrip("/")
    parts = urllib.parse.urlsplit(uri)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"The tracking URI {uri!r} is not the address of a server." if uri else "No MLflow server is named.", _HINT)
    if parts.username or parts.password:
        raise InputError("The tracking URI holds a login.", "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD instead.")
    return MlflowClient(uri, _authorization())


def _authorization() -> str:
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        return f"Bearer {token}"
    if user := os.environ.get("MLFLOW_TRACKING_USERNAME"):
        login = f"{user}:{os.environ.get('MLFLOW_TRACKING_PASSWORD', '')}"
        return f"Basic {base64.b64encode(login.encode()).decode()}"
    return ""


def _refusal(error: urllib.error.HTTPError) -> tuple[str, str]:
    try:
        answer = json.loads(error.read(_MOST_BYTES))
        return str(answer.get("message") or error.reason), str(answer.get("error_code", ""))
    except (ValueError, AttributeError, OSError):
        return f"{error.code} {error.reason}", ""
