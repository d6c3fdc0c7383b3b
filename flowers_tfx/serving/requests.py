"""What a request asks for and why one is refused; every protocol writes the refusal in its own shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flowers_tfx.data.pictures import BadPicture, TooLarge, UnsupportedKind
from flowers_tfx.errors import InputError

_LONGEST_ERROR = 500  # characters; gRPC clients take 16 KB of one


@dataclass
class RequestError(Exception):
    """A request that gets no answer. `status`: of HTTP; `error`: one sentence with the cause, which is cut where it repeats too much of the
    request; `hint`: what to do."""

    status: int
    error: str
    hint: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.error) > _LONGEST_ERROR:
            self.error = f"{self.error[:_LONGEST_ERROR]} ..."

    def __str__(self) -> str:
        return self.error

    @property
    def sentence(self) -> str:
        """For protocols whose errors are one string."""
        return f"{self.error} {self.hint}".strip()


def busy(error: str, seconds: int = 1) -> RequestError:
    return RequestError(429, error, f"Try again in {seconds} s.", {"Retry-After": str(seconds)})


def unavailable(error: InputError) -> RequestError:
    return RequestError(503, error.message, error.hint, {"Retry-After": "5"})


def out_of_memory() -> RequestError:
    return RequestError(503, "There is not enough memory for the photo.", "Send a smaller one, or try again.", {"Retry-After": "5"})


def bad_photo(error: BadPicture, name: str = "The photo") -> RequestError:
    """413 for a photo that is too large, 415 for a format that is not taken, 400 for what is broken or not a picture."""
    reason = str(error)
    if isinstance(error, TooLarge):
        return RequestError(413, f"{name} is too large: {reason}.", "Send a smaller one.")
    if isinstance(error, UnsupportedKind):
        return RequestError(415, f"{name} cannot be read: {reason}.", "Send a JPEG or a PNG.")
    return RequestError(400, f"{name} cannot be read: {reason}.", "Send a whole JPEG or PNG file.")


def as_json(value: Any) -> bytes:
    """UTF-8. Raises ValueError for a number that is not finite: JSON has no word for it."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
