"""Self-contained reports (HTML and JSON) from typed results; no TFX here."""
