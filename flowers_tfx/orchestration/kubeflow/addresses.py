"""Bucket addresses, and the folders at which Kubeflow's launcher lays out what lies there."""

from __future__ import annotations

# As the launcher has them: gs://BUCKET/KEY lies at /gcs/BUCKET/KEY. Vertex AI mounts the first one, too.
MOUNTS = {"gs://": "/gcs/", "s3://": "/s3/", "minio://": "/minio/"}
BUCKETS = tuple(MOUNTS)


def is_bucket(uri: str) -> bool:
    """Whether a step in a container of its own can reach this address: gs://, s3:// or minio://, with a bucket's name."""
    return any(uri.startswith(scheme) and bool(uri[len(scheme) :].strip("/")) for scheme in BUCKETS)


def mount_path(uri: str) -> str:
    """The path at which a step finds an artifact. Anything but a bucket's address stays as it is."""
    for scheme, folder in MOUNTS.items():
        if uri.startswith(scheme):
            return folder + uri[len(scheme) :]
    return uri
