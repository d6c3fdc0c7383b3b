"""Sentences on what a review could not have seen, and on the error rate of a sequence of reviews."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from math import ceil, inf
from typing import Any

from flowers_tfx import features
from flowers_tfx.finding_kinds import DEFAULT_LEVELS
from flowers_tfx.texts import ENGLISH, Texts

# What a sentence names; all other properties are one range.
NAMED = ("mean_luma", features.LABEL, features.EMBEDDING)
# A change that is found 9 times out of 10 is so many times as large as one that is found every second time: tests ask for about 4 standard
# deviations, and 9 of 10 need 1.3 more.
_FOUND_TO_EVEN = 4 / 3


def power_sentence(power: Mapping[str, float | None], texts: Texts = ENGLISH) -> str:
    """The smallest changes that would have been found, such as "brightness from 8 points, class shares from 14 points"; empty if nothing
    was tested."""
    # Rounded up: what is stated must be found.
    smallest = {name: ceil(effect) for name, effect in power.items() if effect is not None}
    named = [texts("power.from", feature=name, effect=smallest[name]) for name in NAMED if name in smallest]
    others = [effect for name, effect in smallest.items() if name not in NAMED]
    if others:
        named.append(texts("power.others", low=min(others), high=max(others)))
    unseen = [texts.title(name) for name, effect in power.items() if effect is None]
    sentences = [texts("power.found", changes=named)] if named else []
    sentences += [texts("power.unseen", names=unseen)] if unseen else []
    return " ".join(sentences)


def is_too_few(power: Mapping[str, float | None]) -> bool:
    """Whether a change of a property that is large enough to stop a run would more often have been missed than found, for most properties:
    a verdict without findings then says little. False if nothing was tested."""
    effects = [inf if power[prop.name] is None else power[prop.name] or 0.0 for prop in features.PROPERTIES if prop.name in power]
    return bool(effects) and statistics.median(effects) > _FOUND_TO_EVEN * DEFAULT_LEVELS["property"][1]


def promise_sentence(sequential: Mapping[str, Any] | None, texts: Texts = ENGLISH) -> str:
    """The error rate that a sequence of reviews holds (`Review.sequential`); empty for a review that stands alone."""
    if sequential is None:
        return ""
    promise = texts("sequence.promise", weeks=sequential["weeks"])
    return f"{promise} {texts('sequence.level', level=sequential['level']) if sequential['level'] else texts('sequence.no_level')}"
