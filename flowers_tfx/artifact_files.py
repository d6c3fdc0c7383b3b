"""Names of the files in artifacts, relative to the artifact's folder, for writers and readers."""

from __future__ import annotations

SCHEMA_FILE = "schema.pbtxt"
DATA_FILE = "data.json"  # the window's spans with counts, verdicts and decisions, and the run's review
BEST_HYPERPARAMETERS_FILE = "best_hyperparameters.txt"  # the name that TFX's Tuner gives it; JSON of KerasTuner
# Beside a SavedModel:
LABELS_FILE = "assets.extra/labels.txt"  # one class per line, in the order of the model's outputs
TRAINING_FILE = "assets.extra/training.json"  # settings, metrics and the chosen stage
UNKNOWN_FILE = "assets.extra/unknown.json"  # how the model tells that it does not know a photo, and its temperature
LITERT_FILE = "assets.extra/model.tflite"  # the same network for LiteRT: pictures to probabilities and pooled features, float32
LITERT_INT8_FILE = "assets.extra/model_int8.tflite"  # the same, quantised; only with `export.int8`
LITERT_RECORD_FILE = "assets.extra/litert.json"  # digests of the LiteRT models and of the SavedModel that they belong to
PARITY_FILE = "assets.extra/parity.json"  # how far the answers of the SavedModel and of the LiteRT model differ
WARM_UP_FILE = "assets.extra/tf_serving_warmup_requests"  # requests that a server answers before it takes the version into use
