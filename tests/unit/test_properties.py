from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageStat

from flowers_tfx import features
from flowers_tfx.cli.reference import properties_reference
from flowers_tfx.data.pixel_sample import sample_pixels
from flowers_tfx.data.properties import check_functions, measure, properties

LIMIT = 50_000_000


def encoded(image: Image.Image, file_format: str = "PNG", **settings: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, file_format, **settings)
    return out.getvalue()


def of(image: Image.Image, file_format: str = "PNG", **settings: Any) -> dict[str, Any]:
    return dict(properties(encoded(image, file_format, **settings), LIMIT))


def scene(width: int = 320, height: int = 240, seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


def noisy(sigma: float, seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    gray = np.clip(128 + rng.normal(0, sigma, (200, 200, 1)), 0, 255).astype(np.uint8)
    return Image.fromarray(np.repeat(gray, 3, axis=2))


def test_the_table_and_the_functions_agree() -> None:
    assert tuple(of(scene())) == features.PROPERTY_NAMES
    for names in (features.PROPERTY_NAMES[1:], (*features.PROPERTY_NAMES, "blueness")):
        with pytest.raises(RuntimeError, match=r"(width_px|blueness) lack one"):
            check_functions(names)


def test_only_what_is_asked_for_is_measured() -> None:
    photo = sample_pixels(encoded(scene()), LIMIT)
    assert measure([photo], ["noise", "format"]) == [{name: of(scene())[name] for name in ("noise", "format")}]


@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
def test_values_have_the_kinds_and_ranges_of_the_table(file_format: str) -> None:
    found = of(scene(), file_format)
    kinds = {"int": int, "float": float, "string": str}
    for prop in features.PROPERTIES:
        value = found[prop.name]
        if value is None:
            assert prop.optional
            continue
        assert type(value) is kinds[prop.kind], prop.name
        assert prop.low is None or value >= prop.low
        assert prop.high is None or value <= prop.high
        assert not prop.values or value in prop.values


def test_a_flat_picture() -> None:
    found = of(Image.new("RGB", (100, 50), (200, 100, 0)))
    assert (found["width_px"], found["height_px"], found["aspect_ratio"]) == (100, 50, 2.0)
    assert (found["mean_red"], found["mean_green"], found["mean_blue"]) == (200, 100, 0)
    assert found["mean_luma"] == round(0.299 * 200 + 0.587 * 100)
    assert found["saturation"] == 1.0
    assert found["colorfulness"] == pytest.approx(0.3 * math.hypot(100, 150), abs=1e-6)
    assert (found["rms_contrast"], found["luma_entropy"], found["sharpness"], found["noise"]) == (0, 0, 0, 0)
    assert (found["vertical_gradient_share"], found["grayscale"]) == (0.5, 0)
    assert (found["format"], found["jpeg_quality"]) == ("PNG", None)


def test_colorfulness_is_that_of_the_paper() -> None:
    image = scene(96, 96)
    red, green, blue = np.moveaxis(np.asarray(image, dtype=float), 2, 0)
    rg, yb = red - green, (red + green) / 2 - blue
    paper = math.hypot(rg.std(), yb.std()) + 0.3 * math.hypot(rg.mean(), yb.mean())
    assert of(image)["colorfulness"] == pytest.approx(paper, abs=1e-4)


@pytest.mark.parametrize("sigma", [2, 5, 12])
def test_noise_estimates_the_standard_deviation(sigma: float) -> None:
    assert of(noisy(sigma))["noise"] == pytest.approx(sigma, rel=0.08)


def test_blur_takes_sharpness_away() -> None:
    image = noisy(20)
    sharp, soft, softer = (of(image.filter(ImageFilter.GaussianBlur(radius)))["sharpness"] for radius in (0, 1, 3))
    assert sharp > soft + 0.5 > softer + 1


def test_layout() -> None:
    image = Image.new("RGB", (80, 120), (10, 10, 10))
    image.paste((210, 210, 210), (0, 0, 80, 60))
    found = of(image)
    assert found["top_bottom_luma"] == pytest.approx(200)
    assert found["left_right_luma"] == 0
    assert found["vertical_gradient_share"] == 1.0
    turned = of(image.transpose(Image.Transpose.ROTATE_90))
    assert turned["left_right_luma"] == pytest.approx(200)
    assert turned["vertical_gradient_share"] == 0.0


@pytest.mark.parametrize("quality", [1, 10, 35, 50, 75, 90, 95, 100])
def test_jpeg_quality_is_read_off_the_tables(quality: int) -> None:
    assert of(scene(), "JPEG", quality=quality)["jpeg_quality"] == quality


def test_grayscale_by_content() -> None:
    assert of(scene().convert("L"), "JPEG")["grayscale"] == 1
    assert of(scene().convert("L").convert("RGB"), "JPEG")["grayscale"] == 1
    assert of(scene(), "JPEG")["grayscale"] == 0


def test_phash_survives_size_and_compression_and_tells_scenes_apart() -> None:
    def distance(one: str, other: str) -> int:
        return (int(one, 16) ^ int(other, 16)).bit_count()

    first = of(scene())["phash"]
    assert len(first) == 16
    assert distance(first, of(scene(640, 480), "JPEG", quality=40)["phash"]) <= 6
    assert distance(first, of(scene(seed=1))["phash"]) >= 16


def test_exif_turns_the_photo_and_gives_the_month() -> None:
    image = scene(200, 100)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to view
    exif.get_ifd(0x8769)[0x9003] = "2024:05:17 10:11:12"
    turned = of(image.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=98, exif=exif.tobytes())
    plain = of(image, "JPEG", quality=98)
    assert (turned["width_px"], turned["height_px"]) == (200, 100)
    assert (turned["exif_orientation"], turned["capture_month"]) == (6, 5)
    assert (plain["exif_orientation"], plain["capture_month"]) == (None, None)
    for name in ("top_bottom_luma", "left_right_luma", "mean_luma", "colorfulness"):
        assert turned[name] == pytest.approx(plain[name], abs=2)


@pytest.mark.parametrize("taken", ["0000:00:00 00:00:00", "yesterday", "", "2024:13:01 00:00:00"])
def test_a_senseless_date_gives_no_month(taken: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = taken
    assert of(scene(), "JPEG", exif=exif.tobytes())["capture_month"] is None


def test_bands() -> None:
    sizes = {320: "small", 321: "medium", 1024: "medium", 1025: "large"}
    assert {side: of(Image.new("RGB", (side, 10)))["size_band"] for side in sizes} == sizes
    lights = {85: "dark", 86: "normal", 150: "normal", 151: "bright"}
    assert {level: of(Image.new("RGB", (9, 9), (level,) * 3))["light_band"] for level in lights} == lights


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 3), (1, 5000), (5000, 1)])
def test_the_smallest_pictures(size: tuple[int, int]) -> None:
    assert of(Image.new("RGB", size, (9, 9, 9)))["mean_luma"] == 9


