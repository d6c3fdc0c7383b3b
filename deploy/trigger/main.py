"""The trigger for functions-framework: Cloud Functions, Cloud Run, Knative, or any machine. docs/triggers.md has the set-up.

`trigger` takes everything over HTTP: CloudEvents, notifications of S3 and MinIO, and the calls of a cron. `on_object` is for platforms
that call a function with a CloudEvent, as `gcloud functions deploy --trigger-event-filters` sets up.
"""

from __future__ import annotations

import functools
import json
import sys

import flask
import functions_framework
from cloudevents.http import CloudEvent

from flowers_tfx.deliveries.cloud_events import read_cloud_event
from flowers_tfx.deliveries.cloud_requests import MAX_BODY_BYTES, Answer, Entry
from flowers_tfx.errors import InputError

MAX_THROWN_AWAY_BYTES = 32 << 20


@functools.cache
def entry() -> Entry:
    return Entry.from_environment()


@functions_framework.http
def trigger(request: flask.Request) -> flask.Response:
    answer = entry().answer(request.method, request.path, dict(request.headers), read_body(request))
    log(answer)
    # A stream: before it sends anything else, the framework reads the rest of a body, however long.
    return flask.Response(iter([answer.text().encode()]), answer.status, mimetype="application/json")


@functions_framework.cloud_event
def on_object(event: CloudEvent) -> None:
    """The platform repeats an event whose function raises."""
    try:
        written = read_cloud_event(event.get_attributes(), event.get_data())
    except InputError as error:
        log(Answer(400, {"error": error.message, "hint": error.hint}))
        return  # it would be as malformed the next time
    answer = entry().accept(written)
    log(answer)
    if answer.status != 200:
        raise RuntimeError(answer.text())


def read_body(request: flask.Request) -> bytes:
    """The body, or as much of it as shows that it is too long. The rest is thrown away, so that the sender reads the answer instead of an
    error of the connection, unless it goes on for ever."""
    body = request.stream.read(MAX_BODY_BYTES + 1)
    thrown_away = 0
    while thrown_away < MAX_THROWN_AWAY_BYTES and (piece := request.stream.read(1 << 16)):
        thrown_away += len(piece)
    return body


def log(answer: Answer) -> None:
    """One JSON line for each request that did something or failed, as Cloud Logging reads it."""
    deliveries = answer.body.get("deliveries", ())
    failed = answer.status >= 500 or any(delivery["error"] for delivery in deliveries)
    if answer.status >= 400 or deliveries:
        severity = "ERROR" if failed else "WARNING" if answer.status >= 400 else "INFO"
        print(json.dumps({"severity": severity, "status": answer.status, **answer.body}, ensure_ascii=False), file=sys.stderr, flush=True)
