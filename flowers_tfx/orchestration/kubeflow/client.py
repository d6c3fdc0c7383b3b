"""kfp's client for the Pipelines API, made silent and dependent on nothing but our own options. Importing this imports kfp (a second)."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import warnings
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import kfp_server_api
from kfp.client import Client

from flowers_tfx import __version__
from flowers_tfx.orchestration.kubeflow.transport import Transport, not_pipelines

USER_AGENT = f"flowers_tfx/{__version__}"


class PipelinesClient(Client):  # type: ignore[misc]
    """kfp's client without its automatic look-ups.

    The original reads KF_PIPELINES_* variables, ~/.kube/config, the pod that it runs in and ~/.config/kfp/context.json, writes the last
    one, may start a login at Google, and asks the server for its health, five times in 20 s, before it does anything.
    """

    def __init__(self, host: str, token: Callable[[], str]) -> None:
        """`token` is called for each request: tokens of service accounts expire. Raises InputError when the host is not an address."""
        self.host = host
        self._token = token
        self._transport = Transport(host)
        self._configuration = kfp_server_api.Configuration(host.rstrip("/"), {"authorization": ""}, {"authorization": "Bearer"})

        def refresh(configuration: Any) -> None:
            configuration.api_key["authorization"] = token()

        self._configuration.refresh_api_key_hook = refresh
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # that the server must be of version 2
            super().__init__(host)
        api_client = self._run_api.api_client  # all services share it
        api_client.user_agent = USER_AGENT
        api_client.rest_client.pool_manager = self._transport

    def _load_config(self, *_arguments: Any, **_options: Any) -> Any:
        return self._configuration

    def _load_context_setting_or_default(self) -> None:
        self._context_setting = {"namespace": ""}

    def get_kfp_healthz(self, sleep_duration: int = 5) -> Any:
        """No request: kfp only uses it to decide whether to look for a namespace, and ours is an option."""
        return kfp_server_api.V2beta1GetHealthzResponse(multi_user=False)

    def is_multi_user(self) -> bool:
        """Whether the installation has many users, each in namespaces of their own."""
        return bool(self.get_json("healthz").get("multi_user"))

    def read_run(self, run_id: str, timeout_s: float | None = None) -> dict[str, Any]:
        """A run as the server's JSON: the models of an older kfp drop the fields of a newer server."""
        return self.get_json(f"runs/{quote(run_id, safe='')}?view=FULL", timeout_s)

    def read_log(self, run_id: str, node_id: str) -> str:
        """The log of a pod, as Argo stored it. Raises Missing if it was not stored."""
        answer = self.get_json(f"runs/{quote(run_id, safe='')}/nodes/{quote(node_id, safe='')}/artifacts/main-logs:read")
        return base64.b64decode(str(answer.get("data", ""))).decode("utf-8", errors="replace")

    def get_json(self, path: str, timeout_s: float | None = None) -> dict[str, Any]:
        """The JSON object at a path of the API, as it is. Raises InputError, Unavailable, ServerFailed or Missing."""
        token = self._token()
        headers = {"User-Agent": USER_AGENT, "authorization": f"Bearer {token}" if token else None}
        response = self._transport.request("GET", f"{self.host.rstrip('/')}/apis/v2beta1/{path}", headers, timeout_s)
        answer: dict[str, Any] = json.loads(response.data or b"{}")  # the transport has checked it
        return answer

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """For calls of the client, which prints links on stdout. Raises InputError for an answer that it cannot read."""
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                yield
        except kfp_server_api.ApiException:  # the transport has raised all others
            raise not_pipelines(self.host) from None
