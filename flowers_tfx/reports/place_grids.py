"""By how much one place or trait of a class's photos draws photos of other classes to it: grids of cells for the page of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_GRIDS = 24  # of the classes with the strongest places at the edge, where there are more
_FULL = 0.4  # a rise of the probability that has the full colour
_TITLES = {"background": "background", "border": "outer edge", "brightness": "brightness", "contrast": "contrast"}


@dataclass(frozen=True)
class Cell:
    """`points`: hundredths of probability; `shade`: 0 to 1; `words`: for readers who do not see the colour."""

    points: int
    shade: float
    words: str


@dataclass(frozen=True)
class PlaceGrid:
    """`rows`: cells from the top; `traits`: title, points and their 95 % interval in points, None without an interval."""

    label: str
    rows: tuple[tuple[Cell, ...], ...]
    traits: tuple[tuple[str, int, tuple[int, int] | None], ...]


def place_grids(dependence: Mapping[str, Any], background: Mapping[str, Any] | None, labels: Sequence[str]) -> list[PlaceGrid]:
    """From the keys `dependence` and `background` of explanations.json; no grid for a class whose photos were not tried."""
    entries = [
        *dependence["transplants"],
        *({"trait": "background", **entry} for entry in (background["transplants"] if background else ())),
    ]
    tried = [entry for entry in entries if entry["pull"] is not None]
    grids = []
    for label in labels:
        own = [entry for entry in tried if entry["class"] == label]
        cells = {(entry["row"], entry["column"]): entry for entry in own if entry["trait"] == "cell"}
        if cells:
            size = 1 + max(row for row, _ in cells)
            rows = tuple(tuple(_cell(cells[row, column], size) for column in range(size)) for row in range(size))
            traits = {entry["trait"]: entry for entry in own}
            grids.append(PlaceGrid(label, rows, tuple(_trait(title, traits[name]) for name, title in _TITLES.items() if name in traits)))
    grids.sort(key=lambda grid: -_strongest_at_the_edge(grid.rows))
    shown = {grid.label for grid in grids[:MOST_GRIDS]}
    return sorted((grid for grid in grids if grid.label in shown), key=lambda grid: list(labels).index(grid.label))


def _strongest_at_the_edge(rows: Sequence[Sequence[Cell]]) -> int:
    inner = range(1, len(rows) - 1)
    return max(cell.points for y, row in enumerate(rows) for x, cell in enumerate(row) if y not in inner or x not in inner)


def _cell(entry: Mapping[str, Any], size: int) -> Cell:
    points = _points(entry["pull"])
    place = f"row {entry['row'] + 1} of {size}, column {entry['column'] + 1}"
    return Cell(
        points, round(min(max(entry["pull"] / _FULL, 0.0), 1.0), 2), f"{place}: {points} points, {100 * entry['drawn']:.0f} % drawn"
    )


def _trait(title: str, entry: Mapping[str, Any]) -> tuple[str, int, tuple[int, int] | None]:
    ends = entry["pull_interval"]
    return title, _points(entry["pull"]), None if ends is None else (_points(ends[0]), _points(ends[1]))


def _points(probability: float) -> int:
    return round(100 * probability)
