"""Predictions of a pushed model. Nothing in here imports TFX."""
