import base64
import io
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from flowers_tfx import features
from flowers_tfx.data.pictures import BadPicture
from flowers_tfx.reports.words import chance, clean
from flowers_tfx.review.galleries import photos_on_page
from flowers_tfx.review.report import Context, render_html
from flowers_tfx.review.report_markdown import render_markdown
from flowers_tfx.review.thumbnails import thumbnail
from flowers_tfx.validation import Finding, Review
from flowers_tfx.validation.review import Example
from tests.conftest import small_photo

NAN = math.nan
EVIL = "<script>alert('x')</script>\"&"
SECTIONS = (
    "Decisions",
    "How to go on",
    "Findings",
    "Photos behind the findings",
    "All properties",
    "Labels",
    "Lines that gave no photo",
    "Schema",
    "Over the last reviews",
    "Further comparisons",
    "Words used here",
)


def table(name: str, luma: list[float], labels: list[str] | None = None) -> pd.DataFrame:
    rows = range(len(luma))
    return pd.DataFrame(
        {
            "uri": [f"{name}/{row}.jpg" for row in rows],
            "digest": [f"{name}-{row:03d}" for row in rows],
            "label": labels or ["roses" if row % 2 else "tulips" for row in rows],
            "mean_luma": luma,
            "format": ["JPEG"] * len(luma),
        }
    )


def examples(*digests: str, value: float | str | None = None) -> tuple[Example, ...]:
    return tuple(Example(f"photos/{digest}.jpg", digest, "roses", value) for digest in digests)


BASELINE = table("old", [50.0 + row for row in range(40)])
NEW = table("new", [120.0 + row for row in range(40)], ["roses"] * 30 + ["daisy"] * 10)
LUMA = Finding(
    "property:mean_luma",
    "error",
    "property",
    "mean_luma",
    "mean_luma: the median went from 69.5 to 139.",
    9.0,
    0.0005,
    97.5,
    "points",
    25.0,
    examples("new-039", "new-038", value=159.0),
)
TWINS = Finding(
    "duplicate:exact:inside",
    "note",
    "duplicate",
    "exact:inside",
    "1 of 40 photos are exact copies of others in the same delivery.",
    1.0,
    None,
    2.5,
    "points",
    2.0,
    examples("new-001", "new-000"),
)
CONSISTENCY = Finding(
    "label:consistency",
    "warn",
    "label",
    "label consistency",
    "Labels contradict the pictures.",
    4.0,
    0.004,
    6.25,
    "points",
    5.0,
    examples("new-007"),
)
SCORES = {
    "mean_luma": {"kolmogorov_smirnov": 0.975, "jensen_shannon_divergence": 0.876, "baseline_median": 69.5, "new_median": 139.5},
    "format": {"l_infinity_norm": 0.0, "total_variation": 0.0},
    "label": {"l_infinity_norm": 0.25, "total_variation": 0.375},
}
REVIEW = Review(
    (TWINS, CONSISTENCY, LUMA),
    SCORES,
    {"kind": "serving", "version": "7", "digest": "0123456789abcdef", "photos": 40},
    {"spans": [3, 4], "digest": "fedcba9876543210", "photos": 40},
    (
        {
            "action": "accept",
            "span": 3,
            "digest": "aa",
            "findings": ["sparse:noise"],
            "reason": "a new camera",
            "by": "Ana",
            "when": "today",
        },
    ),
    "d1gest",
)
QUIET = replace(REVIEW, findings=(), decisions=())
CONTEXT = Context(
    title="span-4",
    run_id="run-1",
    created="2026-06-14T09:42:55+00:00",
    model_version="7",
    code_version="1.2.3",
    rejects={"empty file": 2, "GIF is not supported": 5},
    reject_examples=({"uri": "x.gif", "label": None, "line": 17, "reason": "GIF is not supported"},),
    schema_differences=("mean_luma has values above 200.",),
    history=(
        {"name": "span-1", "verdict": "pass", "scores": {"mean_luma": {"kolmogorov_smirnov": 0.02}}},
        {"name": "span-2", "verdict": "warn", "scores": {}},
    ),
    comparisons=(("span-4 against span-3", QUIET),),
    how_to_go_on=("flowers review accept 4 property:mean_luma",),
)
THUMBNAILS = {digest: b"\xff\xd8" + digest.encode() for digest in photos_on_page(REVIEW, BASELINE)}
EMPTY = Review((), {}, {}, {})
ALONE = replace(REVIEW, findings=(TWINS,), scores={}, compared_with={"kind": "none", "version": None, "digest": None, "photos": 0})


