"""Per-photo tables: read, checked, and with both sides' features aligned."""
