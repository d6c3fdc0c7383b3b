"""kfp's client for the Pipelines API, made silent and dependent on nothing but our own options. Importing this imports kfp (a second)."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import kfp_server_api
from kfp.client import Client

from flowers_tfx import __version__
from flowers_tfx.orchestration.kubeflow.transport import Transport, not_pipelines


class PipelinesClient(Client):  # type: ignore[misc]
    """kfp's client as it is, but for what it looks up by itself.

    By itself it reads KF_PIPELINES_* variables, ~/.kube/config, the pod that it runs in and ~/.config/kfp/context.json, writes the last
    one, may start a login at Google, and asks the server for its health, five times in 20 s, before it does anything.
    """

    def __init__(self, host: str, token: Callable[[], str]) -> None:
        """`token` is called for each request: tokens of service accounts expire. Raises InputError when the host is not an address."""
        transport = Transport(host)
        self.host = host
        self._configuration = kfp_server_api.Configuration(host.rstrip("/"), {"authorization": ""}, {"authorization": "Bearer"})

        def refresh(configuration: Any) -> None:
            configuration.api_key["authorization"] = token()

        self._configuration.refresh_api_key_hook = refresh
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # that the server must be of version 2
            super().__init__(host)
        api_client = self._run_api.api_client  # all services share it
        api_client.user_agent = f"flowers_tfx/{__version__}"
        api_client.rest_client.pool_manager = transport

    def _load_config(self, *_arguments: Any, **_options: Any) -> Any:
        return self._configuration

    def _load_context_setting_or_default(self) -> None:
        self._context_setting = {"namespace": ""}

    def get_kfp_healthz(self, sleep_duration: int = 5) -> Any:
        """No request: it only tells kfp whether to look for a namespace, and ours is an option."""
        return kfp_server_api.V2beta1GetHealthzResponse(multi_user=False)

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """For calls of the client, which prints links on stdout. Raises InputError for an answer that it cannot read."""
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                yield
        except kfp_server_api.ApiException:  # the transport has raised all others
            raise not_pipelines(self.host) from None
