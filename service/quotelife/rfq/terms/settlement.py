"""Which settlement a request states: the instrument's own, an outright forward, or the two of a swap.

SettlType (63) and SettlDate (64) must name the same one. A forward is quoted as spot plus points, in ticks; a swap has
one spot price for both dates, so only its points are dealt.
"""

from typing import NoReturn

from msgspec import Struct

from quotelife.config.instrument_sections import Forward, Instrument
from quotelife.decision import refusal
from quotelife.decision.refusal import Refusal
from quotelife.market.grid import Grid
from quotelife.rfq.terms.identity import NameOf, Stated, found

SETTL_TYPE, SETTL_DATE, FAR_DATE = "63", "64", "193"
REGULAR = "0"  # SettlType: whatever the instrument's own settlement is
_BY_DATE = ("6", "B")  # SettlType: a date of its own, which SettlDate states


class Settlement(Struct, frozen=True):
    """One settlement of an instrument. `tenor` is its SettlType, empty for the instrument's own; the points are added
    to our bid and our offer."""

    tenor: str
    date: str
    bid_points: int = 0
    offer_points: int = 0

    @property
    def is_forward(self) -> bool:
        return bool(self.tenor)


class Settlements:
    """The settlements of one instrument. `points` in ticks by tenor."""

    def __init__(self, config: Instrument, prices: Grid) -> None:
        self.symbol = config.symbol
        self._own = Settlement("", config.settl_date or "")
        self._own_types = {REGULAR, config.settl_type}
        self._forwards = {forward.tenor: forward for forward in config.forward}
        self.points: dict[str, tuple[int, int]] = {
            tenor: (prices.units(forward.bid_points), prices.units(forward.offer_points))
            for tenor, forward in self._forwards.items()
            if forward.bid_points is not None and forward.offer_points is not None
        }
        self.dates: dict[str, str] = {t: f.settl_date for t, f in self._forwards.items() if f.settl_date is not None}

    def tenor(self, stated: Stated, name_of: NameOf) -> str:
        """The tenor by SettlType (63) and SettlDate (64), empty for the instrument's own settlement; refused if there
        is none, or they name different ones."""
        return self._find(stated.get(SETTL_TYPE), stated.get(SETTL_DATE), SETTL_DATE, stated, name_of)

    def far_tenor(self, stated: Stated, name_of: NameOf) -> str:
        """That of the far leg of a swap, by SettlDate2 (193)."""
        return self._find(None, stated[FAR_DATE], FAR_DATE, stated, name_of)

    def date_of(self, tenor: str) -> str:
        """Its date, empty where it is not known."""
        return self.dates.get(tenor, "") if tenor else self._own.date

    def of_tenor(self, tenor: str) -> Settlement:
        """The settlement with the points in force; refused if there are none."""
        return self._own if not tenor else self._forward(self._forwards[tenor])

    def _find(self, kind: str | None, date: str | None, date_tag: str, stated: Stated, name_of: NameOf) -> str:
        if kind in _BY_DATE and kind not in self._forwards and kind not in self._own_types:
            if date is None:
                text = f"{name_of(date_tag)} of {self.symbol} is missing beside {name_of(SETTL_TYPE)} '{kind}'"
                raise Refusal(refusal.MALFORMED, text)
            kind = None
        if kind is not None and kind not in self._own_types and kind not in self._forwards:
            known = [REGULAR, *(t for t in self._own_types if t not in (REGULAR, None)), *self._forwards]
            self._refuse(SETTL_TYPE, stated, ", ".join(str(each) for each in known), name_of)
        if date is None:
            return "" if kind is None or kind in self._own_types else kind
        tenor = self._tenor_of(date)
        if tenor is None or (kind is not None and tenor != ("" if kind in self._own_types else kind)):
            self._refuse(date_tag, stated, self._dates_for(kind), name_of)
        return tenor

    def _tenor_of(self, date: str) -> str | None:
        """Empty for the instrument's own date, None for one that is not quoted."""
        if date == self._own.date:
            return ""
        return next((tenor for tenor, known in self.dates.items() if known == date), None)

    def _dates_for(self, kind: str | None) -> str:
        """The dates that a request with that SettlType may state."""
        named = {"": self._own.date, **self.dates}
        if kind is not None:
            named = {tenor: d for tenor, d in named.items() if tenor == ("" if kind in self._own_types else kind)}
        return ", ".join(f"{date} ({tenor or 'regular'})" for tenor, date in named.items() if date)

    def _forward(self, forward: Forward) -> Settlement:
        points = self.points.get(forward.tenor)
        if points is None:
            text = f"no market for {self.symbol} {forward.tenor}: there are no forward points"
            raise Refusal(refusal.NO_BOOK, text)
        return Settlement(forward.tenor, self.dates.get(forward.tenor, ""), *points)

    def _refuse(self, tag: str, stated: Stated, allowed: str, name_of: NameOf) -> NoReturn:
        text = f"{found(tag, self.symbol, stated, name_of)}; allowed: {allowed or 'absent'}"
        raise Refusal(refusal.UNSUPPORTED_FIELD, text)
