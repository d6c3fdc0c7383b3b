"""The web application: its parts put together, and what belongs to all of them."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi_offline import FastAPIOffline
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from flowers_tfx import __version__
from flowers_tfx.config import PipelineConfig
from flowers_tfx.serving import page
from flowers_tfx.serving.explain_route import explain_router
from flowers_tfx.serving.explanations import Explanations
from flowers_tfx.serving.feedback import Feedback, feedback_router
from flowers_tfx.serving.gate import App, Gate
from flowers_tfx.serving.inference_protocol import inference_protocol_router
from flowers_tfx.serving.loaded_version import VersionFacts
from flowers_tfx.serving.metrics import CONTENT_TYPE, Metrics
from flowers_tfx.serving.monitor_metrics import MonitorMetrics
from flowers_tfx.serving.photo_queue import PhotoQueue
from flowers_tfx.serving.plain import plain_router
from flowers_tfx.serving.recording import create_recorder
from flowers_tfx.serving.requests import RequestError
from flowers_tfx.serving.responses import error_response
from flowers_tfx.serving.service import Service
from flowers_tfx.serving.tensorflow_serving import tensorflow_serving_router
from flowers_tfx.serving.versions import VersionManager
from flowers_tfx.threads import processors

# Probes and the page must be reachable without a token; they show nothing of anybody's photos.
OPEN_PATHS = frozenset({"/v2/health/live", "/v2/health/ready", *page.OPEN_PATHS})
_HINTS = {404: "The page / and the documents at /docs list what there is.", 405: "See /docs."}


@dataclass(frozen=True)
class ServingSettings:
    """All that a worker process needs. `version`: pinned for this server; `token`: empty for none; `grpc_port`: 0 for none."""

    config: PipelineConfig
    host: str
    workers: int = 1
    version: int | None = None
    token: str = ""
    grpc_port: int = 0

    @property
    def max_body(self) -> int:
        """Bytes."""
        return int(self.config.serving.max_body_mb * 1e6)

    @property
    def threads(self) -> int:
        """Of each worker."""
        return self.config.serving.threads or max(1, processors() // self.workers)


def create_service(settings: ServingSettings) -> Service:
    """Loads the version that is to serve. Raises InputError if there is none that can be used, and for a folder of records that cannot be
    written to."""
    serving, metrics = settings.config.serving, Metrics()
    if serving.record_dir:
        metrics.add_collector(MonitorMetrics(serving.record_dir))
    queue = PhotoQueue(settings.threads, serving.queue, metrics)
    versions = _versions(settings, metrics, is_busy=lambda: len(queue) > 0)
    versions.start()
    return Service(
        versions,
        queue,
        metrics,
        serving.timeout_s,
        create_recorder(settings.config, settings.workers, metrics.records, lambda: queue.is_busy),
    )


def version_to_serve(settings: ServingSettings) -> str:
    """Loads it and lets it go again. Raises InputError if there is none that can be used."""
    versions = _versions(settings, None, is_busy=lambda: True)
    versions.start()
    serving = versions.serving
    versions.stop()
    return serving


def _versions(settings: ServingSettings, metrics: Metrics | None, is_busy: Callable[[], bool]) -> VersionManager:
    serving = settings.config.serving
    return VersionManager(
        settings.config.registry,
        max_pixels=settings.config.ingest.max_pixels,
        poll_s=serving.poll_s,
        version=settings.version,
        canary=(serving.canary.version, serving.canary.share) if serving.canary.version else None,
        shadow=serving.shadow or None,
        threads=settings.threads,
        metrics=metrics,
        is_busy=is_busy,
    )


def create_feedback(settings: ServingSettings) -> Feedback | None:
    """None if it is switched off. Raises InputError for a folder that cannot be written to."""
    folder = settings.config.serving.feedback_dir
    return Feedback(folder) if folder else None


def create_app(settings: ServingSettings, service: Service) -> App:
    """Raises InputError for a feedback folder that cannot be written to."""
    feedback, serving = create_feedback(settings), settings.config.serving
    explanations = Explanations(service, serving.explanations, serving.explain_timeout_s)

    app = FastAPIOffline(
        title="flowers_tfx",
        version=__version__,
        summary="Which flower is on the photo?",
        lifespan=_lifespan(settings, service, feedback, explanations),
        exception_handlers={
            RequestError: _request_error,
            HTTPException: _http_error,
            ClientDisconnect: _disconnected,
            Exception: _unexpected,
        },
    )
    app.state.service = service
    app.include_router(tensorflow_serving_router(service))
    app.include_router(explain_router(explanations))
    app.include_router(inference_protocol_router(service))
    app.include_router(plain_router(service, settings.max_body, feedback))
    app.include_router(feedback_router(feedback, lambda: _serving_facts(service).labels))
    state = page.PageState(lambda: _serving_facts(service), settings.max_body, feedback is not None, explanations.are_on)
    app.include_router(page.page_router(state))

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    return Gate(
        app,
        service.metrics,
        token=settings.token,
        max_body=settings.max_body,
        max_requests=serving.max_requests,
        open_paths=OPEN_PATHS,
    )


def _lifespan(
    settings: ServingSettings, service: Service, feedback: Feedback | None, explanations: Explanations
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.queue.start()
        explanations.start()
        if feedback:
            feedback.start()
        if service.recorder:
            service.recorder.start()
        # What was imported stays: no look at each of these objects in every collection.
        gc.collect()
        gc.freeze()
        async with _grpc(settings, service):
            yield
        explanations.stop()
        if feedback:
            feedback.stop()
        service.queue.stop()
        if service.recorder:
            await run_in_threadpool(service.recorder.stop)
        service.versions.stop()

    return lifespan


@contextlib.asynccontextmanager
async def _grpc(settings: ServingSettings, service: Service) -> AsyncIterator[None]:
    """Answers over gRPC too, if a port for it is set."""
    if not settings.grpc_port:
        yield
        return
    from flowers_tfx.serving.grpc_door import GrpcDoor

    serving = settings.config.serving
    door = GrpcDoor(
        service,
        host=settings.host,
        port=settings.grpc_port,
        token=settings.token,
        max_body=settings.max_body,
        max_requests=serving.max_requests,
    )
    await door.start()
    yield
    await door.stop(serving.drain_s)


def _serving_facts(service: Service) -> VersionFacts:
    """Of the version that serves. Raises RequestError if none does."""
    with service.use_version(None) as loaded:
        return loaded.facts


async def _request_error(request: Request, error: RequestError) -> Response:
    return error_response(request.url.path, error)


async def _http_error(request: Request, error: HTTPException) -> Response:
    """What the router refuses: unknown paths and methods, broken forms."""
    sentence = {404: f"There is nothing at {request.url.path}.", 405: f"{request.method} is not possible here."}
    refusal = RequestError(
        error.status_code, sentence.get(error.status_code, f"{error.detail}."), _HINTS.get(error.status_code, ""), error.headers or {}
    )
    return error_response(request.url.path, refusal)


async def _disconnected(request: Request, error: Exception) -> Response:
    """Nobody reads it: the client has gone before its request was whole."""
    return error_response(request.url.path, RequestError(400, "The request was not sent whole."))


async def _unexpected(request: Request, error: Exception) -> Response:
    return error_response(
        request.url.path, RequestError(500, f"Unexpected {type(error).__name__}.", "This is a bug: see the server's log.")
    )
