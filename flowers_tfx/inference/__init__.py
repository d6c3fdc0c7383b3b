"""Answers from a pushed model. Nothing in here imports TFX."""
