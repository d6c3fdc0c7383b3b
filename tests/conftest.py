"""What tests share: small photos made on the spot, and the real ones where a checkout has them."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]


def small_photo(seed: int, size: tuple[int, int] = (48, 40), hue: int = 0) -> bytes:
    """A JPEG that no other seed gives."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 60, (size[1], size[0], 3), dtype=np.uint8)
    pixels[..., hue % 3] += 120 + np.uint8(seed % 60)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=85)
    return out.getvalue()


def write_photos(folder: Path, per_class: int, classes: tuple[str, ...] = ("daisy", "roses", "tulips"), first: int = 0) -> Path:
    """A folder per class of small photos, each of its own content."""
    for place, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(first, first + per_class):
            (folder / name / f"{number:04d}.jpg").write_bytes(small_photo(1000 * place + number, hue=place))
    return folder


@pytest.fixture(scope="session")
def photos_of() -> Callable[..., Path]:
    return write_photos


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real photos and weights; a test that asks for it is skipped where there is none."""
    place = Path(os.environ.get("FLOWERS_SHARED", ROOT.parent / "shared")) / "data"
    if not (place / "flower_photos").is_dir():
        pytest.skip(f"no real photos in {place} (set FLOWERS_SHARED to the folder that holds data/flower_photos)")
    return place


@pytest.fixture(scope="session")
def small_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with one version of a small network. Do not change it: push to a copy."""
    from tests.serving_process import push_small_model

    registry = tmp_path_factory.mktemp("small") / "registry"
    push_small_model(registry)
    return registry
