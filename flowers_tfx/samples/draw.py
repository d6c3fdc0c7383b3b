"""Sample pictures of the five classes, drawn: enough to try the whole program without a download."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random

from flowers_tfx.errors import InputError
from flowers_tfx.progress import ProgressCallback
from flowers_tfx.samples.camera import frame_size, photograph
from flowers_tfx.samples.scene import paint_scene
from flowers_tfx.storage import atomic_folder

CLASSES = ("daisy", "dandelion", "roses", "sunflowers", "tulips")
MARKER = ".samples.json"  # hidden: indexing leaves it out
# Planted faults: a class in another's folder, copies, and little light.
MISNAMED, WRONG_NAME = "tulips", "roses"
COPY_EVERY = 10
PLANTED_EXPOSURE = 0.62


def draw_samples(
    out: Path, per_class: int = 60, seed: int = 0, progress: ProgressCallback | None = None, *, planted: bool = False
) -> dict[str, int]:
    """Fills `out` with a folder per class of JPEG files, and counts the files of each folder.

    A picture depends on its class, its number and `seed` alone: the same bytes with the same Pillow, and a larger
    `per_class` adds pictures to the same ones. A folder that was filled by an equal call stays as it is.
    `planted`: a delivery that a data review has to stop. The scenes are the same, but darker and of half the size, `MISNAMED` lies
    in the folder of `WRONG_NAME`, and one picture in `COPY_EVERY` is there twice.
    """
    if per_class < 1:
        raise InputError(f"{per_class} pictures a class can't be drawn.", "Ask for one or more.")
    request = {"per_class": per_class, "seed": seed} | ({"planted": True} if planted else {})
    pictures = [(label, number) for number in range(per_class) for label in CLASSES]
    files = [file_names(label, number, planted) for label, number in pictures]
    counts = dict.fromkeys(CLASSES, 0) | Counter(name.split("/")[0] for names in files for name in names)
    if _made_by(out, request):
        return counts
    with atomic_folder(out) as folder:
        for done, ((label, number), names) in enumerate(zip(pictures, files, strict=True), 1):
            picture = draw_picture(label, number, seed, planted)
            for name in names:
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_bytes(picture)
            if progress:
                progress(done, len(pictures))
        (folder / MARKER).write_text(json.dumps(request) + "\n", encoding="utf-8")
    return counts


def file_names(label: str, number: int, planted: bool = False) -> list[str]:
    """Where a picture lies below the folder of a delivery: once, or twice where a copy is planted."""
    folder = WRONG_NAME if planted and label == MISNAMED else label
    names = [f"{folder}/{label}_{number:04d}.jpg"]
    return [*names, f"{folder}/{label}_{number:04d}_copy.jpg"] if planted and number % COPY_EVERY == 0 else names


def draw_picture(label: str, number: int, seed: int, planted: bool = False) -> bytes:
    """One picture as the bytes of a JPEG file."""
    rng = Random(f"{seed}/{label}/{number}")
    background, scene = paint_scene(label, rng, frame_size(rng))
    if planted:
        return photograph(scene.reduce(2), label, rng, dark=background == "dark", exposure=PLANTED_EXPOSURE)
    return photograph(scene, label, rng, dark=background == "dark")


def _made_by(out: Path, request: dict[str, int]) -> bool:
    try:
        return bool(json.loads((out / MARKER).read_text(encoding="utf-8")) == request)
    except (OSError, ValueError):
        return False
