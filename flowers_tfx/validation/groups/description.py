"""What the photos of a group have in common, and which cause that suggests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from flowers_tfx import features
from flowers_tfx.validation.groups.columns import PhotoColumns
from flowers_tfx.validation.groups.families import BY_FEATURE, COLOURS
from flowers_tfx.validation.groups.rules import Condition, Flags, PhotoValues, Rule, common_values
from flowers_tfx.validation.groups.words import family_of, find_traits, in_words, shared_values
from flowers_tfx.validation.permutation import Floats
from flowers_tfx.validation.tables.photo_table import Photos
from flowers_tfx.validation.wording import title_of

# Parts of a group from which its labels, or one of them, describe it.
_DOUBTFUL = 0.6
_MOSTLY = 0.6
DOUBTFUL_LABELS = "with labels that do not fit what they show"
_OTHER_CONTENT = "with other content than the baseline"


@dataclass(frozen=True)
class Description:
    """`parts`: in words; `conditions`: the rule; `adjectives` and `causes` (keys of `families.CAUSES`): for a story."""

    parts: tuple[str, ...]
    conditions: tuple[Condition, ...]
    adjectives: tuple[str, ...]
    causes: tuple[str, ...]


def describe(baseline: Photos, group: Photos, rule: Rule | None, columns: PhotoColumns) -> Description:
    old, own = PhotoValues.of(baseline), PhotoValues.of(group)
    demanded = rule.conditions if rule else ()
    shared = [condition for condition in shared_values(old, own, len(group)) if condition.feature not in {c.feature for c in demanded}]
    traits = find_traits(old, own)
    named: Sequence[Condition] = demanded
    colourless = [condition for condition in (*demanded, *shared) if (condition.feature, condition.word) == ("grayscale", "1")]
    if colourless:  # that says everything about colours
        named = [*(condition for condition in demanded if family_of(condition) not in {*COLOURS, "grayscale"}), *colourless]
        shared = [condition for condition in shared if condition not in colourless]
        traits = [trait for trait in traits if trait.change.family not in COLOURS]
    parts = in_words(named, shared, traits)
    adjectives = [*(trait.adjective for trait in traits), *_words_of((*named, *shared))]
    causes = [trait.change.cause for trait in traits] + [_cause(condition) for condition in (*named, *shared)]
    margins = columns.label_margins(baseline), columns.label_margins(group)
    is_class = any(condition.feature == features.LABEL for condition in demanded)
    if not is_class and margins[0] is not None and margins[1] is not None and _contradict(margins[0], margins[1]):
        parts, adjectives, causes = [*parts[:2], DOUBTFUL_LABELS], [*adjectives, "labelled otherwise"], [*causes, "label"]
    if not parts:
        parts, causes = [_OTHER_CONTENT], ["content"]
    label = common_values(list(group.labels), np.ones(len(group), np.bool_))[:1]
    is_labelled = any(condition.feature == features.LABEL for condition in shared)
    if not demanded and not is_labelled and label and _mostly(old, label[0]):
        parts = [*parts, f"mostly labelled {label[0][0]}"]
    return Description(tuple(parts), demanded, tuple(dict.fromkeys(adjectives)), tuple(causes))


def _contradict(old: Floats, own: Floats) -> bool:
    return float((own < 0).mean()) >= _DOUBTFUL > 2 * float((old < 0).mean())


def _mostly(old: PhotoValues, label: tuple[str, float]) -> bool:
    everyone: Flags = np.ones(len(old.words[features.LABEL]), np.bool_)
    before = dict(common_values(old.words[features.LABEL], everyone))
    return len(before) > 1 and label[1] >= _MOSTLY > 1.5 * before.get(label[0], 0.0)


def _words_of(conditions: Iterable[Condition]) -> list[str]:
    """Categories as adjectives."""
    words = []
    for condition in conditions:
        if condition.word is None:
            continue
        if condition.feature == "grayscale":
            words.append("black and white" if condition.word == "1" else "in colour")
        else:
            name = "labelled" if condition.feature == features.LABEL else f"of {title_of(condition.feature)}"
            words.append(f"{name} {condition.word}")
    return words


def _cause(condition: Condition) -> str:
    change = BY_FEATURE.get(condition.feature)
    if change:
        return change.cause
    return {features.LABEL: "label", "grayscale": "colour"}.get(condition.feature, "export")
