"""Artifact types of this pipeline's own. Kubeflow's compiler wants names of the form `namespace.Name`; those of `system` it shows to
people on its own page."""

from __future__ import annotations

from tfx.types import artifact


class PhotoSample(artifact.Artifact):
    """Per-photo values of a sample: photos.parquet, thumbnails.parquet, and a JSON that says of what."""

    TYPE_NAME = "flowers.PhotoSample"


class DriftReview(artifact.Artifact):
    """reviews.json: the review of the new photos and further comparisons; new.parquet, baseline.parquet, thumbnails.parquet."""

    TYPE_NAME = "flowers.DriftReview"


class HtmlReport(artifact.Artifact):
    """A page for people, report.html."""

    TYPE_NAME = "system.HTML"


class MarkdownReport(artifact.Artifact):
    """The same in short, report.md."""

    TYPE_NAME = "system.Markdown"


class ScalarMetrics(artifact.Artifact):
    """Numbers, as custom properties; no files."""

    TYPE_NAME = "system.Metrics"


class ClassificationMetrics(artifact.Artifact):
    """A confusion matrix, as the custom property `confusionMatrix` in the form that Kubeflow draws; no files."""

    TYPE_NAME = "system.ClassificationMetrics"


class PublishedBaseline(artifact.Artifact):
    """Says in which version of the registry the baseline lies, or why none was published."""

    TYPE_NAME = "flowers.PublishedBaseline"


OWN_TYPES = (PhotoSample, DriftReview, HtmlReport, MarkdownReport, ScalarMetrics, ClassificationMetrics, PublishedBaseline)
