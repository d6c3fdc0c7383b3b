"""A compiled package as a file: YAML with one or two documents (open source), or a PipelineJob as JSON (Vertex AI)."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from flowers_tfx.errors import InputError
from flowers_tfx.storage import output_file


@dataclass(frozen=True)
class Package:
    """`job` is the PipelineJob around the spec (Vertex AI), `platform` the second document (open source); empty if absent."""

    spec: dict[str, Any]
    platform: dict[str, Any] = field(default_factory=dict)
    job: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.spec.get("pipelineInfo", {}).get("name", ""))

    def text(self) -> str:
        """The same package gives the same bytes."""
        if self.job:
            return json.dumps({**self.job, "pipelineSpec": self.spec}, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        documents = [self.spec, *([self.platform] if self.platform else [])]
        return yaml.safe_dump_all(documents, sort_keys=True, allow_unicode=True, width=120, explicit_start=False)

    @contextlib.contextmanager
    def file(self) -> Iterator[str]:
        """A temporary file for kfp's client, which goes by the extension."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pipeline.yaml"
            path.write_text(self.text(), encoding="utf-8")
            yield str(path)


def read_package(path: Path) -> Package:
    """Raises InputError when the file cannot be read or is not a pipeline."""
    try:
        text = path.read_text(encoding="utf-8")
        documents = [json.loads(text)] if text.lstrip().startswith("{") else [part for part in yaml.safe_load_all(text) if part is not None]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The package {path} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}.") from None
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"The package {path} is neither YAML nor JSON: {' '.join(str(error).split())[:200]}.") from None
    if not documents or not all(isinstance(part, dict) for part in documents):
        raise _not_a_pipeline(path)
    first, *further = documents
    if isinstance(first.get("pipelineSpec"), dict):
        return Package(first["pipelineSpec"], job={key: value for key, value in first.items() if key != "pipelineSpec"})
    if "root" not in first or "deploymentSpec" not in first or len(further) > 1:
        raise _not_a_pipeline(path)
    if further and "platforms" not in further[0]:
        message = f"The second document of the package {path} has no key `platforms`."
        raise InputError(message, "Compile it with `flowers kubeflow compile`.")
    return Package(first, platform=further[0] if further else {})


def write_package(package: Package, path: Path) -> None:
    """Writes the whole file or nothing. Raises InputError if the file cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The package {path} cannot be written: {error.strerror}.", "Name another file with --out.") from None
    with output_file(path, "--out") as unfinished:
        unfinished.write_text(package.text(), encoding="utf-8")


def _not_a_pipeline(path: Path) -> InputError:
    return InputError(f"The package {path} does not contain a compiled pipeline.", "Compile one with `flowers kubeflow compile`.")
