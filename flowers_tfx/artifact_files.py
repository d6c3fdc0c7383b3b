"""Names of the files in artifacts, relative to the artifact's folder, for writers and readers."""

from __future__ import annotations

SCHEMA_FILE = "schema.pbtxt"
# Beside a SavedModel:
LABELS_FILE = "assets.extra/labels.txt"  # one class per line, in the order of the model's outputs
TRAINING_FILE = "assets.extra/training.json"  # settings, metrics and the chosen stage
