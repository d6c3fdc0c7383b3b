"""The methods of attribution, by the names that people type."""

from __future__ import annotations

from typing import Literal, get_args

from flowers_tfx.errors import InputError

Method = Literal["rise", "ig", "guided-ig", "xrai"]
METHODS: tuple[Method, ...] = get_args(Method)
# Those that need the signature of gradients, and TensorFlow to run it.
GRADIENT_METHODS: tuple[Method, ...] = ("ig", "guided-ig", "xrai")
TITLES: dict[Method, str] = {
    "rise": "RISE",
    "ig": "integrated gradients",
    "guided-ig": "guided integrated gradients",
    "xrai": "XRAI",
}
_FULL_NAMES = {title.replace(" ", "-").lower(): method for method, title in TITLES.items()}


def find_method(name: str) -> Method:
    """By its short or its full name, in any case. Raises InputError for an unknown one."""
    key = name.strip().lower().replace("_", "-").replace(" ", "-")
    for method in METHODS:
        if key in (method, *(full for full, named in _FULL_NAMES.items() if named == method)):
            return method
    raise InputError(f"The method {name!r} is unknown.", f"Choose one of {', '.join(METHODS)}.")
