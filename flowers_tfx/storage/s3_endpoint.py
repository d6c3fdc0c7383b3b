"""The endpoint of s3://, for this process and for Beam's file systems on its workers."""

from __future__ import annotations

import os
import sys


def endpoint_url() -> str:
    """From the environment, as boto3 reads it, or, on a Beam worker without it, from the job's options. Empty for
    Amazon S3."""
    url = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
    beam = sys.modules.get("apache_beam.io.filesystems")
    if url or beam is None or beam.FileSystems._pipeline_options is None:
        return url
    from apache_beam.options.pipeline_options import S3Options

    return str(beam.FileSystems._pipeline_options.view_as(S3Options).s3_endpoint_url or "")


def configure_beam_worker(endpoint: str) -> None:
    """Call this on a Beam worker before it reads or writes. `endpoint`: the address of s3://, "" for that of the worker's own environment.
    Workers of a pool are started without the job's options, and without any Beam's file systems fail."""
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.options.pipeline_options import PipelineOptions

    if FileSystems._pipeline_options is None:
        FileSystems.set_options(PipelineOptions([f"--s3_endpoint_url={endpoint}"] if endpoint else []))


def s3_beam_args() -> list[str]:
    """Beam options with the endpoint of s3:// of this process, for workers on any machine. They hold no credentials: options end in logs
    and job records, and each worker has an environment of its own."""
    endpoint = endpoint_url()
    return [f"--s3_endpoint_url={endpoint}"] if endpoint else []