def test_a_photo_is_measured_the_same_in_any_company() -> None:
    samples = [sample_pixels(encoded(scene(100 + 7 * seed, 90, seed), "JPEG"), LIMIT) for seed in range(20)]
    alone = [measure([one])[0] for one in samples]
    assert measure(samples) == alone
    assert measure(samples[::-1]) == alone[::-1]
    assert measure([]) == []


def test_a_large_photo_is_measured_like_a_small_one() -> None:
    large, small = of(scene(3000, 2000), "JPEG"), of(scene(300, 200), "JPEG")
    for name in ("mean_luma", "rms_contrast", "saturation", "colorfulness", "top_bottom_luma"):
        assert large[name] == pytest.approx(small[name], abs=2)


def test_the_grid_says_what_all_pixels_say_on_real_photos(shared: Path) -> None:
    errors = []
    for path in sorted((shared / "flower_photos").glob("*/*.jpg"))[::25]:
        with Image.open(path) as image:
            errors.append(abs(properties(path.read_bytes(), LIMIT)["mean_luma"] - ImageStat.Stat(image.convert("L")).mean[0]))  # type: ignore[operator]
    assert np.mean(errors) < 0.4
    assert max(errors) < 5


GOLDEN = Path(__file__).parent / "golden" / "properties.json"


def golden_pictures() -> dict[str, bytes]:
    """Pictures of several shapes and formats, made on the spot."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0x9003] = "2024:05:17 10:11:12"
    rng = np.random.default_rng(7)
    blocks = np.kron(rng.integers(0, 255, (30, 41, 3), dtype=np.uint8), np.ones((13, 11, 1), np.uint8))
    ramp = np.add.outer(np.arange(300), np.arange(517)).astype(np.uint8)
    return {
        "blocks.png": encoded(Image.fromarray(blocks)),
        "blocks.jpg": encoded(Image.fromarray(blocks), "JPEG", quality=83, exif=exif.tobytes()),
        "noise.png": encoded(noisy(9, seed=3)),
        "ramp.jpg": encoded(Image.fromarray(ramp), "JPEG", quality=40),
        "tiny.png": encoded(Image.fromarray(blocks[:2, :2])),
        "black.png": encoded(Image.new("RGB", (64, 48))),
    }


@pytest.mark.parametrize("name", list(golden_pictures()))
def test_values_are_those_that_spans_hold_already(name: str) -> None:
    measured = properties(golden_pictures()[name], LIMIT)
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))[name]
    # How well PNG files are packed depends on the machine's zlib.
    packing = ("file_bytes", "bits_per_pixel") if name.endswith(".png") else ()
    assert {key: measured[key] for key in golden if key not in packing} == {key: golden[key] for key in golden if key not in packing}


def test_the_page_of_properties_is_up_to_date() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "properties.md"
    assert page.read_text(encoding="utf-8") == properties_reference(), "python -m flowers_tfx.cli.reference properties > docs/properties.md"
