"""The fields of the lines of a delivery's CSV, as ingest reads them."""

from __future__ import annotations


def csv_field(text: str) -> str:
    """Quoted if a reader would split it or strip blanks at its ends."""
    if text == text.strip() and not any(c in text for c in ',"'):
        return text
    return '"' + text.replace('"', '""') + '"'
