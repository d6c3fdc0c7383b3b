"""Per-photo tables drawn from a simple model of photos, for the tests of the data review. Properties that the model does not know are
drawn from the range and the values that the table of properties gives them."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from flowers_tfx.features import PROPERTIES, Property

LABELS = ("daisy", "roses", "tulips")


def table(photos: int, seed: int, embedding: int = 16, name: str = "photo") -> pd.DataFrame:
    """Photos of three classes: each class has a place in the embedding, and all properties vary as they please."""
    random = np.random.default_rng(seed)
    label = random.integers(0, len(LABELS), photos)
    light, size = random.normal(0, 1, photos), random.choice([240, 320, 500], photos)
    uris = [f"{name}-{seed}-{i}.jpg" for i in range(photos)]
    vectors = random.normal(0, 1, (photos, embedding)).astype(np.float32)
    vectors[np.arange(photos), label] += 4
    frame = pd.DataFrame(
        {
            "uri": uris,
            "digest": [hashlib.sha256(uri.encode()).hexdigest() for uri in uris],
            "label": [LABELS[i] for i in label],
            "width_px": size + 80,
            "height_px": size,
            "aspect_ratio": (size + 80) / size,
            "file_bytes": (size**2 * random.uniform(0.3, 0.9, photos)).astype(int),
            "bits_per_pixel": random.uniform(2, 7, photos),
            "jpeg_quality": pd.array(random.choice([80, 90, 95], photos), dtype="Int64"),
            "mean_luma": np.clip(110 + 25 * light, 0, 255),
            "rms_contrast": np.clip(50 + 10 * random.normal(0, 1, photos), 0, 128),
            "luma_entropy": np.clip(7 + 0.3 * random.normal(0, 1, photos), 0, 8),
            "saturation": random.beta(4, 4, photos),
            "colorfulness": 60 + 15 * random.normal(0, 1, photos).clip(-3, 3),
            "mean_red": np.clip(115 + 25 * light + 8 * random.normal(0, 1, photos), 0, 255),
            "mean_green": np.clip(108 + 25 * light + 8 * random.normal(0, 1, photos), 0, 255),
            "mean_blue": np.clip(80 + 25 * light + 8 * random.normal(0, 1, photos), 0, 255),
            "sharpness": np.clip(3 + 0.4 * random.normal(0, 1, photos), 0, 8),
            "noise": random.gamma(2, 2, photos),
            "top_bottom_luma": 10 + 20 * random.normal(0, 1, photos),
            "left_right_luma": 15 * random.normal(0, 1, photos),
            "vertical_gradient_share": random.beta(20, 20, photos),
            "grayscale": (random.random(photos) < 0.01).astype(int),
            "format": "JPEG",
            "exif_orientation": pd.array([pd.NA] * photos, dtype="Int64"),
            "capture_month": pd.array([pd.NA] * photos, dtype="Int64"),
            "phash": [f"{int(random.integers(0, 2**63)):016x}" for _ in range(photos)],
            "size_band": "medium",
            "light_band": "normal",
            "embedding": list(vectors),
        }
    )
    others = {prop.name: draw_values(prop, photos, random) for prop in PROPERTIES if prop.name not in frame}
    return frame.assign(**others)


def draw_values(prop: Property, photos: int, random: np.random.Generator) -> object:
    """Values that a sane photo can have: in the middle half of the range, or any of the category."""
    if prop.kind == "string":
        return random.choice(prop.values, photos) if prop.values else [f"{value:016x}" for value in random.integers(0, 2**63, photos)]
    low = 0.0 if prop.low is None else prop.low
    high = low + 100 if prop.high is None else prop.high
    if prop.kind == "int":
        return random.integers(int(low), int(high) + 1, photos)
    return low + (high - low) * random.uniform(0.25, 0.75, photos)
