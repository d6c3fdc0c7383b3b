"""What can be seen before a training starts: whether there is something to train, and on what."""

from __future__ import annotations

from flowers_tfx.config.training import ModelConfig, TrainingConfig
from flowers_tfx.errors import InputError
from flowers_tfx.model.splits import SplitSource


def check_not_empty(train_set: SplitSource, eval_set: SplitSource) -> None:
    """Raises InputError for a split without photos."""
    for name, part in (("train", train_set), ("eval", eval_set)):
        if part.number < 1:
            raise InputError(f"The split {name} holds no photos.", "Ingest more photos, or change ingest.split_salt.")


def check_trainable(model: ModelConfig, classes: int, settings: TrainingConfig) -> None:
    """Raises InputError for fewer than two classes, and if no stage would train anything."""
    if classes < 2:
        raise InputError(f"A classifier needs two classes or more, not {classes}.", "Name them with the configuration key `labels`.")
    if not model.pretrained and settings.scratch_epochs < 1:
        raise InputError("There is nothing to train: no epochs.", "Set training.fine_tune_epochs to 1 or more.")
    if model.pretrained and settings.head_epochs < 1 and not settings.fine_tunes:
        raise InputError("There is nothing to train.", "Set training.head_epochs, or training.fine_tune_layers and fine_tune_epochs.")
