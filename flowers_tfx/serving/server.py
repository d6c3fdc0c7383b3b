"""Starts and stops the service: its sockets, its workers, its ready line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowers_tfx.errors import InputError
from flowers_tfx.serving.app import ServingSettings, create_app, create_feedback, create_service, version_to_serve
from flowers_tfx.serving.http_protocol import ServerConfig
from flowers_tfx.serving.log import log_to_stderr
from flowers_tfx.serving.recording import check_record_dir
from flowers_tfx.serving.web_server import WebServer, end_on_sigterm, listen, raise_file_limit, server_config, url_of

Ready = Callable[[str, str], None]  # gets the URL and the version, once
_SPARE_FILES = 128  # descriptors that are not connections


def serve(settings: ServingSettings, port: int, ready: Ready) -> None:
    """Answers until SIGTERM or SIGINT, then answers open requests and returns.

    Raises InputError if the port cannot be had, no version can be used or a folder of feedback or records cannot be written to.
    """
    log_to_stderr()
    end_on_sigterm()
    create_feedback(settings)  # a folder that cannot be written to is reported once, not by each worker
    check_record_dir(settings.config)
    if settings.grpc_port and settings.grpc_port == port:
        raise InputError(f"--port and --grpc-port are both {port}.", "Choose another with --grpc-port.")
    if settings.grpc_port:
        # Workers share the port: that another program has it would be seen late, or not at all.
        listen(settings.host, settings.grpc_port, "--grpc-port").close()
    listener = listen(settings.host, port)
    url, connections = url_of(listener, settings.host), raise_file_limit() - _SPARE_FILES
    if settings.workers > 1:
        from flowers_tfx.serving.workers import WorkerApp, Workers, shared_metrics

        version = version_to_serve(settings)  # what is wrong with it is reported once, too
        with shared_metrics():
            config = _config(settings, WorkerApp(settings), connections, factory=True, workers=settings.workers)
            Workers(config, listener, lambda: ready(url, version)).run()
        return
    service = create_service(settings)
    app = create_app(settings, service)
    WebServer(_config(settings, app, connections), lambda: ready(url, service.versions.serving)).run([listener])


def _config(settings: ServingSettings, app: Any, connections: int, **more: Any) -> ServerConfig:
    serving = settings.config.serving
    return server_config(
        app,
        seconds_to_arrive=serving.timeout_s,
        seconds_to_end=max(1, round(serving.drain_s)),
        max_connections=connections,
        **more,
    )
