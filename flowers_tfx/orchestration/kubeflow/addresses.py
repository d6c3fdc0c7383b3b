"""Bucket addresses, and the folders under which Kubeflow's launcher stores their objects in a step."""

from __future__ import annotations

# As in the launcher: gs://BUCKET/KEY is stored at /gcs/BUCKET/KEY. Vertex AI mounts the first one, too.
MOUNTS = {"gs://": "/gcs/", "s3://": "/s3/", "minio://": "/minio/"}
BUCKETS = tuple(MOUNTS)


def is_bucket(uri: str) -> bool:
    """Whether a step in a container of its own can reach this address: gs://, s3:// or minio://, with the name of a bucket."""
    return any(uri.startswith(scheme) and bool(uri[len(scheme) :].strip("/")) for scheme in BUCKETS)


def mount_path(uri: str) -> str:
    """The path at which a step finds an artifact. Anything but a bucket's address stays as it is."""
    for scheme, folder in MOUNTS.items():
        if uri.startswith(scheme):
            return folder + uri[len(scheme) :]
    return uri
