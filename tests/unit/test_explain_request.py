"""What a request for explanations asks for."""

from __future__ import annotations

import base64
import json

import pytest

from flowers_tfx.serving.explain_request import Wish, find_label, read_photos, read_wish
from flowers_tfx.serving.requests import RequestError
from tests.conftest import small_photo

PHOTO = small_photo(1)
B64 = base64.b64encode(PHOTO).decode()


def test_the_defaults_and_what_can_be_asked_for() -> None:
    assert read_wish([]) == Wish(None, "png")
    assert read_wish([("label", " roses "), ("method", "RISE"), ("map", "values")]) == Wish("roses", "values")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ([("method", "ig")], "`flowers explain --method ig` runs the other methods."),
        ([("method", "Integrated Gradients")], "--method ig`"),
        ([("method", "lime")], "Choose one of rise, ig, guided-ig, xrai."),
        ([("map", "jpeg")], "Choose one of png, values, none."),
        ([("lable", "roses")], "Possible are label, method, map."),
        ([("map", "png"), ("map", "none")], "named twice"),
    ],
)
def test_what_cannot_be_asked_for(query: list[tuple[str, str]], sentence: str) -> None:
    with pytest.raises(RequestError) as refusal:
        read_wish(query)
    assert refusal.value.status == 400
    assert sentence in refusal.value.sentence


@pytest.mark.parametrize("kind", ["image/jpeg", "image/png; x=y", "application/octet-stream", "application/x-www-form-urlencoded", ""])
def test_a_body_can_be_a_photo(kind: str) -> None:
    assert read_photos(kind, PHOTO) == [PHOTO]


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "application/x-www-form-urlencoded", ""])
def test_a_body_can_be_json_as_for_predict(kind: str) -> None:
    body = json.dumps({"instances": [{"b64": B64}, B64, {"image_bytes": {"b64": B64}}]}).encode()
    assert read_photos(kind, b"\n " + body) == [PHOTO] * 3


@pytest.mark.parametrize(
    ("kind", "body", "status", "sentence"),
    [
        ("image/jpeg", b"", 400, "no body"),
        ("application/json", PHOTO, 400, "cannot be read as JSON"),
        ("application/json", b"[]", 400, "not an object"),
        ("application/json", b"{}", 400, "no 'instances'"),
        ("application/json", b'{"instances": []}', 400, "one photo at least"),
        ("application/json", b'{"instances": [1]}', 400, "instances[0] is not a photo"),
        ("application/json", b'{"instances": [], "label": "roses"}', 400, ":explain?label=..."),
        ("application/json", b'{"instances": [], "inputs": []}', 400, "the key 'inputs'"),
        ("multipart/form-data; boundary=x", b"--x", 415, "image/jpeg"),
    ],
)
def test_what_a_body_cannot_be(kind: str, body: bytes, status: int, sentence: str) -> None:
    with pytest.raises(RequestError) as refusal:
        read_photos(kind, body)
    assert refusal.value.status == status
    assert sentence in refusal.value.sentence


def test_a_class_is_one_of_the_model() -> None:
    assert find_label(Wish(None, "png"), ("daisy", "roses")) is None
    assert find_label(Wish("roses", "png"), ("daisy", "roses")) == 1
    with pytest.raises(RequestError, match="not a class"):
        find_label(Wish("rose", "png"), ("daisy", "roses"))
