import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from flowers_tfx.parity_certificate import PAIRS, Certificate, Difference, Int8Accuracy, PhotoCount
from flowers_tfx.reports.evaluation import (
    BaselineScore,
    CalibrationBin,
    ClassScore,
    Evaluation,
    Slice,
    render_html,
    to_json,
)
from flowers_tfx.wilson import wilson_interval

NAN = math.nan
EVALUATION = Evaluation(
    model_version="7",
    run_id="run-1",
    created="2026-06-14T09:42:55+00:00",
    blessed=True,
    reasons=("Accuracy 80.0 % is above the floor of 60.0 %.",),
    split="test",
    examples=40,
    accuracy=0.8,
    classes=(ClassScore("roses", 0.8, 0.8, 0.91, 20), ClassScore("tulips", 0.8, 0.8, 0.9, 20)),
    confusion=((16, 4), (4, 16)),
    calibration_error=0.05,
    calibration=(CalibrationBin(NAN, NAN, 0), CalibrationBin(0.7, 0.6, 30), CalibrationBin(0.95, 0.83, 10)),
    slices=(
        Slice("light", "dark", 40, 0.4),
        Slice("light", "bright", 4, 0.75),
        Slice("size", "small", 0, None),
    ),
    min_accuracy=0.6,
    max_drop=0.02,
    baseline=BaselineScore("6", 0.81),
)
PARITY = Certificate(
    photos={"test": PhotoCount(30, 40), "difficult": PhotoCount(53, 53)},
    pixels=Difference(0),
    probability=dict(zip(PAIRS, (Difference(0.0031, "a.jpg"), Difference(2.4e-7, "b.jpg"), Difference()), strict=True)),
    ties=0,
    digests={"saved_model": "d"},
    versions={"tensorflow": "2"},
    int8=Int8Accuracy(30, 24, 27, 26, Difference(0.21, "c.jpg"), 610_000, 2_300_000),
)
EMPTY = Evaluation(
    model_version="1",
    run_id="r",
    created="now",
    blessed=False,
    reasons=(),
    split="test",
    examples=0,
    accuracy=NAN,
    classes=(ClassScore("roses", NAN, None, NAN, 0),),
    confusion=((0,),),
    calibration_error=NAN,
    slices=(Slice("light", "dark", 0, NAN),),
    no_baseline="this is the first run",
)


class Page(HTMLParser):
    """Visible words, tags that were left open, and everything that would be loaded."""

    VOID = ("meta", "br", "hr", "img", "link", "input")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []
        self.loaded: list[str] = []
        self.feed(html)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loaded += [str(value) for name, value in attrs if name in ("src", "href", "srcset", "data")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)


def test_wilson_agrees_with_the_published_example() -> None:
    # Newcombe (1998), table I: 81 of 263.
    low, high = wilson_interval(81 / 263, 263) or (0, 0)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


@pytest.mark.parametrize(("share", "count"), [(0.0, 5), (1.0, 5), (0.5, 1)])
def test_an_interval_holds_the_share_and_stays_within_0_and_1(share: float, count: int) -> None:
    low, high = wilson_interval(share, count) or (1, 0)
    assert 0 <= low <= share <= high <= 1
    assert high - low > 0.3


@pytest.mark.parametrize(("share", "count"), [(None, 5), (NAN, 5), (0.5, 0)])
def test_there_is_no_interval_of_nothing(share: float | None, count: int) -> None:
    assert wilson_interval(share, count) is None


def test_the_verdict_comes_first_in_words() -> None:
    text = Page(render_html(EVALUATION)).text
    assert text.index("Blessed: this model may serve") < text.index("Accuracy 80.0 % is above the floor") < text.index("95 % interval")
    refused = Page(render_html(replace(EVALUATION, blessed=False))).text
    assert "Not blessed: this model must not serve" in refused


def test_the_numbers_are_there() -> None:
    text = Page(render_html(EVALUATION)).text
    for words in (
        "80.0 %",
        "65.2 % to 89.5 %",
        "\N{MINUS SIGN}1.0 points",
        "version 6 has 81.0 %",
        "4 of 20 photos of “roses” were taken for “tulips”",
    ):
        assert words in text, words
    assert text.count("met") >= 2
    assert "missed" not in text


@pytest.mark.parametrize(("min_accuracy", "max_drop"), [(0.85, 0.02), (0.6, 0.005)])
def test_a_missed_condition_is_named(min_accuracy: float, max_drop: float) -> None:
    page = Page(render_html(replace(EVALUATION, blessed=False, min_accuracy=min_accuracy, max_drop=max_drop)))
    assert page.words.count("missed") == 1


def test_only_a_part_whose_whole_interval_is_lower_is_called_weaker() -> None:
    page = Page(render_html(EVALUATION))
    assert page.words.count("weaker") == 1


def test_the_page_is_well_formed_and_loads_nothing() -> None:
    for evaluation in (EVALUATION, EMPTY, replace(EVALUATION, parity=PARITY)):
        html = render_html(evaluation)
        page = Page(html)
        assert page.open == []
        assert page.loaded == []
        assert "<script" not in html
        assert not re.search(r"url\(|@import|https?://", html)


