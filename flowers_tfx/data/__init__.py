"""Photos from outside to spans of Examples. No TFX in here."""
