"""Files that the export puts beside a SavedModel, for all who read a model: names relative to the model's folder."""

from __future__ import annotations

LABELS_FILE = "assets.extra/labels.txt"  # a class a line, in the order of the model's outputs
TRAINING_FILE = "assets.extra/training.json"  # settings, metrics and the chosen stage