def test_names_from_outside_are_escaped_everywhere() -> None:
    evil = "<script>alert('x')</script>\"&"
    html = render_html(
        replace(
            EVALUATION,
            model_version=evil,
            run_id=evil,
            created=evil,
            reasons=(evil,),
            split=evil,
            classes=(ClassScore(evil, 0.8, 0.8, 0.9, 0), ClassScore("tulips", 0.8, 0.8, 0.9, 20)),
            slices=(Slice(evil, evil, 3, 0.5),),
            baseline=BaselineScore(evil, 0.5),
            parity=replace(
                PARITY,
                photos={**PARITY.photos, evil: PARITY.photos["test"]},
                pixels=Difference(1, evil),
                probability=dict.fromkeys(PAIRS, Difference(0.1, evil)),
            ),
        )
    )
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 10
    assert evil in Page(html).text


def test_what_is_not_measurable_is_a_dash_and_never_nan() -> None:
    page = Page(render_html(EMPTY))
    assert "nan" not in re.split(r"\W+", render_html(EMPTY).lower())
    assert "None" not in page.text
    assert "this is the first run" in page.text
    assert "The split holds no photo of “roses”" in page.text


def test_a_class_that_is_missing_in_the_split_is_reported() -> None:
    classes = (*EVALUATION.classes, ClassScore("daisy", None, None, NAN, 0))
    evaluation = replace(EVALUATION, classes=classes, confusion=((16, 4, 0), (3, 16, 1), (0, 0, 0)))
    text = Page(render_html(evaluation)).text
    assert "The split holds no photo of “daisy”" in text
    assert "1 of 20 photos of “tulips” was taken for “daisy”" in text


def test_overconfidence_is_weighted_by_photos() -> None:
    assert EVALUATION.overconfidence == pytest.approx((0.1 * 30 + 0.12 * 10) / 40)
    assert "it promises too much: +10.5 points" in Page(render_html(EVALUATION)).text
    assert EMPTY.overconfidence is None


def test_json_is_strict_and_complete() -> None:
    plain = json.loads(json.dumps(to_json(EVALUATION), allow_nan=False))
    assert plain["accuracy"] == 0.8
    assert plain["confusion"] == [[16, 4], [4, 16]]
    assert plain["interval"] == pytest.approx(wilson_interval(0.8, 40))
    assert plain["change"] == pytest.approx(-0.01)
    assert plain["calibration"][0] == {"predicted": None, "observed": None, "count": 0}
    assert plain["slices"][2] == {"feature": "size", "value": "small", "examples": 0, "accuracy": None, "interval": None}
    nothing = json.loads(json.dumps(to_json(EMPTY), allow_nan=False))
    assert (nothing["accuracy"], nothing["baseline"], nothing["interval"]) == (None, None, None)


def test_parity_is_shown_with_the_photos_that_differ_most() -> None:
    text = Page(render_html(replace(EVALUATION, parity=PARITY))).text
    assert "30 of the 40 photos of the split and 53 difficult pictures" in text
    assert "the SavedModel, LiteRT on TensorFlow's pictures 0.0031 a.jpg" in text
    assert "the SavedModel, LiteRT without TensorFlow 2.4e-07 b.jpg" in text
    assert "without TensorFlow 0 none differs" in text
    assert "are the same in every pixel" in text
    blurred = replace(PARITY, pixels=Difference(2, "d.jpg"), ties=1)
    text = Page(render_html(replace(EVALUATION, parity=blurred))).text
    assert "differ by at most 2 of 255 in a pixel (d.jpg)" in text
    assert "but for 1 photo whose two best classes are equally probable" in text
    assert "answer the same" not in Page(render_html(EVALUATION)).text


def test_int8_stands_beside_float32_with_both_intervals() -> None:
    text = Page(render_html(replace(EVALUATION, parity=PARITY))).text
    low, high = wilson_interval(24 / 30, 30) or (0, 0)
    assert f"int8 0.61 MB 24 80.0 % {100 * low:.1f} % to {100 * high:.1f} %" in text.replace("\N{NO-BREAK SPACE}", " ")
    assert "float32 2.30 MB 27 90.0 %" in text.replace("\N{NO-BREAK SPACE}", " ")
    assert "Both name the same class for 86.7 % of these photos" in text.replace("\N{NO-BREAK SPACE}", " ")
    assert "int8" not in Page(render_html(replace(EVALUATION, parity=replace(PARITY, int8=None)))).text
    plain = json.loads(json.dumps(to_json(replace(EVALUATION, parity=PARITY)), allow_nan=False))
    assert plain["parity"] == json.loads(json.dumps(PARITY.as_json()))
    assert plain["parity"]["int8"]["interval"] == pytest.approx([low, high])
    assert to_json(EVALUATION)["parity"] is None
    nothing = replace(PARITY, int8=Int8Accuracy(0, 0, 0, 0, Difference(), 1, 1), photos={**PARITY.photos, "test": PhotoCount(0, 0)})
    assert "None" not in Page(render_html(replace(EVALUATION, parity=nothing))).text


def test_a_matrix_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="2 by 2"):
        replace(EVALUATION, confusion=((1, 2, 3), (4, 5, 6)))


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_meets_wcag_aa_in_light_dark_and_print() -> None:
    themes = re.findall(r":root \{(.*?)\}", render_html(EVALUATION), flags=re.DOTALL)
    assert len(themes) == 3
    for theme in themes:
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", theme))
        everywhere = ("ground", "surface", "good-ground", "bad-ground")
        pairs = [(front, back) for front in ("text", "soft") for back in everywhere]
        pairs += [("good", "surface"), ("good", "good-ground"), ("bad", "surface"), ("bad", "bad-ground"), ("accent", "surface")]
        for front, back in pairs:
            dark, light = sorted((_luminance(colours[front]), _luminance(colours[back])))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (front, back)
