"""A review with a finding of each sort, its tables and its page, for the tests of the reports."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd

from flowers_tfx.review.galleries import photos_on_page
from flowers_tfx.review.report import Context, render_html
from flowers_tfx.validation import Finding, Review
from flowers_tfx.validation.review import Example

NAN = math.nan
EVIL = "<script>alert('x')</script>\"&"


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
    commands=("flowers review accept 4 property:mean_luma",),
    spans=(4,),
)
THUMBNAILS = {digest: b"\xff\xd8" + digest.encode() for digest in photos_on_page(REVIEW, BASELINE, NEW)}
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
        commands=(EVIL,),
    )
    return review, context
