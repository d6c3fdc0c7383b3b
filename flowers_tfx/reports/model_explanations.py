"""The page that explains a model, from the content of explanations.json and the pictures: one file, nothing from a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Protocol

from flowers_tfx.reports.class_sentences import (
    attribution_sentences,
    change_summary,
    confusion_sentences,
    subgroup_sentences,
    subgroup_summary,
)
from flowers_tfx.reports.dependence_charts import draw_dependence
from flowers_tfx.reports.place_grids import place_grids
from flowers_tfx.reports.rendering import render
from flowers_tfx.reports.words import clean

MOST_RELIANCES, MOST_SUSPICIOUS = 3, 4  # before the table of contents
_ANALYSES = (
    "model",
    "class",
    "serving",
    "no_concepts",
    "reliance",
    "classes",
    "concepts",
    "background",
    "dependence",
    "subgroups",
    "changes",
)
_EXPLAINED = 4  # photos of a class with their heat maps
_CHANGES = {
    "broken": "Right before, wrong now",
    "fixed": "Wrong before, right now",
    "other_wrong": "Wrong before and now, in another way",
}
_CONCEPTS = 6  # of a class


class Pictures(Protocol):
    """JPEGs in base64; photos by their index in `photos` of explanations.json. None for what cannot be shown."""

    @property
    def legend(self) -> str: ...
    def photo(self, index: int, large: bool = False) -> str: ...
    def heat_map(self, index: int, serving: bool = False) -> str | None: ...
    def crop(self, index: int, box: Sequence[float]) -> str: ...
    def mean_map(self, cells: Sequence[Sequence[float]]) -> str: ...
    def changed(self, perturbation: Mapping[str, Any], index: int) -> str: ...


def render_model_explanations(explanations: Mapping[str, Any], pictures: Pictures) -> str:
    """`explanations`: the content of explanations.json. An analysis that was not made has no section."""
    values: dict[str, Any] = {**dict.fromkeys(_ANALYSES), **explanations}
    labels = [values["class"]] if values["class"] else values["labels"]
    classes = [_class_section(values, label) for label in labels]
    dependence, reliances = values["dependence"], values["reliance"] or ()
    return render(
        "explanations.html.j2",
        values=values,
        pictures=pictures,
        trust=_trust(values["explanations"]),
        reliances=[_reliance(one) for one in reliances[:MOST_RELIANCES]],
        more_reliances=reliances[MOST_RELIANCES:],
        suspicious=_suspicious(values["concepts"] or {}, labels),
        classes=classes,
        background=_background(values["background"]),
        grids=place_grids(dependence, values["background"], labels) if dependence else [],
        charts=[draw_dependence(curve) for curve in dependence["curves"]] if dependence else [],
        subgroups=_subgroups(values["subgroups"]),
        changes=_changes(values["changes"]),
        name=lambda index: _name(values["photos"][index]),
        clean=clean,
    )


def _trust(explanations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How many explanations passed their checks, why the others did not, and the median of each number."""
    numbers = (
        "deletion_auc",
        "random_deletion_auc",
        "edge_deletion_auc",
        "centre_deletion_auc",
        "insertion_auc",
        "random_insertion_auc",
        "edge_insertion_auc",
        "centre_insertion_auc",
        "stability",
        "randomised_correlation",
        "completeness_error",
    )
    known = {name: [one[name] for one in explanations if one.get(name) is not None] for name in numbers}
    return {
        "photos": len(explanations),
        "trustworthy": sum(one["trustworthy"] for one in explanations),
        "reasons": Counter(reason for one in explanations for reason in one["reasons"]).most_common(),
        "medians": {name: median(column) if column else None for name, column in known.items()},
    }


def _reliance(one: Mapping[str, Any]) -> dict[str, Any]:
    """With the photo that shows it best."""
    shown = one["perturbation"].get("photo")
    index = shown if shown is not None else next(iter(one["photos"]), None)
    return {**one, "photo": index}


def _suspicious(concepts: Mapping[str, Sequence[Mapping[str, Any]]], labels: Sequence[str]) -> list[tuple[str, Mapping[str, Any]]]:
    """The concepts that are more likely a shortcut than the flower, those with the largest share of the evidence first."""
    found = [(label, concept) for label in labels for concept in concepts.get(label, ()) if concept["suspicious"]]
    return sorted(found, key=lambda pair: -pair[1]["share"])[:MOST_SUSPICIOUS]


def _class_section(values: Mapping[str, Any], label: str) -> dict[str, Any]:
    own = (values["classes"] or {}).get(label, {})
    attribution = own.get("attribution")
    explained = [one for one in values["explanations"] if values["photos"][one["photo"]]["label"] == label]
    # Those first that can be trusted: the others say only why they cannot.
    explained.sort(key=lambda one: not one["trustworthy"])
    return {
        "label": label,
        "photos": sum(photo["label"] == label for photo in values["photos"]),
        "right": sum(photo["label"] == label == photo["answer"] for photo in values["photos"]),
        "attribution": attribution,
        "where": " ".join(attribution_sentences(attribution, label)) if attribution else "",
        "answers": " ".join(confusion_sentences(own["confusions"], label)) if own.get("confusions") else "",
        "typical": own.get("typical"),
        "confusions": own.get("confusions"),
        "concepts": (values["concepts"] or {}).get(label, [])[:_CONCEPTS],
        "explained": explained[:_EXPLAINED],
        "reliances": [one["sentence"] for one in values["reliance"] or () if one["class"] == label],
    }


def _background(background: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if background is None:
        return None
    rows = [{"name": "as they are", **background["unchanged"]}, *background["variants"]]
    swapped = background["swapped"]
    rows += [
        {"name": f"put in front of a background of {words}", **swapped[key]}
        for key, words in (("own_class", "their own class"), ("other_class", "another class"))
    ]
    inside = {label: row for label, row in background["attribution"].items() if row["photos"]}
    return {
        "photos": background["photos"] - background["without_mask"],
        "left_out": background["without_mask"],
        "rows": rows,
        "inside": inside,
    }


def _subgroups(subgroups: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if subgroups is None:
        return None
    groups = [{**group, "sentences": subgroup_sentences(group)} for group in subgroups["subgroups"]]
    return {**subgroups, "summary": subgroup_summary(subgroups), "subgroups": groups}


def _changes(changes: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if changes is None:
        return None
    explained = set(changes["to_explain"])
    lists = []
    for kind, title in _CHANGES.items():
        photos = changes["lists"][kind]["photos"]
        if photos:
            compared = [row for row in photos if row["photo"] in explained]
            others = [row for row in photos if row["photo"] not in explained]
            lists.append((title, {**changes["lists"][kind], "compared": compared, "others": others}))
    groups = [group for group in changes["groups"] if group["broken"] or group["fixed"]]
    return {**changes, "summary": change_summary(changes), "shown": lists, "groups": groups}


def _name(photo: Mapping[str, Any]) -> str:
    return clean(photo["uri"].rpartition("/")[2], 60)
