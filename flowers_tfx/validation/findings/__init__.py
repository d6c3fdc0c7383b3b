"""Findings from tests and counts: their effects, levels and messages."""
