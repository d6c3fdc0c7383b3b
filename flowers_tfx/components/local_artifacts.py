"""Artifacts in a bucket, as folders of this machine while an executor works. Under Kubeflow the cluster's launcher does the same."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tfx import types
from tfx.types.value_artifact import ValueArtifact

from flowers_tfx import storage

Artifacts = Mapping[str, Sequence[types.Artifact]]


@contextmanager
def local_artifacts(inputs: Artifacts, outputs: Artifacts) -> Iterator[None]:
    """Inside the `with` block, every artifact's URI is a path on this machine: inputs were downloaded, outputs are uploaded at the end.

    Nothing is uploaded when the body raises. Value artifacts stay where they are: TFX reads and writes their one file itself.
    """
    with (
        tempfile.TemporaryDirectory(prefix="flowers-artifacts-") as scratch,
        _local_uris(inputs, Path(scratch) / "inputs") as downloads,
        _local_uris(outputs, Path(scratch) / "outputs") as uploads,
    ):
        for folder, bucket_path in downloads:
            storage.fetch(bucket_path, folder)
        yield
        for folder, bucket_path in uploads:
            for name in storage.file_sizes(folder):
                (bucket_path / name).upload(folder / name)


@contextmanager
def _local_uris(artifacts: Artifacts, scratch: Path) -> Iterator[list[tuple[Path, storage.BucketPath]]]:
    """Points artifacts that lie in buckets to folders below `scratch`; yields each folder with the bucket path that it stands for."""
    folders, original_uris = [], []
    try:
        for key, instances in artifacts.items():
            for number, artifact in enumerate(instances):
                path = storage.storage_path(artifact.uri)
                if isinstance(path, storage.BucketPath) and not isinstance(artifact, ValueArtifact):
                    folder = scratch / key / str(number)
                    folder.mkdir(parents=True)
                    folders.append((folder, path))
                    original_uris.append((artifact, artifact.uri))
                    artifact.uri = str(folder)
        yield folders
    finally:
        for artifact, uri in original_uris:
            artifact.uri = uri
