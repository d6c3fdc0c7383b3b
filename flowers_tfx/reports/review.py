"""The review of new photos as one HTML page for reviewers, and as Markdown for a pull request.

Numbers of findings and scores come from the review as they are; what is drawn besides (histograms, class shares) comes from both tables.
Whatever comes from outside (labels, URIs, reasons) is cleaned and clipped, so that neither its content nor its amount spoils the page.
"""

from __future__ import annotations

import base64
import hashlib
import io
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from flowers_tfx import features
from flowers_tfx.data.pictures import decode, open_picture
from flowers_tfx.reports.rendering import NONE, count, known, render
from flowers_tfx.validation.findings import ALL_PROPERTIES
from flowers_tfx.validation.review import LEVELS, Example, Finding, Level, Review
from flowers_tfx.validation.table import CATEGORIES, EMBEDDING, UNTESTED
from flowers_tfx.validation.views import OUTLYING

MAX_THUMBNAILS = 400
# All thumbnails together, as they stand in the page, in base64: room for MAX_THUMBNAILS of THUMBNAIL_BYTES.
MAX_THUMBNAIL_CHARS = 2_300_000
THUMBNAIL_BYTES = 4_096
_MAX_PIXELS = 50_000_000
_TYPICAL = 8
_BINS = 24
_FEW_VALUES = 12
# Amounts shown; the page says how many more there are.
_MOST = {"findings": 100, "galleries": 30, "classes": 50, "decisions": 50, "history": 24, "comparisons": 6, "lines": 50}
_MOST_MARKED = 20  # GitHub takes 65,536 characters as a comment
_PLOT = (120, 30)
_PROPERTIES = {prop.name: prop for prop in features.PROPERTIES}
_MOVED: Mapping[str, float] = {"kolmogorov_smirnov": 100.0, "total_variation": 100.0, "separation_points": 1.0}
_TFDV: Mapping[str, float] = {"jensen_shannon_divergence": 1.0, "l_infinity_norm": 1.0}

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Context:
    """Where the review comes from. `created` in ISO 8601; `rejects`: reason to lines; `reject_examples`: {uri, label, line, reason};
    `history`: earlier reviews, oldest first, as {name, verdict, scores}; `comparisons`: further ones, each with what it is compared with;
    `how_to_go_on`: commands that accept or reject, shown when blocked."""

    title: str = ""
    run_id: str = ""
    created: str = ""
    model_version: str = ""
    code_version: str = ""
    rejects: Mapping[str, int] = field(default_factory=dict)
    reject_examples: Sequence[Mapping[str, Any]] = ()
    schema_differences: Sequence[str] = ()
    history: Sequence[Mapping[str, Any]] = ()
    comparisons: Sequence[tuple[str, Review]] = ()
    how_to_go_on: Sequence[str] = ()


@dataclass(frozen=True)
class Photo:
    """An example at its place. `picture`: base64 of a JPEG, empty where there is none."""

    name: str
    uri: str
    label: str
    value: str
    picture: str


@dataclass(frozen=True)
class Gallery:
    """Photos of a finding: beside typical ones (`typical`, chosen as `how` says), or `paired` as photo, partner, photo, partner."""

    number: int
    finding: Finding
    new: tuple[Any, ...]
    typical: tuple[Any, ...] = ()
    how: str = ""
    paired: bool = False


@dataclass(frozen=True)
class Histogram:
    """Paths in a box of `_PLOT`, and what stands below them: both ends, or, with `each`, every bar's value."""

    old: str
    new: str
    below: tuple[str, ...]
    each: bool = False


@dataclass(frozen=True)
class Row:
    """A property of the table: `moved` in points, `level` of its worst finding or empty, `result` in words."""

    name: str
    meaning: str
    unit: str
    moved: float | None
    tfdv: float | None
    threshold: float | None
    medians: tuple[float | None, float | None]
    level: str
    accepted: bool
    result: str
    histogram: Histogram | None


@dataclass(frozen=True)
class Trend:
    """A score over the reviews: lines and the limit in a box of `_PLOT`, the last dot, and all of it in words."""

    lines: tuple[str, ...]
    limit: float | None
    dot: tuple[float, float] | None
    newest: float | None
    words: str


