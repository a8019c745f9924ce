"""Converts prices and sizes between wire text and integer ticks or lots, without binary fractions."""

from decimal import Decimal, InvalidOperation

_CACHE_SIZE = 4_096  # cached texts and numbers per grid: the same prices and sizes recur


class Grid:
    """Multiples of a decimal step such as "0.25" or "0.00000001"."""

    def __init__(self, step: str) -> None:
        """ValueError if `step` is not a positive decimal."""
        try:
            value = Decimal(step).normalize()
        except InvalidOperation:
            value = Decimal(0)
        if not value.is_finite() or value <= 0:
            raise ValueError(f"not a positive decimal: {step!r}")
        exponent = value.as_tuple().exponent
        assert isinstance(exponent, int)
        self.step = step
        self.decimals = max(0, -exponent)  # of the step
        self._scale = 10**self.decimals
        self.unit = int(value * self._scale)  # the step in units of its last decimal
        self._units: dict[str, int] = {}
        self._texts: dict[int, str] = {}

    def units(self, text: str) -> int:
        """Number of steps in a FIX Price or Qty text: an optional sign, digits, at most one point.

        ValueError, with a text for the client, if it is not a number or not a multiple of the step.
        """
        units = self._units.get(text)
        if units is None:
            if len(self._units) >= _CACHE_SIZE:
                self._units.clear()
            units = self._units[text] = self._parse(text)
        return units

    def _parse(self, text: str) -> int:
        whole, _, fraction = text.partition(".")
        digits = whole + fraction
        negative = digits.startswith("-")
        if negative:
            digits = digits[1:]
        if not (digits.isascii() and digits.isdigit()):
            raise ValueError(f"{text!r} is not a number")
        excess = len(fraction) - self.decimals
        if excess > 0:
            if fraction[self.decimals :].strip("0"):
                raise ValueError(f"{text} is not a multiple of {self.step}")
            scaled = int(digits[:-excess] or "0")
        else:
            scaled = int(digits) * 10**-excess
        units, rest = divmod(scaled, self.unit)
        if rest:
            raise ValueError(f"{text} is not a multiple of {self.step}")
        return -units if negative else units

    def text(self, units: int) -> str:
        """The decimal text of `units` steps, with the decimals of the step."""
        text = self._texts.get(units)
        if text is None:
            if len(self._texts) >= _CACHE_SIZE:
                self._texts.clear()
            text = self._texts[units] = self._format(units)
        return text

    def _format(self, units: int) -> str:
        if not self.decimals:
            return str(units * self.unit)
        sign = "-" if units < 0 else ""
        whole, rest = divmod(abs(units) * self.unit, self._scale)
        return f"{sign}{whole}.{rest:0{self.decimals}d}"

    def short(self, units: int) -> str:
        """`text` without trailing zeros, for sizes and for display."""
        text = self.text(units)
        return text.rstrip("0").rstrip(".") if self.decimals else text
