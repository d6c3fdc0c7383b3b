"""Executors that read and write files of this machine, for artifacts that lie in a bucket: each is brought here before the work, and taken
back when it is done. Under Kubeflow the cluster's launcher does the same."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tfx import types

from flowers_tfx import storage

Artifacts = Mapping[str, Sequence[types.Artifact]]
Do = Callable[[Any, dict[str, Any], dict[str, list[types.Artifact]], dict[str, Any]], None]


def carried(do: Do) -> Do:
    """The `Do` of an executor for artifacts anywhere. Of one that fails nothing is taken back."""

    @functools.wraps(do)
    def wherever(
        self: Any, input_dict: dict[str, Any], output_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]
    ) -> None:
        with tempfile.TemporaryDirectory(prefix="flowers-artifacts-") as scratch:
            here = Path(scratch)
            with _moved(input_dict, here / "inputs") as inputs:
                for local, home in inputs:
                    storage.fetch(home, local)
                with _moved(output_dict, here / "outputs") as outputs:
                    do(self, input_dict, output_dict, exec_properties)
                    for local, home in outputs:
                        for name in storage.file_sizes(local):
                            (home / name).upload(local / name)

    return wherever


@contextmanager
def _moved(artifacts: Artifacts, here: Path) -> Iterator[list[tuple[Path, storage.BucketPath]]]:
    """Artifacts in buckets get folders below `here` for the time being: what these are, and where each belongs."""
    moved, addresses = [], []
    try:
        for key, instances in artifacts.items():
            for number, artifact in enumerate(instances):
                home = storage.storage_path(artifact.uri)
                if isinstance(home, storage.BucketPath):
                    local = here / key / str(number)
                    local.mkdir(parents=True)
                    moved.append((local, home))
                    addresses.append((artifact, artifact.uri))
                    artifact.uri = str(local)
        yield moved
    finally:
        for artifact, uri in addresses:
            artifact.uri = uri
