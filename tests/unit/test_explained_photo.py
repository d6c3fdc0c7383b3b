"""The explanation of one photo as the service answers it: maps have the photo's proportions, and an unknown photo is explained as one."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flowers_tfx.explain.explain_unknown import UnknownExplanation
from flowers_tfx.explain.explanation import Explanation, Quality, Region
from flowers_tfx.inference.answer import Answer
from flowers_tfx.serving import explained_photo
from flowers_tfx.serving.explain_request import MapKind
from flowers_tfx.serving.explained_photo import Question, explain_photo

LABELS = ("daisy", "roses", "tulips")
QUALITY = Quality(0.25, 0.75, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5)
PROBABILITIES = np.array([0.25, 0.5, 0.25], np.float32)
KNOWN, FAR = Answer(PROBABILITIES, True, None, 0.5), Answer(PROBABILITIES, False, "far", 1.5)


@pytest.fixture(autouse=True)
def explanations(monkeypatch: pytest.MonkeyPatch) -> None:
    """All evidence lies in the lower half; what makes a photo unknown, in the upper one."""
    lower = np.repeat(np.array([0.0, 0.0, 1.0, 1.0], np.float32), 4).reshape(4, 4)

    def explain(picture: Any, answers: Any, method: Any, gradients: None, target: int | None) -> Explanation:
        region = Region((0.0, 0.5, 1.0, 1.0), 1.0)
        return Explanation(1 if target is None else target, method, lower, (region,), QUALITY, 0, lower[::-1], 0.5)

    unknown = UnknownExplanation("far", 1.5, lower[::-1], (Region((0.0, 0.0, 1.0, 0.5), 1.0),), 0.3, 0.9, 1.4, ())
    monkeypatch.setattr(explained_photo, "explain_picture", explain)
    monkeypatch.setattr(explained_photo, "explain_unknown", lambda *_: unknown)


def jpeg(size: tuple[int, int], orientation: int = 1) -> bytes:
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size, "green").save(out, "JPEG", exif=exif)
    return out.getvalue()


def explain(photo: bytes, answer: Answer = KNOWN, target: int | None = None, kind: MapKind = "none") -> dict[str, Any]:
    return explain_photo(Question(photo, np.zeros((4, 4, 3), np.uint8), answer, target, kind), LABELS, lambda _: {})


def opacity(encoded: str) -> np.ndarray[Any, Any]:
    image = Image.open(io.BytesIO(base64.b64decode(encoded)))
    assert (image.format, image.mode) == ("PNG", "RGBA")
    return np.asarray(image)[..., 3]


@pytest.mark.parametrize(
    ("size", "orientation", "upright", "drawn"),
    [((40, 30), 1, (40, 30), (40, 30)), ((40, 30), 6, (30, 40), (30, 40)), ((2000, 1000), 3, (2000, 1000), (512, 256))],
)
def test_maps_and_boxes_are_those_of_the_upright_photo(
    size: tuple[int, int], orientation: int, upright: tuple[int, int], drawn: tuple[int, int]
) -> None:
    row = explain(jpeg(size, orientation), kind="png")
    assert (row["width"], row["height"]) == upright
    assert row["regions"] == [{"box": [0, upright[1] // 2, *upright], "share": 1.0}]
    heat, other = opacity(row["map"]), opacity(row["runner_up"]["map"])
    assert heat.shape == drawn[::-1]
    assert (heat[0].max(), other[-1].max()) == (0, 0)
    assert min(heat[-1].min(), other[0].min()) > 200


def test_a_map_can_be_had_as_numbers_or_not_at_all() -> None:
    assert explain(jpeg((40, 30)), kind="values")["map"] == [[0.0] * 4, [0.0] * 4, [1.0] * 4, [1.0] * 4]
    row = explain(jpeg((40, 30)), FAR)
    assert (row["map"], row["runner_up"]["map"], row["unknown"]["map"]) == (None, None, None)


def test_a_photo_that_is_not_known_is_explained_as_one_unless_a_class_is_named() -> None:
    row = explain(jpeg((40, 30)), FAR, kind="png")
    assert (row["known"], row["why"], row["score"], row["label"]) == (False, "far", 1.5, "roses")
    assert (row["unknown"]["regions"], row["unknown"]["trustworthy"]) == ([{"box": [0, 0, 40, 15], "share": 1.0}], True)
    assert opacity(row["unknown"]["map"])[0].min() > 200
    assert explain(jpeg((40, 30)), KNOWN)["unknown"] is None
    named = explain(jpeg((40, 30)), FAR, target=2)
    assert (named["unknown"], named["label"]) == (None, "tulips")
