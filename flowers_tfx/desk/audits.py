"""The labels that an audit suspects (`flowers dataset audit`), from its file audit.json."""

from __future__ import annotations

import json
from collections.abc import Collection

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from flowers_tfx.desk.errors import DeskError
from flowers_tfx.desk.review_view import LabelRow, label_row
from flowers_tfx.errors import InputError

MAX_FILE = 8 << 20  # bytes: the file holds the audit's review, too
_HINT = "Choose the file audit.json in the folder that `flowers dataset audit` wrote to."


async def read_upload(request: Request) -> tuple[str, bytes]:
    """The form's token and its file, which stays in memory. Raises DeskError for a form that is too large or not one."""
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > MAX_FILE:
        raise DeskError(413, f"The file has more than {MAX_FILE >> 20} MB.", _HINT)
    parser = MultiPartParser(request.headers, request.stream(), max_files=1, max_fields=2, max_part_size=MAX_FILE)
    parser.spool_max_size = MAX_FILE + 1
    try:
        form: FormData = await parser.parse()
    except (MultiPartException, ValueError, KeyError):
        raise DeskError(400, "The form cannot be read.", _HINT) from None
    file, token = form.get("audit"), form.get("form_token")
    if not isinstance(file, UploadFile):
        raise DeskError(400, "The form has no file.", _HINT)
    return token if isinstance(token, str) else "", await file.read()


def audited_labels(content: bytes, photos: Collection[str]) -> list[LabelRow]:
    """The suspects among `photos`, digests, the surest first. Raises InputError for another file, and for an audit of other photos."""
    try:
        suspects = json.loads(content)["suspects"]
        rows = [label_row(suspect) for suspect in suspects if suspect["digest"] in photos]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError("This file is not an audit of labels.", _HINT) from None
    if not rows:
        raise InputError("The audit suspects no label of these photos.", "It may be of another delivery.")
    return rows
