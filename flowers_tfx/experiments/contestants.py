"""The models that are compared photo by photo: those of the runs, and the one that serves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flowers_tfx import registry
from flowers_tfx.config import PipelineConfig
from flowers_tfx.errors import InputError
from flowers_tfx.experiments.experiment import Experiment
from flowers_tfx.litert import LiteRtModel
from flowers_tfx.model_folder import load_litert, read_labels
from flowers_tfx.registry import local_model
from flowers_tfx.storage import StoragePath


@dataclass(frozen=True)
class Contestant:
    """`name`: a run's id, or the version that serves; `spans`: digests of the spans whose split `test` was held back from its training."""

    name: str
    folder: StoragePath
    spans: tuple[str, ...]


@dataclass(frozen=True)
class LoadedContestant:
    contestant: Contestant
    labels: tuple[str, ...]
    model: LiteRtModel


def contestant_of(experiment: Experiment) -> Contestant | None:
    """None for a run without a model."""
    if experiment.model is None:
        return None
    return Contestant(experiment.run_id, experiment.model, tuple(span["digest"] for span in experiment.data.spans))


def serving_contestant(config: PipelineConfig) -> Contestant:
    """Raises InputError where no version serves."""
    version = registry.serving_version(config.registry)
    entry = registry.entry(config.registry, version)
    return Contestant(
        f"version {version}", registry.version_path(config.registry, version), tuple(str(span["digest"]) for span in entry.spans)
    )


@contextlib.contextmanager
def load_contestants(contestants: Sequence[Contestant]) -> Iterator[tuple[list[LoadedContestant], dict[str, str]]]:
    """The models that LiteRT can load, and why the others cannot be asked, by name. A model in a bucket is copied to this machine for the
    time of the block."""
    loaded, reasons = [], {}
    with contextlib.ExitStack() as stack:
        for contestant in contestants:
            try:
                folder = stack.enter_context(local_model(contestant.folder))
                loaded.append(LoadedContestant(contestant, read_labels(folder), load_litert(folder)))
            except InputError as error:
                reasons[contestant.name] = error.message
        yield loaded, reasons
