"""The pictures of the README follow from the program."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from scripts import pictures


@pytest.fixture(scope="module")
def upstream() -> dict[str, set[str]]:
    return pictures.compile_dag()


def test_the_picture_of_the_dag_is_that_of_the_pipeline(upstream: dict[str, set[str]]) -> None:
    svg = (pictures.PICTURES / "dag.svg").read_text(encoding="utf-8")
    names = {group.get("id") for group in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}g")}
    assert names == set(upstream)
    assert svg == pictures.dag_svg(upstream), "run python scripts/pictures.py"


def test_each_node_has_a_place_of_its_own() -> None:
    assert len({place[:2] for place in pictures.PLACES.values()}) == len(pictures.PLACES)
    with pytest.raises(ValueError, match="NewNode"):
        pictures.dag_svg({"NewNode": set()})


def test_edges_that_follow_from_others_are_left_out() -> None:
    assert pictures.direct_edges({"a": set(), "b": {"a"}, "c": {"a", "b"}, "d": {"a"}}) == [("a", "b"), ("a", "d"), ("b", "c")]
