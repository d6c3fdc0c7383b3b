"""Ingests a delivery of photos with the settings of a configuration."""

from __future__ import annotations

from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from flowers_tfx.config import PipelineConfig
from flowers_tfx.data.ingest import IngestRequest, IngestResult, ingest
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.engine_checks import check_engine
from flowers_tfx.orchestration.settings import beam_args, delivery_labels, pipeline_schema, with_s3_endpoint
from flowers_tfx.progress import ProgressCallback
from flowers_tfx.review.decisions import check_replaceable


def ingest_delivery(
    config: PipelineConfig,
    span: int | None,
    progress: ProgressCallback,
    replaces: int | None = None,
    ingest_id: str = "",
    rejects_path: Path | None = None,
) -> IngestResult:
    """Ingests the delivery `ingest.csv` as one span; it can replace one that a reviewer rejected. See `IngestRequest` for `ingest_id` and
    `ingest` for `rejects_path`.

    Raises InputError for bad input, also of Beam's engine, before anything starts; EngineFailed when the job fails.
    """
    if not config.ingest.csv:
        raise InputError("No delivery is named.", "Name one with --csv FILE, or with ingest.csv in the configuration.")
    check_engine(config.beam, {"data_root": config.data_root})
    if replaces is not None:
        check_replaceable(config.data_root, replaces, config.review.approvals)
    labels = tuple(delivery_labels(config, list(pipeline_schema(config).labels)))
    request = IngestRequest(
        csv=config.ingest.csv,
        labels=labels,
        data_root=config.data_root,
        span=span,
        split_salt=config.ingest.split_salt,
        shards=config.ingest.shards,
        max_pixels=config.ingest.max_pixels,
        ingest_id=ingest_id,
        replaces=replaces,
    )
    options = beam_args(with_s3_endpoint(config))
    return ingest(request, lambda: beam.Pipeline(options=PipelineOptions(options)), progress, rejects_path)
