"""A quote as the tape, the history and the explanation show it: names, prices and sizes as texts, times in Unix ms."""

from typing import NamedTuple

from quotelife.config import Config
from quotelife.dashboard.units import trading_units
from quotelife.explain.legs import ExplainedLegs
from quotelife.journal.names import RecordNames
from quotelife.journal.record import Record, decisive_side
from quotelife.ledger.history import QuoteRow
from quotelife.market.grid import Grid
from quotelife.runtime.clock import NS_PER_MS
from quotelife_models import schema as S
from quotelife_models.enums import BUY, MARKET_STATES, SIDE_TEXTS, TIERS

Event = dict[str, object]


class Decided(NamedTuple):
    """What a decision knew: market state, tier of the client, and the edge of the side that decided, in ticks."""

    market: str
    tier: str
    edge_ticks: float | None


def decided(record: Record | None) -> Decided | None:
    """None if no model has decided, or the record has been deleted."""
    sides = [] if record is None else record.sides
    if record is None or not sides:
        return None
    context = decisive_side(sides).context
    return Decided(MARKET_STATES[record.market_state], TIERS[int(context[S.CLIENT_TIER])], float(context[S.EDGE]))


class QuoteFields:
    """Formats with the units of a configuration; instruments and clients have the names that they had."""

    def __init__(self, config: Config) -> None:
        self.names = RecordNames(config)
        self._instruments = list(config.instrument)
        self._rows = {instrument.symbol: row for row, instrument in enumerate(config.instrument)}
        self._prices = [Grid(instrument.tick) for instrument in config.instrument]
        self._sizes = [Grid(instrument.lot) for instrument in config.instrument]
        self._bases = [trading_units(instrument).base for instrument in config.instrument]
        self._tiers = {client.name: client.tier for client in config.client}

    def quote(self, row: QuoteRow, by: Decided | None, legs: list[Record]) -> Event:
        """The event of a quote; where it is not known how it was decided, the tier is the client's of now."""
        at = -1 if row.symbol is None else self._rows.get(row.symbol, -1)
        prices, sizes = self._grids(at, legs)
        by = by or Decided("", self._tiers.get(row.client or "", ""), None)
        return {
            "kind": "quote",
            "request": row.request_id,
            "at_ms": row.wall_ns / NS_PER_MS,
            "side": SIDE_TEXTS[row.side],
            "quantity": str(row.quantity_lots) if sizes is None else sizes.short(row.quantity_lots),
            "row_units": self._bases[at] if at >= 0 else "",
            "model": row.model or "",
            "market": by.market,
            "client": row.client or "",
            "tier": by.tier,
            "symbol": " ".join(map(self._leg, legs)) if legs else row.symbol or "",
            "id": row.quote_id or "",
            "bid": _price(row.bid_ticks, prices),
            "offer": _price(row.offer_ticks, prices),
            "lifetime_ms": row.lifetime_ns / NS_PER_MS,
            "until_ms": row.valid_until_ns / NS_PER_MS,
            "reason": row.reason if row.model else "",
            "p_move": row.p_one_tick or 0.0,
            "p_pick_off": row.p_pick_off or 0.0,
            "edge_ticks": by.edge_ticks,
        }

    def size(self, row: int, lots: int) -> str:
        """A size of an instrument, in lots where it is not known."""
        return self._sizes[row].short(lots) if 0 <= row < len(self._sizes) else str(lots)

    def _grids(self, at: int, legs: list[Record]) -> tuple[Grid | None, Grid | None]:
        if at >= 0:
            return self._prices[at], self._sizes[at]
        try:
            multileg = ExplainedLegs(legs, self._instruments) if legs else None
        except ValueError:  # a leg is no longer configured
            multileg = None
        return (None, None) if multileg is None else (multileg.prices, multileg.sizes)

    def _leg(self, record: Record) -> str:
        return f"{'+' if record.side == BUY else '-'}{record.leg_ratio} {self.names.symbol(record) or ''}"


def _price(ticks: int, prices: Grid | None) -> str:
    """Empty for a side that was not quoted; in ticks where the instrument is not configured any more."""
    if not ticks:
        return ""
    return f"{ticks} ticks" if prices is None else prices.text(ticks)
