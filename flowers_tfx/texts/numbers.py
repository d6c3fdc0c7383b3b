"""How a language writes numbers, shares and values with units."""

from __future__ import annotations

import math
from dataclasses import dataclass

UNKNOWN = "\N{EN DASH}"  # in the place of a number that is unknown
_SWAP = str.maketrans(",.", ".,")


@dataclass(frozen=True)
class NumberFormat:
    """`decimal_comma`: 1.234,5 instead of 1,234.5; `scale`: a template of a value's range, with {low} and {high}."""

    decimal_comma: bool
    scale: str

    def number(self, value: float | None) -> str:
        """Three significant digits, whole from 100."""
        if value is None or not math.isfinite(value):
            return UNKNOWN
        return self._localized(f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}")

    def count(self, number: float | None) -> str:
        return UNKNOWN if number is None or not math.isfinite(number) else self._localized(f"{number:,.0f}")

    def decimal(self, value: float | None, digits: int) -> str:
        return UNKNOWN if value is None or not math.isfinite(value) else self._localized(f"{value:.{digits}f}")

    def percentage(self, points: float | None) -> str:
        """Hundredths as a percentage: whole from 10, with a decimal below, and never 0 or 100 by rounding."""
        if points is None or not math.isfinite(points):
            return UNKNOWN
        for digits in (0, 1, 2):
            text = f"{points:.{digits}f}"
            exact = abs(float(text) - points) < 1e-9
            if exact or ((points >= 10 or digits > 0) and 0 < float(text) < 100):
                return f"{self._localized(text)} %"
        return f"< {self._localized('0.01')} %" if points < 50 else f"> {self._localized('99.99')} %"

    def with_unit(self, value: float | None, unit: str, with_scale: bool = True) -> str:
        """A unit that is a range, such as 1-100, is the scale of the value; one such as width/height is left out."""
        number = self.number(value)
        if number == UNKNOWN or not unit or ("/" in unit and not unit.endswith("/px")):
            return number
        if not any(c.isdigit() for c in unit):
            return f"{number} {unit}"
        low, _, high = unit.rpartition("-")
        return f"{number} ({self.scale.format(low=low, high=high)})" if low and with_scale else number

    def _localized(self, text: str) -> str:
        return text.translate(_SWAP) if self.decimal_comma else text
