"""The English messages of findings: what the JSON of a review and the command line show.

A module of its own, so that a change of another text of the report does not change the code of the comparison.
"""

from flowers_tfx.texts.english import findings, properties
from flowers_tfx.texts.numbers import NumberFormat
from flowers_tfx.texts.templates import Texts

MESSAGES = Texts("en", {**properties.TEXTS, **findings.TEXTS}, NumberFormat(decimal_comma=False, scale=properties.SCALE))
