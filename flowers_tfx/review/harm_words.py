"""What the change costs the serving model, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flowers_tfx.reports.words import clean
from flowers_tfx.texts import Texts
from flowers_tfx.validation.review import Review

_MOST_CLASSES = 6


def harm_lines(review: Review, group: Mapping[str, Any] | None, texts: Texts) -> Iterator[str]:
    """`group`: the one on the first screen. Where nothing was measured, why."""
    harm = review.harm
    if harm is None or harm.get("accuracy") is None:
        yield _why_none(review, texts)
        return
    if group is not None and group.get("accuracy") is not None:
        others = _of_others(review, group)
        text = "harm.group" if others is not None else "harm.group_alone"
        yield texts(text, group=100 * group["accuracy"], others=others)
    elif group is not None:
        yield texts("harm.group_unlabelled" if harm.get("estimated") else "harm.group_unanswered")
    interval = harm.get("interval") or (None, None)
    baseline = harm.get("baseline_accuracy")
    text = "harm.estimated" if harm.get("estimated") else "harm.measured"
    values = {"accuracy": 100 * harm["accuracy"], "low": _points(interval[0]), "high": _points(interval[1])}
    yield texts(text if baseline is not None else f"{text}_alone", **values, baseline=_points(baseline))
    classes = _worst_classes(review, texts)
    if classes:
        yield texts("harm.classes", classes=classes)
    if harm.get("calibration"):
        errors = (_points(harm["calibration"].get(name)) for name in ("error", "baseline_error"))
        yield texts("harm.calibration", **dict(zip(("error", "before"), errors, strict=True)))
    if harm.get("unknown"):
        shares = (_points(harm["unknown"].get(name)) for name in ("share", "baseline_share"))
        yield texts("harm.unknown", **dict(zip(("share", "before"), shares, strict=True)))


def _worst_classes(review: Review, texts: Texts) -> list[str]:
    """Accuracy by class, the largest losses first."""
    rows = [row for row in class_rows(review) if row[1] is not None]
    rows.sort(key=lambda row: (row[1] or 0.0) - (100.0 if row[2] is None else row[2]))
    return [
        texts("harm.class_alone" if before is None else "harm.class", name=name, accuracy=accuracy, baseline=before)
        for name, accuracy, before, _ in rows[:_MOST_CLASSES]
    ]


def class_rows(review: Review) -> list[tuple[str, float | None, float | None, int | None]]:
    """Class, accuracy on the new photos and on the model's own test photos, in points, and photos; empty if it is not known by class."""
    per_class = (review.harm or {}).get("per_class") or {}
    rows = []
    for name, values in per_class.items():
        if isinstance(values, Mapping):
            rows.append((clean(name, 80), _points(values.get("accuracy")), _points(values.get("baseline_accuracy")), values.get("photos")))
    return rows


def _of_others(review: Review, group: Mapping[str, Any]) -> float | None:
    """The accuracy, in points, on the photos that are not in the group."""
    photos, of_group = review.new.get("photos") or 0, len(group["photos"])
    if photos <= of_group or review.harm is None or review.harm.get("photos") != photos:
        return None  # not every photo counts for the accuracy
    right = review.harm["accuracy"] * photos - group["accuracy"] * of_group
    return float(min(100.0, max(0.0, 100 * right / (photos - of_group))))


def _why_none(review: Review, texts: Texts) -> str:
    for finding in review.findings:
        if finding.kind == "performance":
            return clean(texts.message(finding.facts, finding.message), 300)
    return texts("harm.not_asked" if review.compared_with.get("kind") == "serving" else "harm.no_model")


def _points(share: float | None) -> float | None:
    return None if share is None else 100 * share
