"""The files of `flowers explain`: a picture and a map a photo, and one page of all; checked before the work, each written whole or not at
all."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flowers_tfx.errors import InputError
from flowers_tfx.explain.heat_map import resize_map
from flowers_tfx.explain.model_function import Floats
from flowers_tfx.storage.atomic_writes import atomic_file, check_target

_LONGEST_NAME = 120  # characters, of the part that comes from the photo's name


@dataclass(frozen=True)
class ExplanationFiles:
    """Where results are written; None for what is not wanted. `pictures` and `maps` are folders, `page` is a file."""

    pictures: Path | None = None
    maps: Path | None = None
    page: Path | None = None

    def prepare(self, photos: Sequence[Path]) -> None:
        """Makes the folders. Raises InputError for one that cannot be written to, and for one that holds the photos themselves."""
        for option, folder in (("--out", self.pictures), ("--maps", self.maps)):
            if folder is not None:
                _make_folder(folder, option)
                _check_apart(folder, photos, option)
        if self.page is not None:
            check_target(self.page, "--html")
            _check_writable(self.page.parent, "--html")

    def holds(self, photo: Path) -> bool:
        """Whether a file below a folder of photos is a result of an earlier call."""
        return self.pictures is not None and self.pictures.resolve() in photo.resolve().parents


def file_names(photos: Sequence[Path]) -> list[str]:
    """For each photo a name without suffix that no other one has, also where upper and lower case are one: its own, with that of its folder
    where several photos have it, with a number where that is not enough."""
    shared = Counter(photo.stem.lower() for photo in photos)
    taken: set[str] = set()
    names = []
    for photo in photos:
        folder = photo.absolute().parent.name
        start = f"{folder}-{photo.stem}" if shared[photo.stem.lower()] > 1 and folder else photo.stem
        start = start[-_LONGEST_NAME:]
        name, number = start, 1
        while name.lower() in taken:
            number += 1
            name = f"{start}-{number}"
        taken.add(name.lower())
        names.append(name)
    return names


def write_map(path: Path, evidence: Floats, size: tuple[int, int]) -> None:
    """float32 [height, width] of a photo of this width and height, as NumPy's .npy."""
    with atomic_file(path, "Name another folder with --maps.") as unfinished, unfinished.open("wb") as file:
        np.save(file, resize_map(evidence, size), allow_pickle=False)


def _make_folder(folder: Path, option: str) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, not a folder.", f"Name a folder with {option}.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {folder} can't be made ({error.strerror}).", f"Name another with {option}.") from None
    _check_writable(folder, option)


def _check_writable(folder: Path, option: str) -> None:
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"Nothing can be written to {folder}: {error.strerror}.", f"Name another place with {option}.") from None


def _check_apart(folder: Path, photos: Sequence[Path], option: str) -> None:
    """Results among the photos would replace them, or be explained the next time."""
    if any(os.path.realpath(photo.parent) == os.path.realpath(folder) for photo in photos):
        raise InputError(f"The folder {folder} holds the photos themselves.", f"Name another folder with {option}.")
