"""The grids of the page of a model: by how much a place of a class's photos draws others."""

from __future__ import annotations

from typing import Any

from flowers_tfx.reports.place_grids import MOST_GRIDS, place_grids
from flowers_tfx.reports.rendering import render
from flowers_tfx.reports.words import clean


def transplant(pull: float | None, **values: Any) -> dict[str, Any]:
    return {"class": "roses", "pull": pull, "pull_interval": None if pull is None else [pull - 0.04, pull + 0.04], "drawn": 0.25, **values}


def cells(corner: float | None) -> list[dict[str, Any]]:
    return [
        transplant(corner if (row, column) == (0, 1) else 0.01, trait="cell", row=row, column=column)
        for row in range(2)
        for column in range(2)
    ]


def test_a_grid_has_the_points_of_each_place_and_the_traits_beside() -> None:
    dependence = {"transplants": [*cells(0.352), transplant(-0.004, trait="brightness"), transplant(0.1, trait="border")]}

    (grid,) = place_grids(dependence, {"transplants": [transplant(0.2)]}, ("daisy", "roses"))

    assert grid.label == "roses"
    assert [[cell.points for cell in row] for row in grid.rows] == [[1, 35], [1, 1]]
    assert grid.rows[0][1].shade > 0.8 > 0.1 > grid.rows[1][0].shade
    assert grid.rows[0][1].words == "row 1 of 2, column 2: 35 points, 25 % drawn"
    assert grid.traits == (("background", 20, (16, 24)), ("outer edge", 10, (6, 14)), ("brightness", 0, (-4, 4)))


def test_a_class_that_was_not_tried_has_no_grid_and_a_set_without_has_no_section() -> None:
    incomplete = {"transplants": [transplant(None, trait="cell", row=0, column=0)]}

    assert place_grids(incomplete, None, ("roses",)) == []
    assert "places" not in render("explanations_places.html.j2", grids=[], clean=clean)


def test_the_section_names_classes_as_they_are_and_shows_every_cell() -> None:
    grids = place_grids({"transplants": [{**entry, "class": "<b>roses"} for entry in cells(0.3)]}, None, ("<b>roses",))

    section = render("explanations_places.html.j2", grids=grids, clean=clean)

    assert "&lt;b&gt;roses" in section
    assert "<b><b>" not in section
    assert section.count('class="place"') == 4


def test_of_many_classes_those_with_the_strongest_edges_are_shown_in_order() -> None:
    labels = tuple(f"class {at}" for at in range(2 * MOST_GRIDS))
    entries = [{**entry, "class": label} for at, label in enumerate(labels) for entry in cells(0.1 + 0.01 * (at % 2))]

    grids = place_grids({"transplants": entries}, None, labels)

    assert [grid.label for grid in grids] == list(labels[1::2])
