"""JSON and base64 from strangers."""

from __future__ import annotations

import base64
import random

import pytest

from flowers_tfx.serving.json_body import parse_object
from flowers_tfx.serving.photo_values import read_photo
from flowers_tfx.serving.requests import RequestError


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Expecting value"),
        (b"{", "at character 1"),
        (b'{"a": 1} x', "Extra data"),
        (b'{"a": 1, "a": 2}', "same name twice"),
        (b'{"a": [{"b": {"c": 1, "c": 1}}]}', "same name twice"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too many digits"),
        (b"\xff\xfe{\x00}\x00", "UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "UTF-8"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b"[" * 100_000, "nested"),
        (b'{"a":' * 100_000, "nested"),
        (b'{"id": "\\ud800"}', "surrogate"),
        (b"[1]", "not an object"),
        (b"null", "not an object"),
        (b'"x"', "not an object"),
    ],
)
def test_odd_json_is_refused_with_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(RequestError, match=reason) as refused:
        parse_object(body)
    assert refused.value.status == 400
    assert "\n" not in refused.value.sentence


def test_json_is_read() -> None:
    assert parse_object('{"a": [1, -2.5, true, null, "ü", "\\ud83c\\udf37"], "b": {}}'.encode()) == {
        "a": [1, -2.5, True, None, "ü", "\N{TULIP}"],
        "b": {},
    }


@pytest.mark.parametrize("size", range(1, 9))
def test_every_form_of_base64_is_a_photo(size: int) -> None:
    photo = bytes([251, 239, 255, 254, 63, 190, 251, 240])[:size]
    standard = base64.b64encode(photo).decode()
    safe = base64.urlsafe_b64encode(photo).decode()
    for text in (standard, safe, standard.rstrip("="), safe.rstrip("="), f"\n{standard}\r\n", " ".join(standard)):
        assert read_photo(text, "x") == photo
        assert read_photo({"b64": text}, "x") == photo


def test_long_base64_is_a_photo() -> None:
    photo = random.Random(1).randbytes(100_001)
    assert read_photo(base64.encodebytes(photo).decode(), "x") == photo


@pytest.mark.parametrize(
    "value", [None, 3, True, [], {}, ["aGk="], {"b64": 3}, {"b64": None}, {"b64": "aGk=", "x": 1}, "a", "aGk=aGk=", "a!k=", "ü"]
)
def test_what_is_not_base64_is_refused(value: object) -> None:
    with pytest.raises(RequestError, match=r"^inputs is not") as refused:
        read_photo(value, "inputs")
    assert refused.value.status == 400
