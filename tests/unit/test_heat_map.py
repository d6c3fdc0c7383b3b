"""Maps of evidence as pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from flowers_tfx.explain.explanation import Region
from flowers_tfx.explain.heat_map import COLOURS, colour_scale, heat_map, outline, overlay, resize_map, strength_of

SIDE = 64


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def spot(x: int, y: int, height: float = 1.0) -> np.ndarray:
    """Evidence around a point, evidence against the class everywhere else."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.where((rows - y) ** 2 + (columns - x) ** 2 < 36, height, -0.5).astype(np.float32)


def is_gray(pixels: np.ndarray) -> np.ndarray:
    return np.ptp(pixels.astype(int), axis=-1) == 0


def test_colour_stands_where_evidence_is_and_nowhere_else() -> None:
    pixels = np.asarray(heat_map(picture(), spot(40, 20)))
    assert pixels.shape == (SIDE, SIDE, 3)
    assert (is_gray(pixels) == (spot(40, 20) < 0)).all()


def test_the_colours_alone_over_a_gray_photo_are_the_heat_map() -> None:
    gray = Image.fromarray(picture()).convert("L").point(lambda level: 0.75 * level).convert("RGB")
    gray.paste(layer := overlay(spot(40, 20), gray.size), mask=layer)
    whole = np.asarray(heat_map(picture(), spot(40, 20)), int)
    assert np.abs(np.asarray(gray, int) - whole).max() <= 2


@pytest.mark.parametrize("empty", [np.zeros((SIDE, SIDE), np.float32), np.full((SIDE, SIDE), -1.0, np.float32)])
def test_a_map_without_evidence_leaves_a_gray_photo(empty: np.ndarray) -> None:
    assert is_gray(np.asarray(heat_map(picture(), empty))).all()
    assert not strength_of(empty).any()


def test_the_colours_do_not_depend_on_the_unit_of_the_map() -> None:
    assert np.array_equal(heat_map(picture(), spot(20, 20)), heat_map(picture(), 1000 * spot(20, 20)))


def test_one_extreme_pixel_does_not_fade_the_others() -> None:
    evidence = spot(20, 20)
    evidence[0, 0] = 1000
    assert strength_of(evidence)[20, 20] == 1


def test_a_map_is_stretched_to_a_photo_of_another_shape() -> None:
    photo = Image.new("L", (300, 100), 90)
    pixels = np.asarray(heat_map(photo, spot(SIDE * 3 // 4, SIDE // 4)))
    assert pixels.shape == (100, 300, 3)
    rows, columns = np.nonzero(~is_gray(pixels))
    assert (columns.mean(), rows.mean()) == pytest.approx((226, 25.5), abs=2)


def test_the_lightness_of_the_colours_grows_so_that_nobody_needs_to_see_hues() -> None:
    lightness = np.array(COLOURS) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 10).all()
    scale = np.asarray(colour_scale(200, 4).convert("L"), int)[0]
    assert scale[0] < scale[-1] - 90
    assert is_gray(np.asarray(colour_scale(200, 4))[:, 0]).all()


@pytest.mark.parametrize("box", [(0.25, 0.5, 0.75, 1.0), (0.99, 0.99, 1.0, 1.0), (0.0, 0.0, 1.0, 1.0)])
def test_a_region_is_outlined_inside_the_picture_and_the_rest_is_as_it_was(box: tuple[float, float, float, float]) -> None:
    before = picture()
    image = outline(before, [Region(box, 0.8)])
    assert image.size == (SIDE, SIDE)
    changed = np.argwhere((np.asarray(image) != before).any(axis=-1))
    assert len(changed)
    if box[2] - box[0] == 0.5:
        assert changed.min(axis=0).tolist() == [32, 16]
        assert changed.max(axis=0).tolist() == [63, 47]


def test_the_first_region_is_on_top() -> None:
    first, second = Region((0.1, 0.1, 0.6, 0.6), 0.6), Region((0.1, 0.1, 0.9, 0.9), 0.2)
    alone, both = np.asarray(outline(picture(), [first])), np.asarray(outline(picture(), [first, second]))
    corner = np.s_[6:16, 6:16]
    assert np.array_equal(alone[corner], both[corner])


def test_a_map_in_the_size_of_a_photo_keeps_its_values() -> None:
    values = resize_map(np.full((7, 7), 0.25, np.float32), (30, 20))
    assert (values.dtype, values.shape) == (np.float32, (20, 30))
    assert (values == 0.25).all()
