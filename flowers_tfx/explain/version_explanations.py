"""`flowers explain --class` and `--all`: the page of a version, on the photos of `test` of the spans that it was trained on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from flowers_tfx import registry
from flowers_tfx.class_names import class_name
from flowers_tfx.config import PipelineConfig
from flowers_tfx.config.explain import ExplainConfig
from flowers_tfx.data.decisions import read_decisions
from flowers_tfx.data.edited_spans import edited_span
from flowers_tfx.data.example_files import read_span_examples
from flowers_tfx.data.spans import Span, list_spans
from flowers_tfx.errors import InputError
from flowers_tfx.explain.explained_model import ExplainedModel, ServingModel, load_explained_model, load_serving_model
from flowers_tfx.explain.methods import Method
from flowers_tfx.explain.model_explanations import ModelExplanations, PageSettings, explain_model
from flowers_tfx.features import EVALUATED_SPLIT
from flowers_tfx.inference.model_choice import loaded_model
from flowers_tfx.model_folder import read_labels
from flowers_tfx.registry import Entry
from flowers_tfx.registry.versions import version_number
from flowers_tfx.storage import StoragePath


def explain_version(config: PipelineConfig, model: str | None, method: Method, label: str | None) -> ModelExplanations:
    """`model`: see `loaded_model`; `label`: the one class that the page is about, None for all.

    Raises InputError if there is no such model or class, or if the data root does not hold the photos.
    """

    def load(folder: Path) -> ExplainedModel:
        _check_label(label, read_labels(folder))
        return load_explained_model(folder, method)

    # Without explained photos a page of a run is not made; one that is asked for has the usual number.
    photos = config.explain.photos or int(ExplainConfig.model_fields["photos"].default)
    settings = PageSettings(photos, method, None if label is None else class_name(label))
    with loaded_model(config.registry, model, load) as (path, explained), contextlib.ExitStack() as stack:
        entry = _entry(path)
        decisions = read_decisions(config.data_root)
        spans = [edited_span(decisions, span, config.review.approvals) for span in spans_of(config.data_root, entry)]
        serving = _load_serving(config.registry, entry, method, stack)
        identity = {"version": entry.version, "digest": entry.digest}
        return explain_model(explained, identity, serving, lambda: _examples(spans), settings)


def _check_label(label: str | None, labels: tuple[str, ...]) -> None:
    if label is not None and class_name(label) not in labels:
        raise InputError(f"The model does not know the class {label!r}.", f"It knows {', '.join(labels)}.")


def _entry(path: StoragePath) -> Entry:
    number = version_number(path.name)
    entry = None if number is None else registry.entry(str(path.parent), number)
    if entry is None or not entry.spans:
        raise InputError(f"Nothing says which photos {path} was trained on.", "Name a version of a registry that a run pushed.")
    return entry


def spans_of(data_root: str, entry: Entry) -> list[Span]:
    """The spans that the version was trained on, also where photos were forgotten since. Raises InputError if one is missing."""
    by_digest = {digest: span for span in list_spans(data_root) for digest in span.digests}
    for span in entry.spans:
        if span["digest"] not in by_digest:
            raise InputError(
                f"The data root {data_root} does not hold span {span['span']}, which version {entry.version} was trained on.",
                "Name its data root with --set data_root=DIR.",
            )
    return [by_digest[span["digest"]] for span in entry.spans]


def _load_serving(registry_uri: str, entry: Entry, method: Method, stack: contextlib.ExitStack) -> ServingModel:
    """What a candidate with the version's settings and data would be compared with today."""
    serving = registry.serving_with_other_fingerprint(registry_uri, entry.fingerprint)
    if serving is None:
        return ServingModel(None, reason="the registry holds no other model to compare with")
    folder = stack.enter_context(registry.local_model(registry.version_path(registry_uri, serving.version)))
    return load_serving_model(folder, str(serving.version), method)


def _examples(spans: list[Span]) -> Iterator[bytes]:
    for span in spans:
        yield from read_span_examples(span, EVALUATED_SPLIT)