# --- photos


def thumbnail(data: bytes, side: int = 128) -> bytes:
    """A JPEG of at most `THUMBNAIL_BYTES`, upright, its longer side at most `side` px. BadPicture when it can't be decoded."""
    image = decode(open_picture(data, _MAX_PIXELS), max_analysis_px=16 * side * side)
    image.thumbnail((side, side))
    image.info.clear()  # Pillow would copy the photo's comment
    while True:
        for quality in (75, 60, 45, 30, 15):
            out = io.BytesIO()
            image.save(out, "JPEG", quality=quality, optimize=True)
            if out.tell() <= THUMBNAIL_BYTES or max(image.size) <= 16:
                return out.getvalue()
        image.thumbnail((max(image.size) // 2, max(image.size) // 2), Image.Resampling.BOX)


def wanted_photos(review: Review, baseline: pd.DataFrame, new: pd.DataFrame, limit: int = MAX_THUMBNAILS) -> list[str]:
    """Digests of the photos that the page shows, those of the most severe findings first, at most `limit`."""
    shown = (example.digest for gallery in _galleries(review, baseline) for example in (*gallery.new, *gallery.typical))
    return list(dict.fromkeys(digest for digest in shown if digest))[:limit]


def _galleries(review: Review, baseline: pd.DataFrame) -> Iterator[Gallery]:
    choice = _Typical(baseline if _is_compared(review) else baseline.iloc[:0], review.scores)
    for number, finding in enumerate(_by_severity(review.findings)[: _MOST["galleries"]], 1):
        photos = finding.examples[: 2 * _TYPICAL]
        if not photos:
            continue
        if finding.kind in ("duplicate", "conflict"):
            yield Gallery(number, finding, photos, paired=True)
        elif finding.kind == "schema":
            yield Gallery(number, finding, photos)
        else:
            yield Gallery(number, finding, photos, *choice.of(finding))


class _Typical:
    """Chooses photos of the baseline: the same ones for the same finding, whatever the order of the table."""

    def __init__(self, baseline: pd.DataFrame, scores: Mapping[str, Mapping[str, float | None]]) -> None:
        digests, uris = _texts(baseline, features.DIGEST), _texts(baseline, features.URI)
        keys = pd.Series([digest or uri for digest, uri in zip(digests, uris, strict=True)], dtype=object)
        rows = keys[keys != ""].drop_duplicates().sort_values().index.tolist()
        self._frame = baseline.iloc[rows]
        self._scores = scores

    def of(self, finding: Finding) -> tuple[tuple[Example, ...], str]:
        prop = _PROPERTIES.get(finding.feature)
        if prop is None or finding.kind not in ("property", "sparse") or prop.name not in self._frame:
            return self._examples(self._any(finding.id, np.arange(len(self._frame)))), "drawn at random"
        median = known(self._scores.get(prop.name, {}).get("baseline_median"))
        if prop.kind == "string" or prop in CATEGORIES:
            words = pd.Series(_texts(self._frame, prop.name), dtype=object)
            common = words[words != ""].mode()
            if common.empty:
                return (), ""
            rows = self._any(finding.id, np.flatnonzero(words == common[0]))
            return self._examples(rows, prop.name), f"with the most common value, {common[0]}"
        if median is None:
            return (), ""
        away = np.abs(_numbers(self._frame, prop.name) - median)
        rows = np.argsort(away, kind="stable")[:_TYPICAL]
        return self._examples(rows[np.isfinite(away[rows])], prop.name), f"nearest the median, {amount(median, prop.unit)}"

    def _any(self, name: str, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A run of rows, which stand in the order of their digests, from a place that only `name` decides."""
        start = int(hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:12], 16)
        chosen: npt.NDArray[Any] = rows[(start + np.arange(min(_TYPICAL, len(rows)))) % max(len(rows), 1)]
        return chosen

    def _examples(self, rows: npt.NDArray[Any], feature: str = "") -> tuple[Example, ...]:
        part = self._frame.iloc[rows]
        values = part[feature].tolist() if feature else [None] * len(part)
        texts = (_texts(part, name) for name in (features.URI, features.DIGEST, features.LABEL))
        return tuple(Example(*words) for words in zip(*texts, values, strict=True))


class _Album:
    """Hands out pictures as long as the page may hold more of them."""

    def __init__(self, thumbnails: Mapping[str, bytes]) -> None:
        self._thumbnails, self._left, self._chars = thumbnails, MAX_THUMBNAILS, MAX_THUMBNAIL_CHARS

    def filled(self, gallery: Gallery) -> Gallery:
        unit = _PROPERTIES[gallery.finding.feature].unit if gallery.finding.feature in _PROPERTIES else ""
        new, typical = (tuple(self._photo(e, unit) for e in examples) for examples in (gallery.new, gallery.typical))
        return Gallery(gallery.number, gallery.finding, new, typical, gallery.how, gallery.paired)

    def _photo(self, example: Example, unit: str) -> Photo:
        picture = base64.b64encode(self._thumbnails.get(example.digest, b"")).decode()
        if self._left < 1 or len(picture) > self._chars:
            picture = ""
        self._left -= bool(picture)
        self._chars -= len(picture)
        value = example.value
        said = "" if value is None else amount(value, unit) if isinstance(value, (int, float)) else str(value)
        return Photo(example.uri.rsplit("/", 1)[-1] or example.digest[:12], example.uri, example.label, said, picture)


# --- properties


def _rows(review: Review, baseline: pd.DataFrame, new: pd.DataFrame) -> list[Row]:
    """The most severe first, then by score."""
    worst: dict[str, Finding] = {}
    for finding in _by_severity(review.findings):
        if finding.kind in ("property", "sparse") or (finding.kind == "schema" and finding.feature in _PROPERTIES):
            worst.setdefault(finding.feature, finding)
    names = [*features.PROPERTY_NAMES, *(name for name in worst if name not in _PROPERTIES)]
    rows = [_row(name, review, worst.get(name), baseline, new) for name in names]
    return sorted(rows, key=lambda row: (-(LEVELS.index(row.level) if row.level in LEVELS else -1), -(row.moved or 0.0)))


def _row(name: str, review: Review, finding: Finding | None, baseline: pd.DataFrame, new: pd.DataFrame) -> Row:
    prop = _PROPERTIES.get(name)
    scores = review.scores.get(name, {})
    moved = _score(scores, _MOVED)
    result: str
    if finding:
        result = "accepted" if finding.accepted else finding.level
    elif name in UNTESTED:
        result = "not tested"
    elif name not in review.scores:
        result = "not compared"
    else:
        result = "no values" if moved is None else "no drift"
    return Row(
        name,
        prop.meaning if prop else "worked out from other properties",
        prop.unit if prop else "",
        moved,
        _score(scores, _TFDV),
        finding.threshold if finding and finding.kind != "schema" else None,
        (scores.get("baseline_median"), scores.get("new_median")),
        finding.level if finding else "",
        bool(finding and finding.accepted),
        result,
        _histogram(prop, baseline, new) if prop and name != "phash" else None,
    )


def _score(scores: Mapping[str, Any], methods: Mapping[str, float]) -> float | None:
    """The first of the methods that there is, in its own unit."""
    for method, factor in methods.items():
        value = scores.get(method)
        if isinstance(value, (int, float)) and known(value) is not None:
            return factor * value
    return None


def _histogram(prop: features.Property, baseline: pd.DataFrame, new: pd.DataFrame) -> Histogram | None:
    """Shares of both sides: of each value where there are few, else from the 1st to the 99th percentile of both."""
    if prop.kind == "string":
        return _bars([[word for word in _texts(frame, prop.name) if word] for frame in (baseline, new)], prop.values)
    sides = [values[np.isfinite(values)] for values in (_numbers(frame, prop.name) for frame in (baseline, new))]
    filled = [values for values in sides if len(values)]
    if not filled:
        return None
    distinct = np.unique(np.concatenate([np.unique(values) for values in filled]))
    if len(distinct) <= _FEW_VALUES:
        return _bars([values.tolist() for values in sides], distinct.tolist())
    low, high = min(np.quantile(v, 0.01) for v in filled), max(np.quantile(v, 0.99) for v in filled)
    if not low < high:
        low, high = distinct[0], distinct[-1]
    shares = [np.histogram(values, _BINS, (low, high))[0] / max(len(values), 1) for values in sides]
    return _drawn(shares, (amount(float(low)), amount(float(high))))


def _bars(sides: Sequence[Sequence[Any]], order: Iterable[Any]) -> Histogram | None:
    counts = [Counter(values) for values in sides]
    seen = counts[0] + counts[1]
    names = [*(name for name in order if name in seen), *(name for name, _ in seen.most_common() if name not in order)][:_FEW_VALUES]
    shares = [np.array([side[name] for name in names]) / max(sum(side.values()), 1) for side in counts]
    return _drawn(shares, tuple(name if isinstance(name, str) else amount(name) for name in names), len(names) <= 3) if names else None


def _drawn(shares: Sequence[Floats], below: tuple[str, ...], each: bool = False) -> Histogram:
    width, height = _PLOT
    top = max(float(side.max()) for side in shares) or 1.0
    paths = []
    for side in shares:
        step = width / len(side)
        stairs = (f"V{height - (height - 1) * share / top:.1f}H{step * (at + 1):.1f}" for at, share in enumerate(side.tolist()))
        paths.append(f"M0,{height}{''.join(stairs)}V{height}")
    return Histogram(paths[0], paths[1], below, each)


# --- trends and classes


def _trends(review: Review, rows: Sequence[Row], context: Context) -> list[tuple[str, Trend, Trend]]:
    """Name, how far it moved, TFDV's distance; of everything that has a score now."""
    limits = {row.name: row.threshold for row in rows}
    earlier = [(str(e.get("name", "")), e.get("scores") or {}) for e in context.history[-_MOST["history"] :]]
    reviews = [*earlier, ("this review", review.scores)]
    found = []
    for name in (*(row.name for row in rows), features.LABEL, ALL_PROPERTIES, EMBEDDING):
        moved, tfdv = ([(said, _score(scores.get(name) or {}, methods)) for said, scores in reviews] for methods in (_MOVED, _TFDV))
        if any(value is not None for _, value in (*moved, *tfdv)):
            found.append((name, _trend(moved, 10.0, limits.get(name)), _trend(tfdv, 0.1)))
    return found


def _trend(values: Sequence[tuple[str, float | None]], top: float, limit: float | None = None) -> Trend:
    """The scale ends at `top` or above, so that small scores look small."""
    width, height = _PLOT
    limit = known(limit)
    top = 1.1 * max([top, limit or 0.0, *(abs(value) for _, value in values if value is not None)])
    step = (width - 8) / max(len(values) - 1, 1)

    def up(value: float) -> float:
        return round(height - 2 - (height - 4) * value / top, 1)

    dots = [(round(4 + step * at, 1), up(value)) if value is not None else None for at, (_, value) in enumerate(values)]
    runs = [list(run) for there, run in groupby(dots, key=lambda dot: dot is not None) if there]
    # A review between two without this score: a line of no length, which round ends make a dot.
    lines = tuple(" ".join(f"{dot[0]},{dot[1]}" for dot in (run if len(run) > 1 else 2 * run) if dot) for run in runs)
    words = ", ".join(f"{said} {amount(value)}" for said, value in values)
    return Trend(lines, None if limit is None else up(limit), dots[-1], values[-1][1], words)


def _class_shares(baseline: pd.DataFrame, new: pd.DataFrame) -> list[tuple[str, float | None, float | None]]:
    """Class, its share before and now; None where a side has no labels at all."""
    counts = [Counter(label for label in _texts(frame, features.LABEL) if label) for frame in (baseline, new)]
    totals = [sum(side.values()) for side in counts]
    order = sorted({**counts[0], **counts[1]}, key=lambda name: (-counts[0][name], -counts[1][name], name))
    old, fresh = ({name: side[name] / total if total else None for name in order} for side, total in zip(counts, totals, strict=True))
    return [(name, old[name], fresh[name]) for name in order]


# --- tables


def _numbers(frame: pd.DataFrame, name: str) -> Floats:
    if name not in frame:
        return np.zeros(0)
    return pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def _texts(frame: pd.DataFrame, name: str) -> list[str]:
    """A word a row, empty where it is missing."""
    if name not in frame:
        return [""] * len(frame)
    return ["" if value is None or value is pd.NA or value != value else str(value) for value in frame[name].tolist()]


# --- words


def clean(text: object, most: int = 300) -> str:
    """One line, clipped; control characters, halves of surrogates and what turns the direction of writing are replaced."""
    said = str(text)
    kept = "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in said[: most + 1])
    return kept if len(kept) <= most else kept[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def amount(value: float | None, unit: str = "") -> str:
    number = known(value)
    if number is None:
        return NONE
    text = f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
    # A range is no unit.
    said = f"{text} {unit}" if unit and not any(c.isdigit() for c in unit) else text
    return said.replace("-", "\N{MINUS SIGN}", text.startswith("-"))


def effect(value: float | None, unit: str) -> str:
    number = known(value)
    return NONE if number is None else f"{number:,.0f} {unit}" if unit != "points" else f"{number:.1f} points"


def chance(p_value: float | None) -> str:
    """What a p-value means."""
    if p_value is None:
        return "counted, no test needed"
    value = known(p_value)
    if value is None:
        return NONE
    if value < 0.001:
        return "would happen by chance in fewer than 1 of 1000 reviews"
    of = 1000 if value < 0.1 else 100
    return f"would happen by chance in about {math.ceil(of * value - 1e-9)} of {of} reviews"


def _by_severity(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: -LEVELS.index(finding.level))


def _is_compared(review: Review) -> bool:
    return review.compared_with.get("kind") in ("serving", "span")


def _headline(review: Review) -> str:
    if review.verdict == "blocked":
        return "Blocked: a reviewer must decide"
    if review.verdict == "warn":
        return "Warn: worth a look, nothing stops"
    if review.of_level("warn", "error"):
        return "Pass: reviewers accepted what was found"
    if not _is_compared(review):
        return "Pass: nothing found, nothing there to compare with"
    return "Pass: the new photos are like the baseline\N{RIGHT SINGLE QUOTATION MARK}s"


def _why(review: Review) -> str:
    if review.verdict == "pass":
        accepted = sum(finding.accepted for finding in review.of_level("warn", "error"))
        return f"Reviewers accepted {count(accepted, 'finding')}." if accepted else "No finding is large enough to warn or to stop."
    level: Level = "error" if review.verdict == "blocked" else "warn"
    still_open = [finding for finding in review.of_level(level) if not finding.accepted]
    # What can be seen in photos says more than that everything together is different.
    first = max(still_open, key=lambda finding: (finding.kind in ("property", "label", "content"), finding.effect or 0.0))
    more = f" So {'do' if len(still_open) > 2 else 'does'} {count(len(still_open) - 1, 'more finding')}." if len(still_open) > 1 else ""
    return f"{'Stops' if level == 'error' else 'Warns'}: {clean(first.message, 400)}{more}"


def _drifted(review: Review) -> tuple[int, int]:
    """Properties with a finding that warns or stops, and properties compared."""
    moved = {finding.feature for finding in review.of_level("warn", "error") if finding.kind in ("property", "sparse")} - {OUTLYING}
    names = [name for name in features.PROPERTY_NAMES if name not in UNTESTED and _score(review.scores.get(name, {}), _MOVED) is not None]
    return len(moved), max(len(names), len(moved))


def _against(review: Review) -> str:
    said = review.compared_with
    if said.get("kind") == "serving":
        version = said.get("version")
        return f"the data of the serving model, version {version}" if version not in (None, "") else "the data of the serving model"
    return str(said.get("name") or "the span before") if said.get("kind") == "span" else "nothing to compare with"


def _subject(review: Review, context: Context) -> str:
    spans = [str(span.get("span", NONE)) if isinstance(span, Mapping) else str(span) for span in review.new.get("spans") or ()]
    if spans:
        return f"span{'s' if len(spans) > 1 else ''} {', '.join(spans)}"
    return str(context.title or review.new.get("name") or "new photos")


# --- pages


def render_html(review: Review, baseline: pd.DataFrame, new: pd.DataFrame, thumbnails: Mapping[str, bytes], context: Context) -> str:
    """One file that needs no other, whatever the size of the samples. `thumbnails`: digest to what `thumbnail` made."""
    baseline = baseline if _is_compared(review) else baseline.iloc[:0]
    album = _Album(thumbnails)
    rows = _rows(review, baseline, new)
    rejected = [decision for decision in review.decisions if decision.get("action") == "reject"]
    return render(
        "review.html.j2",
        r=review,
        c=context,
        most=_MOST,
        headline=_headline(review),
        why=_why(review),
        is_compared=_is_compared(review),
        drifted=_drifted(review),
        against=_against,
        subject=_subject(review, context),
        rejected=rejected[-1] if rejected and review.decisions[-1] is rejected[-1] else None,
        findings=_by_severity(review.findings),
        by_severity=_by_severity,
        galleries=[album.filled(gallery) for gallery in _galleries(review, baseline)],
        rows=rows,
        classes=_class_shares(baseline, new),
        trends=_trends(review, rows, context) if context.history else [],
        rejects=sorted(context.rejects.items(), key=lambda item: (-item[1], item[0])),
        clean=clean,
        amount=amount,
        effect=effect,
        chance=chance,
        why_of=_why,
    )


def render_markdown(review: Review, context: Context) -> str:
    """For a comment on a pull request: the verdict, the findings, what to do."""
    moved, compared = _drifted(review)
    new, old = (amount(known(side.get("photos"))) for side in (review.new, review.compared_with))
    drift = f"{moved} of {compared} properties drifted" if _is_compared(review) else "No property was compared"
    about = f"{_marked(_subject(review, context))} ({new} photos) against {_marked(_against(review))} ({old} photos)"
    lines = [f"## {_headline(review)}", "", _marked(_why(review), 600), "", f"{drift}: {about}."]
    findings = _by_severity(review.findings)
    if findings:
        lines += ["", "| level | finding | effect | threshold | chance |", "| --- | --- | --- | --- | --- |"]
    for finding in findings[:_MOST_MARKED]:
        level = f"{finding.level}, accepted" if finding.accepted else finding.level
        numbers = (_marked(effect(value, finding.unit)) for value in (finding.effect, finding.threshold))
        lines.append(f"| {level} | {_marked(finding.message)} | {' | '.join(numbers)} | {chance(finding.p_value)} |")
    if len(findings) > _MOST_MARKED:
        lines += ["", f"{len(findings) - _MOST_MARKED} more findings stand in the report."]
    if review.decisions:
        lines += ["", "Decisions:", ""]
    for said in review.decisions[-10:]:
        lines.append(
            f"- {' '.join(_marked(said.get(name, ''), 60) for name in ('when', 'by', 'action'))}: {_marked(said.get('reason', ''))}"
        )
    if review.verdict == "blocked":
        lines += ["", "**What to do:** look at the report, then accept the findings or reject the photos.", *_fenced(context.how_to_go_on)]
    elif review.verdict == "warn":
        lines += ["", "**What to do:** nothing must be done; look at the report where a finding surprises you."]
    return "\n".join([*lines, "", f"Review {_marked(review.digest[:12] or NONE)}. Same inputs, same review.", ""])


def _fenced(commands: Sequence[str]) -> list[str]:
    said = [clean(command, 1000) for command in commands[:10]]
    fence = "```"
    while any(fence in command for command in said):
        fence += "`"
    return ["", f"{fence}sh", *said, fence] if said else []


def _marked(text: object, most: int = 300) -> str:
    """Text that Markdown leaves as it is: no markup, no links, nobody notified."""
    said = clean(text, most).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    said = "".join(f"\\{c}" if c in "\\`*_{}[]()#!|~" else c for c in said)
    return said.replace("@", "@\N{WORD JOINER}").replace("://", ":&#47;&#47;").replace("www.", "www&#46;")
