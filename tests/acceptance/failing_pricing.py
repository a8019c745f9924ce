"""Pricing of a desk that has a bug: it fails for sizes of 7 lots and of 8 lots, in two ways."""

from quotelife.decision.pricing import default


class FailingPricing:
    def price(self, snap, x, size_lots, half_spread, margin, shift, out) -> None:
        if size_lots == 7:
            raise RuntimeError("a bug of the desk's own")
        if size_lots == 8:
            raise SystemExit(3)
        default.price(snap, x, size_lots, half_spread, margin, shift, out)


provider = FailingPricing()
