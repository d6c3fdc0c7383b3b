"""The explanation of one photo as one picture, for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from flowers_tfx.explain.explanation_words import checks_in_words, method_in_words, title_of
from flowers_tfx.explain.heat_map import colour_scale
from flowers_tfx.explain.photo_panels import ExplainedPhoto, Panel, panels

_PANEL_PX = 620  # the longer side of a panel at most
_SMALLEST_PX = 320  # the width of a column at least
_MARGIN, _GAP = 28, 20
_GROUND, _TEXT, _SOFT, _WITHHELD_GROUND = (255, 255, 255), (27, 31, 35), (84, 92, 102), (238, 240, 243)
_NBSP = "\N{NO-BREAK SPACE}"
_TITLE, _NORMAL, _SMALL = 30, 19, 16  # sizes of letters, px


def draw_explanation(photo: ExplainedPhoto) -> Image.Image:
    """Its panels side by side, the answer above them and the checks below."""
    row = photo.row
    shown = list(panels(photo, _PANEL_PX))
    sizes = [panel.image.size for panel in shown if panel.image is not None]
    images = [panel.image or _withheld_panel(max(sizes), panel) for panel in shown]
    width = max(_SMALLEST_PX, *(image.width for image in images))
    page = _Page(2 * _MARGIN + len(images) * width + (len(images) - 1) * _GAP)
    page.write(title_of(row), _TITLE)
    page.write(f"{Path(row['file']).name}, explained by {method_in_words(row)}, model version {row['model_version']}", _SMALL, _SOFT)
    page.skip(_GAP // 2)
    page.write_columns([panel.caption for panel in shown], width)
    page.paste_row(images, width)
    if len(sizes) > 1:
        page.paste_legend()
    page.skip(_GAP // 2)
    for check in checks_in_words(row):
        page.write(f"{check.name} {check.value}: {check.meaning}", _SMALL, _SOFT)
    return page.image()


def _withheld_panel(size: tuple[int, int], panel: Panel) -> Image.Image:
    width, height = (max(length, _SMALLEST_PX) for length in size)
    page = _Page(width, _WITHHELD_GROUND, margin=20)
    page.write(panel.title, _NORMAL)
    page.skip(6)
    for reason in panel.reasons:
        page.write(reason, _SMALL, _SOFT)
    return page.image(height)


class _Page:
    """A picture that grows downwards."""

    def __init__(self, width: int, ground: tuple[int, int, int] = _GROUND, margin: int = _MARGIN) -> None:
        self._width, self._ground, self._margin = width, ground, margin
        self._image = Image.new("RGB", (width, margin), ground)
        self._y = margin

    def skip(self, pixels: int) -> None:
        self._y += pixels

    def write(self, text: str, letters: int, colour: tuple[int, int, int] = _TEXT) -> None:
        self._y = self._write_at(text, letters, colour, self._margin, self._width - 2 * self._margin)

    def write_columns(self, texts: Sequence[str], width: int) -> None:
        """One text above each picture of a row whose pictures are so wide."""
        self._y = max(self._write_at(text, _NORMAL, _TEXT, self._margin + at * (width + _GAP), width) for at, text in enumerate(texts))

    def paste_row(self, pictures: Sequence[Image.Image], width: int) -> None:
        self._grow(max(picture.height for picture in pictures))
        for at, picture in enumerate(pictures):
            self._image.paste(picture, (self._margin + at * (width + _GAP), self._y))
        self._y += max(picture.height for picture in pictures) + _GAP // 2

    def paste_legend(self) -> None:
        scale = colour_scale(220, 16)
        self._grow(scale.height)
        left = self._write_inline("no evidence  ", self._margin)
        self._image.paste(scale, (left, self._y + 2))
        self._write_inline(" most evidence; each map has a scale of its own", left + scale.width + 6)
        self._y += scale.height + 8

    def image(self, height: int = 0) -> Image.Image:
        end = max(self._y + self._margin, height)
        whole = Image.new("RGB", (self._width, end), self._ground)
        whole.paste(self._image, (0, 0))
        return whole

    def _write_inline(self, text: str, x: int) -> int:
        draw = ImageDraw.Draw(self._image)
        font = ImageFont.load_default(_SMALL)
        draw.text((x, self._y), text, fill=_SOFT, font=font)
        return x + round(draw.textlength(text, font))

    def _write_at(self, text: str, letters: int, colour: tuple[int, int, int], x: int, width: int) -> int:
        """The y below the text, which is broken into lines of at most so many pixels."""
        font = ImageFont.load_default(letters)
        lines = _wrap(text, font, width)
        line_height = round(letters * 1.35)
        self._grow(len(lines) * line_height)
        draw = ImageDraw.Draw(self._image)
        for number, line in enumerate(lines):
            draw.text((x, self._y + number * line_height), line, fill=colour, font=font)
        return self._y + len(lines) * line_height + 4

    def _grow(self, pixels: int) -> None:
        if self._y + pixels > self._image.height:
            taller = Image.new("RGB", (self._width, self._y + 2 * pixels), self._ground)
            taller.paste(self._image, (0, 0))
            self._image = taller


def _wrap(text: str, font: Any, width: int) -> list[str]:
    """Lines of at most so many pixels. No line begins with a percent sign."""
    lines: list[str] = []
    for word in text.replace(" %", f"{_NBSP}%").split(" "):
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(joined) > width:
            lines.append(word)
        elif lines:
            lines[-1] = joined
        else:
            lines.append(word)
    return [piece.replace(_NBSP, " ") for line in lines for piece in _cut(line, font, width)]


def _cut(line: str, font: Any, width: int) -> list[str]:
    """One line, or several where a single word is too long for one."""
    pieces = [""]
    for letter in line:
        if pieces[-1] and font.getlength(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces
