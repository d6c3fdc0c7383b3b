"""Photos in JSON: base64, as a string or as {"b64": string}."""

from __future__ import annotations

import base64
import binascii

from flowers_tfx.serving.requests import RequestError

B64 = "b64"
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_BLANKS = b" \t\r\n"


def read_photo(value: object, name: str) -> bytes:
    """The bytes of a photo; `name` is what an error calls it. Raises RequestError."""
    if isinstance(value, dict) and set(value) == {B64}:
        value = value[B64]
    if not isinstance(value, str):
        raise RequestError(400, f"{name} is not a photo.", 'Send base64, as a string or as {"b64": string}.')
    return decode_base64(value, name)


def decode_base64(text: str, name: str) -> bytes:
    """Of the standard or the URL-safe alphabet, with or without padding; line breaks are passed over. Raises RequestError."""
    try:
        digits = text.encode("ascii").translate(_TO_STANDARD, _BLANKS).rstrip(b"=")
        return base64.b64decode(digits + b"=" * (-len(digits) % 4), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise RequestError(400, f"{name} is not base64.", "Encode the bytes of a JPEG or PNG file.") from None
