"""The Open Inference Protocol v2 over gRPC: GRPCInferenceService, beside the web service and in the same event loop."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn

import grpc
from google.protobuf.message import DecodeError

from flowers_tfx import __version__
from flowers_tfx.serving.client_tag import HEADER, client_tag
from flowers_tfx.serving.grpc_inference import infer_response, read_infer_message
from flowers_tfx.serving.grpc_messages import HEALTH_PACKAGE, INFERENCE_PACKAGE, NOT_SERVING, SERVING, message_classes
from flowers_tfx.serving.model_facts import SERVER, is_ready, model_facts, model_version
from flowers_tfx.serving.requests import RequestError
from flowers_tfx.serving.service import Service

_LOG = logging.getLogger(__name__)
_SERVICE, _HEALTH = f"{INFERENCE_PACKAGE}.GRPCInferenceService", f"{HEALTH_PACKAGE}.Health"
_OPEN_METHODS = ("ServerLive", "ServerReady", "Check")  # for probes, without a token
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    404: grpc.StatusCode.NOT_FOUND,
    413: grpc.StatusCode.INVALID_ARGUMENT,
    415: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
}
Metadata = Mapping[str, str | bytes]  # of a request
Handler = Callable[[Any, Metadata], Awaitable[Any]]


class GrpcDoor:
    """`max_body`: bytes of the largest request; `max_requests`: answered at a time; `token`: empty for none."""

    def __init__(self, service: Service, *, host: str, port: int, token: str, max_body: int, max_requests: int) -> None:
        self._service, self._token = service, f"Bearer {token}".encode() if token else b""
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._max_body, self._max_requests = max_body, max_requests
        self._classes = message_classes()
        self._server: Any = None

    async def start(self) -> None:
        """Raises OSError if the port was taken meanwhile."""
        self._server = grpc.aio.server(
            options=(("grpc.max_receive_message_length", self._max_body), ("grpc.so_reuseport", 1)),
            maximum_concurrent_rpcs=self._max_requests,
        )
        inference = (
            self._server_live,
            self._server_ready,
            self._model_ready,
            self._server_metadata,
            self._model_metadata,
            self._model_infer,
        )
        for service, methods in ((_SERVICE, inference), (_HEALTH, (self._check,))):
            handlers = {_method_name(method): self._rpc(method) for method in methods}
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        try:
            bound = self._server.add_insecure_port(self._address)
        except RuntimeError as error:
            raise OSError(str(error)) from None
        if not bound:
            raise OSError(f"gRPC cannot listen on {self._address}")
        await self._server.start()
        _LOG.info("gRPC on %s", self._address)

    async def stop(self, seconds: float) -> None:
        """Takes no more requests, and waits so long for those that are being answered."""
        await self._server.stop(seconds)

    async def _server_live(self, _: Any, metadata: Metadata) -> Any:
        return self._classes["ServerLiveResponse"](live=True)

    async def _server_ready(self, _: Any, metadata: Metadata) -> Any:
        return self._classes["ServerReadyResponse"](ready=bool(self._service.versions.serving))

    async def _model_ready(self, request: Any, metadata: Metadata) -> Any:
        return self._classes["ModelReadyResponse"](ready=is_ready(self._service, model_version(request.name, request.version)))

    async def _server_metadata(self, _: Any, metadata: Metadata) -> Any:
        return self._classes["ServerMetadataResponse"](name=SERVER, version=__version__)

    async def _model_metadata(self, request: Any, metadata: Metadata) -> Any:
        return self._classes["ModelMetadataResponse"](**model_facts(self._service, model_version(request.name, request.version)))

    async def _model_infer(self, request: Any, metadata: Metadata) -> Any:
        version = model_version(request.model_name, request.model_version)
        asked = read_infer_message(request)
        client = client_tag(str(metadata.get(HEADER.lower(), "")))
        return infer_response(self._classes, asked, await self._service.answer(asked.photos, version, client))

    async def _check(self, request: Any, metadata: Metadata) -> Any:
        """Of grpc.health.v1: of the server, for the empty name, and of the inference service."""
        if request.service not in ("", _SERVICE):
            raise RequestError(404, f"There is no service {request.service!r}.")
        return self._classes["HealthCheckResponse"](status=SERVING if self._service.versions.serving else NOT_SERVING)

    def _rpc(self, method: Handler) -> Any:
        name = _method_name(method)
        request_class = self._classes["HealthCheckRequest" if name == "Check" else f"{name}Request"]

        async def answer(content: bytes, context: Any) -> bytes:
            started, code = time.perf_counter(), grpc.StatusCode.CANCELLED
            try:
                metadata: Metadata = dict(context.invocation_metadata() or ())
                self._check_token(name, metadata)
                response: bytes = (await method(_parse(request_class, content), metadata)).SerializeToString()
                code = grpc.StatusCode.OK
                return response
            except RequestError as error:
                code = _CODES[error.status]
                await _abort(context, code, error)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - as the web service does: whatever happens, the client hears of it
                _LOG.exception("%s failed", name)
                code = grpc.StatusCode.INTERNAL
                await _abort(context, code, RequestError(500, f"Unexpected {type(error).__name__}."))
            finally:
                metrics, route = self._service.metrics, f"grpc {name}"
                metrics.requests.labels(route, code.name).inc()
                metrics.request_seconds.labels(route).observe(time.perf_counter() - started)

        return grpc.unary_unary_rpc_method_handler(answer)

    def _check_token(self, name: str, metadata: Metadata) -> None:
        if not self._token or name in _OPEN_METHODS:
            return
        given = metadata.get("authorization", "")
        if not hmac.compare_digest(given.encode() if isinstance(given, str) else given, self._token):
            raise RequestError(401, "The request has no valid token.", "Send the metadata `authorization: Bearer TOKEN`.")


def _method_name(method: Handler) -> str:
    """_server_live -> ServerLive."""
    return "".join(word.title() for word in method.__name__.split("_"))  # type: ignore[attr-defined]


def _parse(message_class: Any, content: bytes) -> Any:
    try:
        return message_class.FromString(content)
    except DecodeError:
        raise RequestError(400, "The request is not a message of this method.") from None


async def _abort(context: Any, code: grpc.StatusCode, error: RequestError) -> NoReturn:
    """Clients that try again by themselves wait as long as `grpc-retry-pushback-ms` says."""
    seconds = error.headers.get("Retry-After")
    trailing = (("grpc-retry-pushback-ms", str(int(seconds) * 1000)), ("retry-after", seconds)) if seconds else ()
    await context.abort(code, error.sentence, trailing)
    raise AssertionError("abort raises")
