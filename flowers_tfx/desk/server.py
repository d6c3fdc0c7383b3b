"""Starts and stops the desk."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flowers_tfx.config import PipelineConfig
from flowers_tfx.desk.access import Access
from flowers_tfx.desk.app import create_app
from flowers_tfx.desk.decision_routes import Desk
from flowers_tfx.desk.pipelines import open_pipelines
from flowers_tfx.serving.log import log_to_stderr
from flowers_tfx.serving.web_server import WebServer, end_on_sigterm, listen, raise_file_limit, server_config, url_of

_MOST_CONNECTIONS = 512
_SECONDS_TO_ARRIVE = 30.0
SECONDS_TO_END = 10  # of open requests, when the desk stops


def serve_desk(configs: Sequence[PipelineConfig], access: Access, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Answers until SIGTERM or SIGINT, then answers open requests and returns. `ready` gets the URL. Raises InputError if the port cannot
    be had."""
    log_to_stderr()
    end_on_sigterm()
    app = create_app(Desk(open_pipelines(configs), access))
    listener = listen(host, port)
    url = url_of(listener, host)
    connections = min(_MOST_CONNECTIONS, raise_file_limit())
    config = server_config(app, seconds_to_arrive=_SECONDS_TO_ARRIVE, seconds_to_end=SECONDS_TO_END, max_connections=connections)
    WebServer(config, lambda: ready(url)).run([listener])
