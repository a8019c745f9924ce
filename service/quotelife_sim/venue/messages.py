"""The venue's market-data messages (FIX.4.4 W, X, Y, B) as messages of the engine.

A repeating group is set as one field: the count, then the fields of the group with their delimiters. The engine writes
it unchanged and includes it in length and checksum, at a tenth of the cost of group objects.
"""

from collections.abc import Iterable

import quickfix as fix

from quotelife.runtime.clock import utc_timestamp
from quotelife_sim.markets.market import ADD, BID, CHANGE, DELETE, Scale
from quotelife_sim.venue.book import Order, VenueBook

SOH = "\x01"
_ACTION = {ADD: "0", CHANGE: "1", DELETE: "2"}
_TRADE = "2"
_NEWS_SENTIMENT = 20010


def snapshot(request_id: str, symbol: str, book: VenueBook, scale: Scale, wall_ns: int) -> fix.Message:
    """W: every resting order, oldest first within its price."""
    message = _message("W")
    message.setField(262, request_id)
    message.setField(55, symbol)
    message.setField(83, str(book.rpt_seq))
    stamp = _stamp(wall_ns)
    entries = [
        f"269={'0' if side == BID else '1'}{SOH}278={key}{SOH}"
        f"270={scale.price(px)}{SOH}271={scale.size(size)}{SOH}{stamp}"
        for key, (side, px, size) in book.orders.items()
    ]
    message.setField(268, SOH.join([str(len(entries)), *entries]))
    return message


def increments(request_id: str, entries: list[str]) -> fix.Message:
    """X: entries made by `order_entry` and `trade_entry`."""
    message = _message("X")
    message.setField(262, request_id)
    message.setField(268, SOH.join([str(len(entries)), *entries]))
    return message


def reject(request_id: str, text: str) -> fix.Message:
    """Y: MarketDataRequestReject, reason 0 (unknown symbol)."""
    message = _message("Y")
    message.setField(262, request_id)
    message.setField(281, "0")
    message.setField(58, text)
    return message


def order_entry(kind: int, key: int, order: Order, symbol: str, scale: Scale, rpt_seq: int, wall_ns: int) -> str:
    side, px, size = order
    return (
        f"279={_ACTION[kind]}{SOH}269={'0' if side == BID else '1'}{SOH}278={key}{SOH}55={symbol}{SOH}"
        f"270={scale.price(px)}{SOH}271={scale.size(size)}{SOH}{_stamp(wall_ns)}{SOH}83={rpt_seq}"
    )


def trade_entry(
    key: int, aggressor: int, px: int, size: int, symbol: str, scale: Scale, rpt_seq: int, wall_ns: int
) -> str:
    return (
        f"279=0{SOH}269={_TRADE}{SOH}278=T{key}{SOH}55={symbol}{SOH}270={scale.price(px)}{SOH}271={scale.size(size)}"
        f"{SOH}{_stamp(wall_ns)}{SOH}83={rpt_seq}{SOH}2446={'1' if aggressor == BID else '2'}"
    )


def news(headline: str, symbols: Iterable[str], sentiment: float, wall_ns: int) -> fix.Message:
    """B with NewsSentiment (20010) in [-1, 1] for the related symbols."""
    related = [f"55={symbol}" for symbol in symbols]
    message = _message("B")
    message.setField(42, utc_timestamp(wall_ns))
    message.setField(148, headline)
    message.setField(146, SOH.join([str(len(related)), *related]))
    message.setField(33, f"1{SOH}58={headline}")
    message.setField(_NEWS_SENTIMENT, f"{sentiment:g}")
    return message


def _message(kind: str) -> fix.Message:
    message = fix.Message()
    message.getHeader().setField(8, "FIX.4.4")
    message.getHeader().setField(35, kind)
    return message


def _stamp(wall_ns: int) -> str:
    """MDEntryDate and MDEntryTime."""
    date, _, time = utc_timestamp(wall_ns).partition("-")
    return f"272={date}{SOH}273={time}"
