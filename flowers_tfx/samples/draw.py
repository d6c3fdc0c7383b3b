"""Sample pictures of the five classes, drawn: enough to try the whole program without a download."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from flowers_tfx.errors import InputError
from flowers_tfx.progress import ProgressCallback
from flowers_tfx.samples.camera import frame_size, photograph
from flowers_tfx.samples.scene import paint_scene
from flowers_tfx.storage import atomic_folder

CLASSES = ("daisy", "dandelion", "roses", "sunflowers", "tulips")
MARKER = ".samples.json"  # hidden: indexing leaves it out


def draw_samples(out: Path, per_class: int = 60, seed: int = 0, progress: ProgressCallback | None = None) -> dict[str, int]:
    """Fills `out` with a folder per class of JPEG files, and counts them.

    A picture depends on its class, its number and `seed` alone: the same bytes with the same Pillow, and a larger
    `per_class` adds pictures to the same ones. A folder that was filled by an
    equal call stays as it is.
    """
    if per_class < 1:
        raise InputError(f"{per_class} pictures a class can't be drawn.", "Ask for one or more.")
    counts = dict.fromkeys(CLASSES, per_class)
    request = {"per_class": per_class, "seed": seed}
    if _made_by(out, request):
        return counts
    with atomic_folder(out) as folder:
        for number in range(per_class):
            for position, label in enumerate(CLASSES):
                (folder / label).mkdir(exist_ok=True)
                (folder / label / f"{label}_{number:04d}.jpg").write_bytes(draw_picture(label, number, seed))
                if progress:
                    progress(number * len(CLASSES) + position + 1, per_class * len(CLASSES))
        (folder / MARKER).write_text(json.dumps(request) + "\n", encoding="utf-8")
    return counts


def draw_picture(label: str, number: int, seed: int) -> bytes:
    """One picture as the bytes of a JPEG file."""
    rng = Random(f"{seed}/{label}/{number}")
    background, scene = paint_scene(label, rng, frame_size(rng))
    return photograph(scene, label, rng, dark=background == "dark")


def _made_by(out: Path, request: dict[str, int]) -> bool:
    try:
        return bool(json.loads((out / MARKER).read_text(encoding="utf-8")) == request)
    except (OSError, ValueError):
        return False
