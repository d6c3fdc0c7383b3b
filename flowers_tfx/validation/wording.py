"""Numbers and names as the English messages of findings write them."""

from __future__ import annotations

from flowers_tfx.texts.finding_messages import MESSAGES
from flowers_tfx.texts.templates import capitalized as sentence

__all__ = ["number", "percentage", "sentence", "title_of", "value_with_unit"]

title_of = MESSAGES.title
number = MESSAGES.numbers.number
percentage = MESSAGES.numbers.percentage
value_with_unit = MESSAGES.amount
