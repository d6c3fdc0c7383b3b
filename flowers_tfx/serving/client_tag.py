"""The tag by which a client says who it is, for the records: a program, a shop, a version of an app; not a person."""

from __future__ import annotations

import re

HEADER = "X-Client-Tag"  # gRPC's metadata have the same name in small letters
INVALID = "invalid"
_TAG = re.compile(r"[\w.:/-]{1,64}", re.ASCII)


def client_tag(value: str | None) -> str:
    """The value of the header; empty without one. `invalid` for more than 64 characters, or others than letters, digits and `._:/-`: an
    answer must not depend on a tag."""
    if not value:
        return ""
    return value if _TAG.fullmatch(value) else INVALID
