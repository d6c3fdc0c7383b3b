"""Artifact types that several components share; a type of one component stands in its file. Kubeflow's compiler wants names of the form
`namespace.Name`; those of `system` it shows to people on its own page."""

from __future__ import annotations

from tfx.types import artifact

CERTIFICATE_FILE = "parity.json"


class PhotoSample(artifact.Artifact):
    """Per-photo values of a sample: photos.parquet, thumbnails.parquet, and a JSON file that describes the sample."""

    TYPE_NAME = "flowers.PhotoSample"


class DriftReview(artifact.Artifact):
    """reviews.json: the review of the new photos and further comparisons; new.parquet, baseline.parquet, thumbnails.parquet."""

    TYPE_NAME = "flowers.DriftReview"


class ParityCertificate(artifact.Artifact):
    """parity.json: how far the ways of asking one model differ (flowers_tfx/parity_certificate.py)."""

    TYPE_NAME = "flowers.ParityCertificate"


class DataRecord(artifact.Artifact):
    """data.json: the window's spans with counts, verdicts and decisions, and the run's review (flowers_tfx/review/data_record.py)."""

    TYPE_NAME = "flowers.DataRecord"


class HtmlReport(artifact.Artifact):
    """A page for people, report.html."""

    TYPE_NAME = "system.HTML"


class MarkdownReport(artifact.Artifact):
    """The same page in short, report.md."""

    TYPE_NAME = "system.Markdown"


def own_types() -> list[type[artifact.Artifact]]:
    """The artifact types of this package whose modules are imported, those that a component's own file defines included."""
    every: list[type[artifact.Artifact]] = [artifact.Artifact]
    for known in every:
        every.extend(known.__subclasses__())
    return [known for known in every if known.__module__.partition(".")[0] == __name__.partition(".")[0]]
