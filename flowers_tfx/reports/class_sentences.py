"""What the analyses of classes, subgroups and changes found, in sentences for somebody who knows none of these methods. The values are
those of explanations.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowers_tfx.reports.rendering import count, percent

_LEFT_OUT = (
    ("answered_wrong", "was answered wrong", "were answered wrong"),
    ("not_trustworthy", "has an explanation that cannot be trusted", "have an explanation that cannot be trusted"),
    ("without_evidence", "has no evidence for the class", "have no evidence for the class"),
)
_RINGS = {"centre": "lies in the middle third of the picture", "middle": "in the third around it", "border": "in the outer third"}
_MOST_PAIRS = 3
_LEVEL = 0.05  # p-value up to which a change is called more than chance


def attribution_sentences(attribution: Mapping[str, Any], label: str) -> list[str]:
    """Where the evidence for a class lies, and how many photos that rests on."""
    if not attribution["explained"]:
        return [f"No photo of {label} was explained."]
    left_out = _and([f"{number} {one if number == 1 else several}" for key, one, several in _LEFT_OUT if (number := attribution[key])])
    if not attribution["photos"]:
        return [f"There is no mean map: of {count(attribution['explained'])} that could show it, {left_out}."]
    areas = {area["name"]: area for area in attribution["areas"]}
    rings = _and([f"{percent(areas[name]['share'], 0)} {words}" for name, words in _RINGS.items()])
    sentences = [f"Of the evidence for {label}, {rings}."]
    for area in attribution["areas"]:
        if area["kind"] == "corner" and area["more_than_area"]:
            sentences.append(
                f"The {area['name']} corner, {percent(area['area'], 0)} of the picture, holds {percent(area['share'], 0)} of it."
            )
    sentences.append(f"Mean of {count(attribution['photos'])}" + (f"; left out: {left_out}." if left_out else "."))
    return sentences


def confusion_sentences(confusions: Mapping[str, Any], label: str) -> list[str]:
    """How often photos of a class are answered wrong, and with which class."""
    photos, wrong = confusions["photos"], confusions["wrong"]
    if not photos:
        return [f"There is no photo of {label}."]
    if not wrong:
        everything = f"All {count(photos)} of {label} are" if photos > 1 else f"The only photo of {label} is"
        sentences = [f"{everything} answered right."]
    else:
        pairs = confusions["answered_as"]
        names = _and([f"{pair['count']} as {pair['answered']}" for pair in pairs[:_MOST_PAIRS]])
        more = ", the rest as others" if len(pairs) > _MOST_PAIRS else ""
        sentences = [f"{wrong} of {count(photos)} of {label} {_are(wrong)} answered wrong ({_share(confusions)}): {names}{more}."]
    taken = confusions["taken_for_it"]["total"]
    if taken:
        sentences.append(f"{count(taken)} of other classes {_are(taken)} answered {label}.")
    return sentences


def subgroup_summary(subgroups: Mapping[str, Any]) -> list[str]:
    """What was searched, what came of it, and what would not have been found."""
    photos, wrong = subgroups["photos"], subgroups["wrong"]
    sentences = [f"{wrong} of {count(photos)} {_are(wrong)} answered wrong."]
    if subgroups["not_searched"]:
        return [*sentences, f"No subgroups were searched: {_lower(subgroups['not_searched'])}"]
    searched, tested, found = subgroups["searched"], subgroups["tested"], len(subgroups["subgroups"])
    properties = len(searched["properties"])
    clusters = count(searched["clusters"], "cluster")
    tried = f"{properties} {'property' if properties == 1 else 'properties'}, the class and {clusters} of similar content"
    sentences.append(f"{count(searched['rules'], 'rule')} on {tried} {_were(searched['rules'])} tried on {count(searched['photos'])}.")
    if not tested["rules"]:
        return [*sentences, "None of them picks out photos with remarkably many errors.", _smallest_effect(subgroups["smallest_effect"])]
    best = "The best rule was" if tested["rules"] == 1 else "The best were"
    result = (
        f"{count(found, 'subgroup')} fail{'s' if found == 1 else ''} more often there too"
        if found
        else "no subgroup fails more often there"
    )
    sentences.append(f"{best} then tested on the other {count(tested['photos'])}: {result}.")
    return [*sentences, _smallest_effect(subgroups["smallest_effect"])]


def subgroup_sentences(subgroup: Mapping[str, Any]) -> list[str]:
    """One subgroup that was confirmed. Its figures are those of the photos on which it was tested."""
    inside, outside = subgroup["inside"], subgroup["outside"]
    others = f"of the {outside['photos']} others, {outside['wrong']} ({_share(outside)})"
    sentences = [f"{inside['wrong']} of {count(inside['photos'])} {_are(inside['wrong'])} wrong ({_share(inside)}); {others}."]
    p_value = subgroup["adjusted_p_value"]
    chance = "less than 0.001" if p_value < 0.001 else f"{p_value:.3f}"
    sentences.append(f"The chance of such a difference at random is {chance}, corrected for the number of rules that were tested.")
    label = subgroup["same_as_class"]
    if subgroup["kind"] == "class" or label:
        named = f"These are the photos of the class {label}" if label else "This is a matter of the class alone"
        return [*sentences, f"{named}, whose figures stand in the evaluation too."]
    expected = subgroup["expected_from_classes"]
    if expected is not None:
        sentences.append(f"From the classes of these photos alone, {percent(expected, 0)} would be expected.")
    return sentences


def change_summary(changes: Mapping[str, Any]) -> list[str]:
    """How the answers differ from those of the serving model."""
    compared = changes["compared"]
    sentences = []
    if compared:
        now, before = changes["right"], changes["serving_right"]
        new, old = (f"{right['count']} right ({percent(right['share'])})" for right in (now, before))
        sentences.append(f"Of {count(compared)}, the new model answers {new}, the serving model {old}.")
        sentences.append(_net(changes))
        if changes["same_wrong"] or changes["other_wrong"]:
            both = changes["same_wrong"] + changes["other_wrong"]
            sentences.append(f"Both are wrong about {count(both)}, with different answers to {changes['other_wrong']} of them.")
    for group in changes["groups"]:
        if group["adjusted_p_value"] <= _LEVEL:
            change = "gained" if group["net"] > 0 else "lost"
            sentences.append(
                f"{_start(group['name'])} {change} {abs(group['net'])} right answers of {group['photos']}: more than chance explains."
            )
    for one in changes["new_classes"]:
        right = f"; the new one answers {one['right']} of {count(one['photos'])} of it right" if one["photos"] else ""
        sentences.append(f"The serving model does not know {one['label']}{right}.")
    if changes["removed_classes"]:
        sentences.append(f"The new model no longer knows {_and(changes['removed_classes'])}.")
    return sentences


def _net(changes: Mapping[str, Any]) -> str:
    fixed, broken = changes["fixed"], changes["broken"]
    if not fixed and not broken:
        return "No photo changed between right and wrong."
    chance = "more than chance explains" if changes["p_value"] <= _LEVEL else "which may be chance"
    net = changes["net"]
    balance = f"{abs(net)} {'more' if net > 0 else 'fewer'} right, {chance}" if net else "as many are right as before"
    return f"{count(fixed)} {_were(fixed)} wrong and {_are(fixed)} right now, {broken} the other way round: {balance}."


def _smallest_effect(effect: Mapping[str, Any]) -> str:
    part = percent(effect["share_of_photos"], 0)
    if effect["rate"] is None:
        return f"So few photos cannot show it: a subgroup of {part} of them would be missed even if all its answers were wrong."
    return (
        f"A subgroup of {part} of the photos is found in 4 of 5 cases if {percent(effect['rate'], 0)} of its answers are wrong; smaller "
        "differences can be missed."
    )


def _share(part: Mapping[str, Any]) -> str:
    """15 %, 95 % interval 5 to 36 %."""
    if part["share"] is None:
        return percent(None)
    low, high = part["interval"]
    return f"{percent(part['share'], 0)}, 95 % interval {100 * low:.0f} to {percent(high, 0)}"


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _start(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
