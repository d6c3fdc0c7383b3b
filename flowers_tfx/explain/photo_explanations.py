"""`flowers explain` for photos: a row a photo, and the files that are wanted."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from flowers_tfx.config import PipelineConfig
from flowers_tfx.data.pictures import BadPicture
from flowers_tfx.data.small_pictures import small_jpeg
from flowers_tfx.errors import InputError
from flowers_tfx.explain.explanation_files import ExplanationFiles, file_names, write_map
from flowers_tfx.explain.explanation_picture import draw_explanation
from flowers_tfx.explain.explanation_words import checks_in_words, line_of, title_of
from flowers_tfx.explain.heat_map import colour_scale
from flowers_tfx.explain.methods import TITLES, Method
from flowers_tfx.explain.photo_explainer import PhotoExplainer
from flowers_tfx.explain.photo_panels import ExplainedPhoto, panels
from flowers_tfx.inference.model_choice import loaded_model
from flowers_tfx.inference.prediction import list_photos
from flowers_tfx.progress import ProgressCallback
from flowers_tfx.reports.photo_explanations import PagePanel, PhotoOnPage, render_photos
from flowers_tfx.storage import StoragePath
from flowers_tfx.storage.atomic_writes import atomic_file

MOST_ON_PAGE = 100  # photos: a browser still opens the page of so many pictures at once
_PAGE_SIDE, _PAGE_BYTES = 460, 45_000  # of each picture on the page
_LEGEND = (320, 16)  # px
_JPEG = {"quality": 90, "subsampling": 0}


@dataclass(frozen=True)
class PhotoExplanations:
    """`rows`: those of `flowers explain --json`, one a file, in order. `lines`: each in words."""

    rows: tuple[dict[str, Any], ...]
    lines: tuple[str, ...]
    model: StoragePath
    version: str

    @property
    def unreadable(self) -> int:
        return sum("error" in row for row in self.rows)


def explain_photos(
    config: PipelineConfig, images: Sequence[Path], model: str | None, method: Method, files: ExplanationFiles, progress: ProgressCallback
) -> PhotoExplanations:
    """`images` are photos and folders of photos; `model`: see `loaded_model`.

    Raises InputError if there is no model, none for this method, no photo, or a place of `files` cannot be written to; a file that cannot
    be read gets a row with its error. What is interrupted leaves the files of the photos that are done, each of them whole.
    """
    photos = [photo for photo in list_photos(images) if photo in images or not files.holds(photo)]
    if files.page is not None and len(photos) > MOST_ON_PAGE:
        raise InputError(
            f"{len(photos)} photos are too many for one page, which takes {MOST_ON_PAGE}.", "Name fewer, or use --out instead of --html."
        )
    files.prepare(photos)
    with loaded_model(config.registry, model, lambda folder: PhotoExplainer(folder, config.ingest.max_pixels, method)) as (
        place,
        explainer,
    ):
        results = _Results(files)
        progress(0, len(photos))
        for photo, name in zip(photos, file_names(photos), strict=True):
            try:
                results.add(explainer.explain(photo), name)
            except BadPicture as bad:
                results.rows.append({"file": str(photo), "error": str(bad)})
            progress(len(results.rows), len(photos))
    if files.page is not None:
        errors = [(row["file"], row["error"]) for row in results.rows if "error" in row]
        legend = _encoded(colour_scale(*_LEGEND))
        with atomic_file(files.page, "Name another file with --html.") as unfinished:
            unfinished.write_text(render_photos(results.on_page, errors, legend, explainer.version, TITLES[method]), encoding="utf-8")
    return PhotoExplanations(tuple(results.rows), tuple(results.lines), place, explainer.version)


class _Results:
    """What was made so far. Of a photo only its small pictures stay in memory, and only for the page."""

    def __init__(self, files: ExplanationFiles) -> None:
        self._files = files
        self.rows: list[dict[str, Any]] = []
        self.lines: list[str] = []
        self.on_page: list[PhotoOnPage] = []

    def add(self, explained: ExplainedPhoto, name: str) -> None:
        self.rows.append({**explained.row, **_write_files(self._files, name, explained)})
        self.lines.append(f"{explained.row['file']}: {line_of(explained.row, explained.size)}")
        if self._files.page is not None:
            self.on_page.append(_on_page(explained))


def _write_files(files: ExplanationFiles, name: str, explained: ExplainedPhoto) -> dict[str, str | None]:
    """Their paths, as fields of the row."""
    paths: dict[str, str | None] = {"map": None, "picture": None}
    if files.maps is not None:
        path = files.maps / f"{name}.npy"
        write_map(path, explained.explanation.map, explained.size)
        paths["map"] = str(path)
    if files.pictures is not None:
        path = files.pictures / f"{name}.jpg"
        drawn = draw_explanation(explained)
        with atomic_file(path, "Name another folder with --out.") as unfinished:
            drawn.save(unfinished, "JPEG", **_JPEG)
        paths["picture"] = str(path)
    return paths


def _on_page(explained: ExplainedPhoto) -> PhotoOnPage:
    shown = [
        PagePanel(panel.caption, panel.words, panel.title, panel.reasons, None if panel.image is None else _encoded(panel.image))
        for panel in panels(explained, _PAGE_SIDE)
    ]
    return PhotoOnPage(explained.row, title_of(explained.row), checks_in_words(explained.row), shown)


def _encoded(picture: Image.Image) -> str:
    return base64.b64encode(small_jpeg(picture, _PAGE_SIDE, _PAGE_BYTES)).decode()
