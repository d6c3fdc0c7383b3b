"""Predictions of a pushed model. Nothing in here imports TFX, nor TensorFlow: only the engine `savedmodel` loads it."""