class Page(HTMLParser):
    """Visible words, tags that were left open, attributes by tag."""

    VOID = ("meta", "br", "hr", "img", "link", "input")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page(review: Review = REVIEW, context: Context = CONTEXT, old: pd.DataFrame = BASELINE, new: pd.DataFrame = NEW) -> Page:
    return Page(render_html(review, old, new, THUMBNAILS, context))


def photo(size: tuple[int, int], kind: str = "JPEG", **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("size", [(640, 480), (1, 3000), (3000, 1), (7, 5)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_thumbnail_is_small_whatever_the_photo_is(size: tuple[int, int], kind: str) -> None:
    data = thumbnail(photo(size, kind))
    with Image.open(io.BytesIO(data)) as small:
        assert small.format == "JPEG"
        assert max(small.size) <= 128
    assert len(data) <= 4096


def test_a_thumbnail_stands_upright_and_carries_nothing_else() -> None:
    exif = Image.Exif()
    exif[274] = 6
    data = thumbnail(photo((200, 100), exif=exif, comment=b"a secret"))
    with Image.open(io.BytesIO(data)) as small:
        assert small.size[0] < small.size[1]
    assert b"secret" not in data
    assert b"Exif" not in data


@pytest.mark.parametrize("data", [b"", b"GIF89a", small_photo(1)[:300]])
def test_what_is_no_photo_has_no_thumbnail(data: bytes) -> None:
    with pytest.raises(BadPicture):
        thumbnail(data)


def test_wanted_are_the_examples_and_photos_near_the_median_the_most_severe_first() -> None:
    wanted = photos_on_page(REVIEW, BASELINE)
    assert wanted[:4] == ["new-039", "new-038", "old-019", "old-020"]
    assert {"new-007", "new-001", "new-000"} < set(wanted)
    assert len(wanted) == len(set(wanted))
    assert photos_on_page(REVIEW, BASELINE, limit=3) == wanted[:3]


def test_the_choice_does_not_depend_on_the_order_of_the_rows() -> None:
    assert photos_on_page(REVIEW, BASELINE.iloc[::-1]) == photos_on_page(REVIEW, BASELINE)


def test_typical_photos_of_a_category_have_its_most_common_value() -> None:
    old = BASELINE.assign(format=["PNG"] + ["JPEG"] * 39)
    found = replace(LUMA, id="property:format", feature="format", examples=examples("new-001", value="PNG"))
    wanted = photos_on_page(replace(REVIEW, findings=(found,)), old)
    assert len(wanted) == 9
    assert "old-000" not in wanted
    assert "with the most common value, JPEG" in page(replace(REVIEW, findings=(found,)), old=old).text


@pytest.mark.parametrize(
    ("findings", "headline"),
    [
        ((), "Pass: the new photos are like the baseline"),
        ((TWINS,), "Pass: the new photos are like the baseline"),
        ((replace(LUMA, accepted=True),), "Pass: reviewers accepted what was found"),
        ((CONSISTENCY,), "Warn: worth a look, nothing stops"),
        ((CONSISTENCY, LUMA), "Blocked: a reviewer must decide"),
    ],
)
def test_the_verdict_comes_first(findings: tuple[Finding, ...], headline: str) -> None:
    said = page(replace(REVIEW, findings=findings))
    assert said.text.index(headline, said.text.index(headline) + 1) < said.text.index("Compared with")
    assert ("How to go on" in said.text) == headline.startswith("Blocked")
    assert headline in render_markdown(replace(REVIEW, findings=findings), CONTEXT)


def test_without_a_baseline_nothing_is_said_about_one() -> None:
    said = page(ALONE, old=NEW)
    assert "Pass: nothing found, nothing there to compare with" in said.text
    assert "No property was compared" in said.text
    assert "nothing to compare with 0 photos, data \N{EN DASH}" in said.text
    assert "daisy \N{EN DASH} 25.0 % \N{EN DASH}" in said.text
    assert "no drift" not in said.text
    assert "properties drifted" not in render_markdown(ALONE, CONTEXT)


def test_everything_stands_in_its_order() -> None:
    assert tuple(word for word in page().words if word in SECTIONS) == SECTIONS


def test_the_numbers_are_the_reviews() -> None:
    text = page().text
    for words in (
        "1 of 2 properties drifted",
        "the data of the serving model, version 7 40 photos, data 0123456789ab",
        "spans 3, 4 40 photos, data fedcba987654",
        "run run-1",
        "code 1.2.3",
        "Ana accepted sparse:noise of span 3 (data aa): a new camera",
        "effect 97.5 points",
        "threshold 25.0 points",
        "would happen by chance in fewer than 1 of 1000 reviews",
        "would happen by chance in about 4 of 1000 reviews",
        "counted, no test needed",
        "nearest the median, 69.5",
        "97.5 25.0 69.5 \N{RIGHTWARDS ARROW} 140",
        "0.876",
        "GIF is not supported 5 empty file 2",
        "mean_luma has values above 200.",
        "Review d1gest. Same inputs, same review.",
    ):
        assert words in text, words


def test_findings_and_properties_come_by_severity() -> None:
    text = page().text
    assert text.index(LUMA.message) < text.index(CONSISTENCY.message) < text.index(TWINS.message)
    rows = text[text.index(" All properties ") :]
    assert rows.index("mean_luma") < rows.index("file format")


def test_accepted_findings_and_rejected_photos_are_marked() -> None:
    accepted = replace(REVIEW, findings=(replace(LUMA, accepted=True),))
    assert page(accepted).words.count("accepted") == 2  # beside the finding and in the table
    rejected = replace(REVIEW, decisions=({"action": "reject", "span": 4, "reason": "wrong folder", "by": "Ben"},))
    assert "A reviewer rejected these photos: wrong folder" in page(rejected).text


def test_class_shares_of_both_sides() -> None:
    text = page().text
    assert "tulips 50.0 % 0.0 % \N{MINUS SIGN}50.0 points" in text
    assert "daisy 0.0 % 25.0 % +25.0 points" in text


def test_every_photo_is_there_once_per_place_beside_typical_ones() -> None:
    pictures = [str(image["src"]) for image in page().all("img")]
    assert all(picture.startswith("data:image/jpeg;base64,") for picture in pictures)
    found = [base64.b64decode(picture.split(",")[1])[2:].decode() for picture in pictures]
    assert found[:2] == ["new-039", "new-038"]
    assert len(found) == 2 + 8 + 1 + 8 + 2  # luma, consistency, twins
    assert found[-2:] == ["new-001", "new-000"]


def test_without_thumbnails_the_names_are_shown() -> None:
    html = render_html(REVIEW, BASELINE, NEW, {}, CONTEXT)
    assert "<img" not in html
    assert "new-039.jpg" in Page(html).text


def test_the_trend_has_every_review_and_leaves_gaps() -> None:
    html = render_html(REVIEW, BASELINE, NEW, {}, CONTEXT)
    assert 'aria-label="span-1 2, span-2 \N{EN DASH}, this review 97.5"' in html
    assert "span-1 pass , span-2 warn , this one blocked" in Page(html).text
    assert "there is no trend yet" in page(context=replace(CONTEXT, history=())).text


def test_the_page_is_well_formed_and_loads_nothing() -> None:
    for review, context in ((REVIEW, CONTEXT), (REVIEW, Context()), (EMPTY, Context())):
        html = render_html(review, BASELINE, NEW, THUMBNAILS, context)
        said = Page(html)
        assert said.open == []
        assert "default-src 'none'" in html
        assert "<script" not in html
        assert not re.search(r"url\(|@import|https?://", html)
        assert all(str(link["href"]).startswith("#") for link in said.all("a"))
        ids = [str(attributes["id"]) for _, attributes in said.tags if "id" in attributes]
        assert {str(link["href"])[1:] for link in said.all("a")} == set(ids)
        assert len(ids) == len(set(ids))


def test_what_scrolls_can_be_reached_by_keyboard_and_pictures_have_words() -> None:
    said = page()
    scrolling = [attributes for _, attributes in said.tags if attributes.get("class") == "scroll"]
    assert len(scrolling) >= 4
    assert all(attributes["tabindex"] == "0" and attributes["aria-label"] for attributes in scrolling)
    assert all(image["alt"] for image in said.all("img"))
    assert all(drawing["aria-label"] for drawing in said.all("svg"))
    assert len(said.all("table")) == len(scrolling)


def evil_review() -> tuple[Review, Context]:
    finding = replace(
        LUMA,
        id=EVIL,
        feature=EVIL,
        message=EVIL,
        unit=EVIL,
        examples=(Example(EVIL, "new-001", EVIL, EVIL), Example(EVIL, "none", EVIL, EVIL)),
    )
    review = Review(
        (finding, replace(finding, kind="conflict")),
        {EVIL: {"kolmogorov_smirnov": 0.1}},
        {"kind": "span", "name": EVIL, "digest": EVIL, "photos": 3},
        {"spans": [{"span": EVIL}], "digest": EVIL, "photos": 3},
        (dict.fromkeys(("action", "span", "digest", "reason", "by", "when"), EVIL) | {"findings": [EVIL]},),
        EVIL,
    )
    context = Context(
        *(EVIL,) * 5,
        rejects={EVIL: 3},
        reject_examples=(dict.fromkeys(("uri", "label", "line", "reason"), EVIL),),
        schema_differences=(EVIL,),
        history=({"name": EVIL, "verdict": EVIL, "scores": {EVIL: {"kolmogorov_smirnov": 0.3}}},),
        comparisons=((EVIL, review),),
        how_to_go_on=(EVIL,),
    )
    return review, context


def test_words_from_outside_are_escaped_everywhere() -> None:
    review, context = evil_review()
    frame = BASELINE.assign(label=EVIL, format=EVIL, uri=EVIL)
    html = render_html(review, frame, frame, THUMBNAILS, context)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 30
    said = Page(html)
    assert said.open == []
    assert not [name for _, attributes in said.tags for name in attributes if name.startswith("on")]
    assert "<script" not in render_markdown(review, replace(context, how_to_go_on=()))


def test_what_would_spoil_the_text_is_replaced() -> None:
    assert clean("a\x00b\ud800c\u202ed\ne") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c\N{REPLACEMENT CHARACTER}d e"
    assert clean("x" * 10, 5) == "xxxx\N{HORIZONTAL ELLIPSIS}"
    odd = replace(LUMA, message="\ud800\x00", examples=(Example("\ud800", "\ud800", "\ud800", "\ud800"),))
    frame = BASELINE.assign(uri="\ud800", label="\ud800")
    html = render_html(replace(REVIEW, findings=(odd,)), frame, frame, {}, Context(title="\ud800"))
    assert html.encode("utf-8")


def test_what_is_not_known_is_a_dash_and_never_nan() -> None:
    finding = replace(LUMA, statistic=NAN, p_value=NAN, effect=NAN, threshold=NAN, examples=examples("new-001", value=NAN))
    scores = {name: {"kolmogorov_smirnov": NAN, "baseline_median": None, "new_median": NAN} for name in features.PROPERTY_NAMES}
    frame = BASELINE.assign(mean_luma=NAN, noise=[None] * 40, label=None, format=None)
    review = replace(REVIEW, findings=(finding,), scores=scores)
    for old, new in ((frame, frame), (frame, NEW), (BASELINE, frame.iloc[:0])):
        html = render_html(review, old, new, {}, CONTEXT)
        assert "nan" not in re.split(r"\W+", html.lower())
        assert "None" not in re.split(r"\W+", Page(html).text.replace("None is known", ""))


@pytest.mark.parametrize("frame", [pd.DataFrame(), BASELINE.iloc[:0], BASELINE[["uri"]], BASELINE.drop(columns=["uri", "digest"])])
def test_tables_without_rows_or_columns_are_shown_as_far_as_they_go(frame: pd.DataFrame) -> None:
    for old, new in ((frame, NEW), (BASELINE, frame), (frame, frame)):
        assert photos_on_page(REVIEW, old)
        assert Page(render_html(REVIEW, old, new, THUMBNAILS, Context())).open == []
    assert "no drift" not in page(EMPTY, Context(), frame, frame).text


def test_values_of_the_wrong_kind_are_left_out_of_the_drawings() -> None:
    frame = BASELINE.assign(mean_luma=["dark"] * 20 + [50.0] * 20, noise=np.inf, label=[["a", "list"]] * 40)
    assert Page(render_html(REVIEW, frame, frame, {}, Context())).open == []


@pytest.mark.parametrize(("thumbnail_bytes", "pictures"), [(4_096, 400), (9_000, 191)])
def test_the_page_stays_below_5_mb_whatever_it_is_about(thumbnail_bytes: int, pictures: int) -> None:
    long = "\N{GRINNING FACE}<&\"'" * 5_000
    many = [f"{number:06d}" for number in range(3_200)]
    findings = tuple(
        replace(
            LUMA, id=f"{number}{long}", feature=long, message=long, examples=tuple(Example(long, digest, long, long) for digest in part)
        )
        for number, part in enumerate(many[at : at + 16] for at in range(0, len(many), 16))
    )
    labels = [f"{number}{long[:300]}" for number in range(400)]
    frame = table("x", [float(row) for row in range(400)], labels)
    scores = {name: {"kolmogorov_smirnov": 0.5, "jensen_shannon_divergence": 0.5} for name in (*features.PROPERTY_NAMES, "label")}
    decision = {"action": "accept", "span": long, "digest": long, "findings": [long] * 50, "reason": long, "by": long, "when": long}
    review = Review(findings, scores, {"kind": long, "digest": long}, {"spans": [long] * 50, "digest": long}, (decision,) * 100, long)
    context = Context(
        *(long,) * 5,
        {f"{number}{long}": 1 for number in range(200)},
        (dict.fromkeys(("uri", "label", "line", "reason"), long),) * 200,
        (long,) * 200,
        ({"name": long, "verdict": long, "scores": scores},) * 100,
        ((long, review),) * 20,
        (long,) * 100,
    )
    html = render_html(review, frame, frame, dict.fromkeys(many, b"\xff" * thumbnail_bytes), context)
    assert len(html.encode()) < 5_000_000
    assert html.count("<img") == pictures
    assert len(render_markdown(review, context)) < 65_536


@pytest.mark.parametrize(
    ("p_value", "words"),
    [
        (None, "counted, no test needed"),
        (NAN, "\N{EN DASH}"),
        (0.0, "fewer than 1 of 1000 reviews"),
        (0.001, "about 1 of 1000 reviews"),
        (0.0301, "about 31 of 1000 reviews"),
        (0.25, "about 25 of 100 reviews"),
        (1.0, "about 100 of 100 reviews"),
    ],
)
def test_chance_in_words(p_value: float | None, words: str) -> None:
    assert chance(p_value).endswith(words)


def test_markdown_has_the_verdict_the_findings_and_what_to_do() -> None:
    text = render_markdown(REVIEW, CONTEXT)
    assert text.startswith("## Blocked: a reviewer must decide\n")
    assert "1 of 2 properties drifted: spans 3, 4 (40 photos) against the data of the serving model, version 7 (40 photos)." in text
    assert "| error | mean\\_luma: the median went from 69.5 to 139. | 97.5 points | 25.0 points | would happen" in text
    assert "```sh\nflowers review accept 4 property:mean_luma\n```" in text
    assert "What to do" not in render_markdown(QUIET, CONTEXT)
    assert "| level |" not in render_markdown(QUIET, CONTEXT)


def test_words_from_outside_are_no_markup_in_markdown() -> None:
    evil = "a|b\n# c [d](https://x.y) @team `e` <img src=x> ![f](www.g.h) ```"
    review = replace(REVIEW, findings=(replace(LUMA, message=evil),))
    text = render_markdown(review, replace(CONTEXT, how_to_go_on=(evil,)))
    row = next(line for line in text.splitlines() if line.startswith("| error"))
    assert len(re.findall(r"(?<!\\)\|", row)) == 6
    assert not re.search(r"https?://|<img|@team|www\.|(?<!\\)\]\(|(?<!\\)`", row)
    assert "````sh\n" in text


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_meets_wcag_aa_in_light_dark_and_print() -> None:
    themes = re.findall(r":root \{(.*?)\}", render_html(REVIEW, BASELINE, NEW, {}, CONTEXT), flags=re.DOTALL)
    assert len(themes) == 3
    for theme in themes:
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", theme))
        pairs = [(front, back) for front in ("text", "soft") for back in ("ground", "surface")]
        pairs += [("text", f"{name}-ground") for name in ("good", "warn", "bad")]
        pairs += [(name, f"{name}-ground") for name in ("good", "warn", "bad")] + [("accent", "surface")]
        for front, back in pairs:
            dark, light = sorted((_luminance(colours[front]), _luminance(colours[back])))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (front, back)
