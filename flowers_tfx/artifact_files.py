"""Names of files in artifacts, for those who write and those who read them, relative to the artifact's folder."""

from __future__ import annotations

SCHEMA_FILE = "schema.pbtxt"
# Beside a SavedModel:
LABELS_FILE = "assets.extra/labels.txt"  # one class per line, in the order of the model's outputs
TRAINING_FILE = "assets.extra/training.json"  # settings, metrics and the chosen stage
