"""Messages of findings, names of properties and sentences on limits of a data review, in each language. Reviews are in English so far.

A text has a key, the same in all languages: `english/` and `german/` hold a table from key to template. `Texts` fills templates in. Whoever
makes a text writes it into both tables; a test compares keys and placeholders.
"""

from flowers_tfx.texts.languages import ENGLISH, LANGUAGES, texts_of
from flowers_tfx.texts.templates import Texts

__all__ = ["ENGLISH", "LANGUAGES", "Texts", "texts_of"]
