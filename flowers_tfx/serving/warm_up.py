"""A version answers before it serves: what would make its first requests slow, or fail, happens here."""

from __future__ import annotations

import io
import time
from pathlib import Path

from PIL import Image

from flowers_tfx.artifact_files import WARM_UP_FILE
from flowers_tfx.data.pictures import BadPicture
from flowers_tfx.inference.engines import LiteRtEngine
from flowers_tfx.warm_up_requests import read_warm_up_file

_LONGEST_S = 10.0


class WarmUpFailed(Exception):
    """The version cannot serve, and why: a clause."""


def warm_up(engine: LiteRtEngine, folder: Path, threads: int) -> None:
    """Lets the engine answer the warm-up requests that travel with the version, and prepares it for so many threads.

    A version without such requests, as they were before, answers a plain picture. Raises WarmUpFailed.
    """
    engine.reserve(threads)
    deadline = time.monotonic() + _LONGEST_S
    for photo in [_plain_picture(), *_requests(folder)]:
        try:
            answer = engine.answer_picture(engine.prepare(photo))
        except BadPicture:
            continue  # such as one above this service's limit of pixels: it says nothing about the network
        if not answer.is_finite:
            raise WarmUpFailed("its answer to a warm-up request is not finite")
        if time.monotonic() > deadline:
            break


def _requests(folder: Path) -> list[bytes]:
    try:
        return read_warm_up_file(folder / WARM_UP_FILE)
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise WarmUpFailed(f"its warm-up requests cannot be read: {error}") from None


def _plain_picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (320, 240), "gray").save(out, "JPEG")
    return out.getvalue()
