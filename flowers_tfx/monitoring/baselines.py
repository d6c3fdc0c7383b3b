"""The photos that the version that answered was trained on: the side that its answers are compared with."""

from __future__ import annotations

from dataclasses import replace

from flowers_tfx import registry
from flowers_tfx.data.tables import read_table
from flowers_tfx.errors import InputError
from flowers_tfx.review.baseline_sample import PHOTOS, baseline_side
from flowers_tfx.review.serving_model import ServingModel, Unavailable, model_without, read_figures
from flowers_tfx.review.sides import Side


def version_baseline(registry_uri: str, version: int) -> Side:
    """The version's sample of its training photos. Raises InputError for a version that is not in the registry, or has no sample."""
    if version not in registry.versions(registry_uri):
        raise InputError(
            f"Version {version}, which answered, is not in the registry {registry_uri}.",
            "Name the registry of the service with --set registry=DIR.",
        )
    path = registry.version_path(registry_uri, version) / registry.BASELINE_DIR / "sample" / PHOTOS
    if not path.is_file():
        raise InputError(
            f"Version {version} has no sample of the photos that it was trained on.", "Run the pipeline again: PublishBaseline adds it."
        )
    table = read_table(path)
    entry = registry.entry(registry_uri, version)
    facts = {
        "kind": "serving",
        "version": str(version),
        "digest": registry.baseline_digest(registry_uri, version) or None,
        "photos": int(table.facts.get("photos", len(table.frame))),
        "spans": [span["span"] for span in entry.spans],
    }
    return replace(baseline_side(f"version {version}", table), as_baseline=facts)


def version_model(registry_uri: str, version: int) -> ServingModel:
    """The version with the figures of its own test photos; it is not asked, since its answers are recorded."""
    try:
        return ServingModel(str(version), read_figures(registry.version_path(registry_uri, version)))
    except Unavailable as error:
        return model_without(str(version), str(error))
