"""Artifact types of this pipeline's own."""

from __future__ import annotations

from tfx.types import artifact


class PhotoSample(artifact.Artifact):
    """Per-photo values of a sample: photos.parquet, thumbnails.parquet, and a JSON that says of what."""

    TYPE_NAME = "flowers.PhotoSample"


class DriftReview(artifact.Artifact):
    """reviews.json: the review of the new photos and further comparisons; new.parquet, baseline.parquet, thumbnails.parquet."""

    TYPE_NAME = "flowers.DriftReview"


class HtmlReport(artifact.Artifact):
    """A page for people. Kubeflow's own page shows artifacts of this type."""

    TYPE_NAME = "system.HTML"


class PublishedBaseline(artifact.Artifact):
    """Says in which version of the registry the baseline lies, or why none was published."""

    TYPE_NAME = "flowers.PublishedBaseline"
