"""Limits of a model in plain sentences, derived from its evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flowers_tfx.features import PROPERTIES
from flowers_tfx.wilson import wilson_interval

FEW_PHOTOS = 20  # fewer photos of a part of the split say little about it
WIDE = 0.1  # an interval of the accuracy wider than this is named
NOTICEABLE = 0.05  # a mean gap between promised and observed probability that is named


def limits(evaluation: Mapping[str, Any], refusal: Mapping[str, Any] | None) -> list[str]:
    """`evaluation`: the content of report.json; `refusal`: of unknown.json, None for a model that cannot refuse."""
    return [
        *_overall(evaluation),
        *_classes(evaluation),
        *_slices(evaluation),
        *_confusion(evaluation),
        *_probabilities(evaluation),
        *_refusal(refusal),
    ]


def _overall(evaluation: Mapping[str, Any]) -> Iterator[str]:
    photos, interval = evaluation["examples"], evaluation["interval"]
    if interval and interval[1] - interval[0] > WIDE:
        yield (
            f"The accuracy lies between {_percent(interval[0])} and {_percent(interval[1])} with 95 % confidence: "
            f"{photos} test photos do not tell more."
        )
    if evaluation["baseline"] is None:
        yield "It was not compared with an earlier model on the same photos."


def _classes(evaluation: Mapping[str, Any]) -> Iterator[str]:
    accuracy = evaluation["accuracy"]
    few = [one for one in evaluation["classes"] if one["support"] < FEW_PHOTOS]
    if few:
        names = ", ".join(f"{one['name']} ({one['support']})" for one in few)
        yield f"Fewer than {FEW_PHOTOS} test photos of {names}: the numbers of {_these('this class', 'these classes', few)} are uncertain."
    for one in evaluation["classes"]:
        interval = wilson_interval(one["recall"], one["support"])
        if interval and accuracy is not None and interval[1] < accuracy:
            yield (
                f"It is weaker at {one['name']}: it recognises {_percent(one['recall'])} of them "
                f"(95 % interval {_percent(interval[0])} to {_percent(interval[1])}), of all photos {_percent(accuracy)}."
            )


def _slices(evaluation: Mapping[str, Any]) -> Iterator[str]:
    accuracy = evaluation["accuracy"]
    parts = [part for part in evaluation["slices"] if part["feature"] != "label"]
    for part in parts:
        if part["interval"] and accuracy is not None and part["interval"][1] < accuracy:
            share = f"{_percent(part['accuracy'])} of {part['examples']} photos"
            yield f"It is weaker where {_words(part['feature'])} is {part['value']}: {share}."
    few = [part for part in parts if part["examples"] < FEW_PHOTOS]
    if few:
        names = ", ".join(f"{_words(part['feature'])} {part['value']} ({part['examples']})" for part in few)
        yield f"Hardly measured, with fewer than {FEW_PHOTOS} test photos: {names}."


def _confusion(evaluation: Mapping[str, Any]) -> Iterator[str]:
    names = [one["name"] for one in evaluation["classes"]]
    wrong = [
        (count, sum(row), names[i], names[j])
        for i, row in enumerate(evaluation["confusion"])
        for j, count in enumerate(row)
        if i != j and count
    ]
    if wrong:
        count, of, truth, answer = max(wrong, key=lambda one: (one[0], one[2:]))
        yield f"The most frequent mistake: {count} of {of} photos of {truth} {'was' if count == 1 else 'were'} taken for {answer}."


def _probabilities(evaluation: Mapping[str, Any]) -> Iterator[str]:
    gap = evaluation["overconfidence"]
    if gap is not None and abs(gap) > NOTICEABLE:
        word = "too high" if gap > 0 else "too low"
        yield f"Its probabilities are {word}: by {100 * abs(gap):.1f} percentage points on average."


def _refusal(refusal: Mapping[str, Any] | None) -> Iterator[str]:
    if refusal is None or not refusal["refused"]:
        yield "It always names one of its classes, for photos of other things too."
    else:
        low, high = refusal["interval"]
        yield (
            f"It also refuses photos of its own classes: {_percent(refusal['share'])} are expected "
            f"(95 % interval {_percent(low)} to {_percent(high)})."
        )
        yield "How many photos of other things it refuses was not measured in the run."


def _words(feature: str) -> str:
    return next((row.title for row in PROPERTIES if row.name == feature), feature)


def _percent(share: float | None) -> str:
    return "an unknown share" if share is None else f"{100 * share:.1f} %"


def _these(one: str, many: str, values: list[Any]) -> str:
    return one if len(values) == 1 else many
