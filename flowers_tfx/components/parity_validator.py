"""ParityValidator: stops the run before the evaluation if the SavedModel, the LiteRT model and the code without TensorFlow answer
differently. Its certificate ties what is evaluated to what `flowers predict` answers (docs/adr/0018)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils

from flowers_tfx import features, registry, storage
from flowers_tfx.components.artifacts import CERTIFICATE_FILE, ParityCertificate
from flowers_tfx.components.executor import OwnExecutor
from flowers_tfx.components.own_component import OwnComponent
from flowers_tfx.data.example_files import read_examples
from flowers_tfx.data.records import bytes_feature
from flowers_tfx.features import EVALUATED_SPLIT
from flowers_tfx.model.difficult_pictures import difficult_pictures
from flowers_tfx.model.model_ways import ModelWays
from flowers_tfx.model.parity import ParityMeasurement, Photo
from flowers_tfx.parity_certificate import DIFFICULT, Certificate
from flowers_tfx.progress import Meter

MOST_PHOTOS = 5_000  # of the evaluated split: about a minute on two cores
_BATCH, _BATCH_BYTES = 32, 1 << 25


@dataclass(frozen=True)
class ParityValidatorParameters:
    """None: what is compared follows from the inputs."""


class ParityValidatorExecutor(OwnExecutor[ParityValidatorParameters]):
    # Of the Examples, one split is read, and from a bucket a file at a time.
    COPIES_ARTIFACTS = False

    def work(self) -> None:
        """Raises ParityFailed if the answers differ."""
        model = storage.storage_path(path_utils.serving_model_dir(self.input("model").uri))
        split = storage.storage_path(artifact_utils.get_split_uri(self.inputs["examples"], EVALUATED_SPLIT))
        with registry.local_model(model) as folder:
            certificate = certify(folder, split)
        target = storage.storage_path(self.output("certificate").uri)
        if isinstance(target, Path):
            target.mkdir(parents=True, exist_ok=True)
        (target / CERTIFICATE_FILE).write_bytes((json.dumps(certificate.as_json(), indent=2, ensure_ascii=False) + "\n").encode())


class ParityValidator(OwnComponent):
    INPUTS = {"model": standard_artifacts.Model, "examples": standard_artifacts.Examples}
    OUTPUTS = {"certificate": ParityCertificate}
    EXECUTOR = ParityValidatorExecutor


def certify(model: Path, split: storage.StoragePath, most: int = MOST_PHOTOS) -> Certificate:
    """Compares the ways of asking the model in a folder, on at most `most` photos of a split's records and on the difficult pictures.

    Raises ParityFailed if the answers differ.
    """
    ways = ModelWays(model)
    digests = sorted(bytes_feature(record, features.DIGEST) for record in read_examples(split))
    chosen, difficult = set(digests[:most]), difficult_pictures(ways.image_size)
    sets = {
        EVALUATED_SPLIT: _photos(split, chosen),
        DIFFICULT: (Photo(f"{DIFFICULT}: {picture.name}", picture.make()) for picture in difficult),
    }
    measurement = ParityMeasurement(ways, {EVALUATED_SPLIT: len(digests), DIFFICULT: len(difficult)})
    meter, done, total = Meter("photos compared"), 0, len(chosen) + len(difficult)
    for name, photos in sets.items():
        for batch in _batches(photos):
            measurement.add(name, batch)
            done += len(batch)
            meter(done, total)
    return measurement.certificate()


def _photos(split: storage.StoragePath, digests: set[bytes]) -> Iterator[Photo]:
    for record in read_examples(split):
        if bytes_feature(record, features.DIGEST) in digests:
            uri, label = (bytes_feature(record, name).decode() for name in (features.URI, features.LABEL))
            yield Photo(uri, bytes_feature(record, features.IMAGE), label)


def _batches(photos: Iterable[Photo]) -> Iterator[list[Photo]]:
    """A few photos, or one large one, at a time."""
    batch: list[Photo] = []
    size = 0
    for photo in photos:
        if batch and (len(batch) == _BATCH or size + len(photo.data) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(photo)
        size += len(photo.data)
    if batch:
        yield batch
