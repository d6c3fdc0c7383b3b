"""The languages of the report: a table of texts each."""

from __future__ import annotations

from collections.abc import Mapping

from flowers_tfx.texts import english, german
from flowers_tfx.texts.numbers import NumberFormat
from flowers_tfx.texts.templates import Texts

ENGLISH = Texts("en", english.TEXTS, NumberFormat(decimal_comma=False, scale=english.SCALE))
_ALL: Mapping[str, Texts] = {
    "en": ENGLISH,
    "de": Texts("de", german.TEXTS, NumberFormat(decimal_comma=True, scale=german.SCALE)),
}
LANGUAGES = tuple(_ALL)


def texts_of(language: str) -> Texts:
    """Raises KeyError for a language that is not in `LANGUAGES`."""
    return _ALL[language]
