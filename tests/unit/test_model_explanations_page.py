"""The page that explains a model: what it shows of the analyses, and what it does without some of them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from flowers_tfx.explain.page_pictures import PagePictures
from flowers_tfx.reports.dependence_charts import HEIGHT, LEFT, RIGHT, TOP, WIDTH, draw_dependence
from flowers_tfx.reports.model_explanations import MOST_RELIANCES, render_model_explanations
from tests.model_pages import LABELS, MARKED, ModelPage, model_page

ANALYSES = ("reliance", "classes", "concepts", "background", "dependence", "subgroups", "changes")


@pytest.fixture(scope="module")
def page() -> ModelPage:
    return model_page()


def html_of(page: ModelPage, **values: Any) -> str:
    return render_model_explanations({**page.values, **values}, PagePictures(page.photos, page.explanations, page.serving))


def text_of(html: str) -> str:
    body = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).replace("\N{NO-BREAK SPACE}", " ").split())


def test_what_the_model_relies_on_comes_first_with_a_photo_before_and_after(page: ModelPage) -> None:
    html = html_of(page)
    first = html[: html.index('<nav aria-label="Contents">')]
    planted = [one for one in page.values["reliance"][:MOST_RELIANCES] if one["class"] == LABELS[MARKED] and one["kind"] == "corner"]
    assert planted, page.values["reliance"]
    assert planted[0]["place"] == "in the bottom right corner"
    assert "bottom right corner" in first
    before, after = re.findall(r'class="map"><img src="(data:image/jpeg;base64,[^"]+)"', first)[:2]
    assert before != after


def test_every_class_has_a_section_and_names_cannot_break_the_page(page: ModelPage) -> None:
    html = html_of(page)
    assert [html.count(f'id="class-{number}"') for number in (1, 2, 3, 4)] == [1, 1, 1, 0]
    assert "<co>" not in html
    assert "daisy &amp; &lt;co&gt;" in html


def test_a_subgroup_stands_with_its_rule_its_figures_and_its_photos(page: ModelPage) -> None:
    (found,) = page.values["subgroups"]["subgroups"]
    html = html_of(page)
    section = html[html.index('id="subgroups"') : html.index('id="changes"')]
    text = text_of(section)
    assert f"{found['rule']} {found['inside']['wrong']} of {found['inside']['photos']} photos are wrong (" in text
    assert "1 subgroup fails more often there too. A subgroup of 25 % of the photos is found in 4 of 5 cases" in text
    assert "The chance of such a difference at random is less than 0.001" in text
    assert section.count("<img") == len(found["examples"]) == 12


def test_a_class_and_the_changes_are_told_in_sentences(page: ModelPage) -> None:
    text = text_of(html_of(page))
    assert "All 8 photos of roses are answered right." in text
    assert "Of the evidence for roses, " in text
    assert "Of 24 photos, the new model answers 24 right (100.0 %), the serving model " in text


def test_only_changes_that_were_explained_stand_beside_two_maps(page: ModelPage) -> None:
    html = html_of(page)
    section = html[html.index('id="changes"') : html.index('id="checks"')]
    listed = [row["photo"] for part in page.values["changes"]["lists"].values() for row in part["photos"]]
    explained = page.values["changes"]["to_explain"]
    assert 0 < len(explained) < len(listed)
    assert section.count("Photo: ") == len(explained)
    assert text_of(section).count("; before ") == len(listed) - len(explained)


def test_it_loads_nothing_and_is_small(page: ModelPage) -> None:
    html = html_of(page)
    assert not re.search(r'(?:src|href)=(?!"(?:data:|#))|url\(|@import|https?://|<script', html)
    assert len(html) < 2_000_000
    targets = re.findall(r'href="#([^"]+)"', html)
    assert len(targets) > 5
    assert all(html.count(f'id="{target}"') == 1 for target in targets)


def test_an_explanation_that_is_not_trustworthy_shows_no_map(page: ModelPage) -> None:
    pictures = PagePictures(page.photos, page.explanations, page.serving)
    assert pictures.heat_map(0) is not None
    assert pictures.heat_map(2) is None
    assert pictures.heat_map(20) is None
    assert "not trustworthy for this photo" in text_of(html_of(page))


@pytest.mark.parametrize("missing", [*([name] for name in ANALYSES), list(ANALYSES)], ids="+".join)
def test_without_an_analysis_its_section_is_left_out(page: ModelPage, missing: list[str]) -> None:
    values = {name: value for name, value in page.values.items() if name not in missing}
    html = render_model_explanations(values, PagePictures(page.photos, page.explanations, {}))
    targets = re.findall(r'href="#([^"]+)"', html)
    assert all(html.count(f'id="{target}"') == 1 for target in targets)
    assert {"background", "dependence", "subgroups", "changes"} & set(missing) & set(targets) == set()


def test_a_model_without_shortcuts_is_said_to_have_none(page: ModelPage) -> None:
    text = text_of(html_of(page, reliance=[]))
    assert "nothing that should not matter changes its answers" in text
    assert "What the answers depend on was not measured" in text_of(html_of(page, reliance=None))


def test_the_page_of_one_class_has_its_section_alone(page: ModelPage) -> None:
    html = html_of(page, **{"class": "roses"})
    assert html.count('id="class-') == 1
    assert "<h2>roses</h2>" in html


def test_many_classes_make_pictures_smaller_and_not_the_page_larger(page: ModelPage) -> None:
    names = (*page.photos.labels, *(f"class {number}" for number in range(97)))
    pictures = PagePictures(replace(page.photos, labels=names), {}, {})
    assert len(pictures.photo(0)) < 1_400


def test_curves_stay_in_their_box_and_mark_where_answers_flip(page: ModelPage) -> None:
    for curve in page.values["dependence"]["curves"]:
        chart = draw_dependence(curve)
        assert len(chart.marks) == len(curve["points"])
        for x, y in [*chart.line, *chart.band, *((x, y) for x, y, _ in chart.marks)]:
            assert LEFT <= x <= WIDTH - RIGHT
            assert TOP <= y <= HEIGHT
        assert sorted(chart.line) == list(chart.line)
        flipping = [side for side, flip in curve["flip"].items() if flip["share"] >= 0.05]
        assert [side for _, side in chart.flips] == flipping
        assert len(chart.ticks) >= 2


def test_a_curve_of_one_value_has_a_chart() -> None:
    point = {"value": 3.0, "accuracy": 0.5, "accuracy_interval": None, "accuracy_change": 0.0, "flipped": 0.0}
    chart = draw_dependence({"title": "noise", "unit": "", "usual": [], "points": [point], "flip": {}})
    assert chart.line == ((LEFT, chart.before),)


def test_a_concept_that_looks_like_a_shortcut_stands_before_the_contents(page: ModelPage) -> None:
    (concept, *others) = page.values["concepts"][LABELS[MARKED]]
    marked = {**concept, "suspicious": "Mostly in the bottom right corner, in 90 % of the class's photos."}
    none = {label: [{**one, "suspicious": None} for one in rows] for label, rows in page.values["concepts"].items()}
    html = html_of(page, concepts={**none, LABELS[MARKED]: [marked, *({**one, "suspicious": None} for one in others)]})
    first = html[: html.index('<nav aria-label="Contents">')]
    assert "Mostly in the bottom right corner, in 90 % of the class's photos." in text_of(first).replace("&#39;", "'")
    assert "may be shortcuts" not in html_of(page, concepts=none)
