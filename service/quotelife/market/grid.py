"""Prices in ticks and sizes in lots, and their texts on the wire: integers only, no binary fractions."""

from decimal import Decimal, InvalidOperation

_KEPT = 4_096  # texts and numbers of a grid that are remembered: sizes and prices come again


class Grid:
    """Multiples of a decimal step such as "0.25" or "0.00000001"."""

    def __init__(self, step: str) -> None:
        """ValueError if `step` is no positive decimal."""
        try:
            value = Decimal(step).normalize()
        except InvalidOperation:
            value = Decimal(0)
        if not value.is_finite() or value <= 0:
            raise ValueError(f"not a positive decimal: {step!r}")
        exponent = value.as_tuple().exponent
        assert isinstance(exponent, int)
        self.step = step
        self.decimals = max(0, -exponent)
        self._scale = 10**self.decimals
        self._unit = int(value * self._scale)  # the step in units of its last decimal
        self._units: dict[str, int] = {}
        self._texts: dict[int, str] = {}

    def units(self, text: str) -> int:
        """Steps in a FIX Price or Qty text, which is a sign, digits and one point at most.

        ValueError with a text for the client if it is no number or no multiple of the step.
        """
        units = self._units.get(text)
        if units is None:
            if len(self._units) >= _KEPT:
                self._units.clear()
            units = self._units[text] = self._read(text)
        return units

    def _read(self, text: str) -> int:
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
        units, rest = divmod(scaled, self._unit)
        if rest:
            raise ValueError(f"{text} is not a multiple of {self.step}")
        return -units if negative else units

    def text(self, units: int) -> str:
        """The decimal text of `units` steps, with the decimals of the step."""
        text = self._texts.get(units)
        if text is None:
            if len(self._texts) >= _KEPT:
                self._texts.clear()
            text = self._texts[units] = self._write(units)
        return text

    def _write(self, units: int) -> str:
        if not self.decimals:
            return str(units * self._unit)
        sign = "-" if units < 0 else ""
        whole, rest = divmod(abs(units) * self._unit, self._scale)
        return f"{sign}{whole}.{rest:0{self.decimals}d}"

    def short(self, units: int) -> str:
        """`text` without trailing zeros, for sizes and for reading."""
        text = self.text(units)
        return text.rstrip("0").rstrip(".") if self.decimals else text
