"""JSON from strangers: read strictly, so that what is odd is refused with a reason and nothing is guessed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from flowers_tfx.serving.requests import RequestError

Result = TypeVar("Result")
_LARGE = 1_000_000  # bytes; reading more than that would keep other requests waiting
_LONGEST_INT = 20  # characters; 64 bits fit
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


async def read_request(request: Request, read: Callable[[bytes], Result]) -> Result:
    """What `read` makes of the body; in a thread of its own if the body is large. Raises RequestError."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise RequestError(415, f"The content encoding {encoding} is not taken.", "Send the body without compression.")
    body = await request.body()
    return await run_in_threadpool(read, body) if len(body) > _LARGE else read(body)


def parse_object(content: bytes) -> dict[str, Any]:
    """A JSON object. Raises RequestError for anything else, for names that occur twice, and for numbers that JSON does not have."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise _refuse("it is not UTF-8") from None
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant, parse_int=_integer, parse_float=_float)
        if _SURROGATE.search(content):
            json.dumps(value, ensure_ascii=False).encode()  # half a character cannot be written back
    except json.JSONDecodeError as error:
        raise _refuse(f"{error.msg} at character {error.pos}") from None
    except RecursionError:
        raise _refuse("it is nested too deeply") from None
    except UnicodeEncodeError:
        raise _refuse("a string has half of a surrogate pair") from None
    if not isinstance(value, dict):
        raise _refuse("it is not an object")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise _refuse("an object has the same name twice")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise _refuse(f"{name} is not a number of JSON")


def _integer(text: str) -> int:
    if len(text) > _LONGEST_INT:
        raise _refuse("a number has too many digits")
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _refuse("a number is too large")
    return number


def _refuse(reason: str) -> RequestError:
    return RequestError(400, f"The body cannot be read as JSON: {reason}.", "Send one JSON object.")
