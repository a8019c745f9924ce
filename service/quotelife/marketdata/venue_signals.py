"""Parses a venue's news with a sentiment, and its trading halts.

A volatility index is not a signal: it is an ordinary instrument that the board row of another refers to.
"""

import math
from dataclasses import dataclass

from quotelife.fix import tags
from quotelife.fix.events import ApplicationMessage
from quotelife.fix.fields import as_int, as_text

# SecurityTradingStatus (326) in f
_INSTRUMENT_HALTED = {
    1: True,
    2: True,
    3: False,
    4: True,
    17: False,
    18: True,
    19: True,
    21: True,
    22: False,
    23: False,
}
# TradSesStatus (340) in h: halted, open, closed, pre-open, pre-close
_VENUE_HALTED = {1: True, 2: False, 3: True, 4: True, 5: False}


@dataclass(frozen=True, slots=True)
class News:
    """News (B): Headline (148), the custom NewsSentiment (20010) in [-1, 1], and the symbols of NoRelatedSym (146).

    Without symbols it concerns every instrument of the venue.
    """

    headline: str
    sentiment: float
    symbols: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Halt:
    """SecurityStatus (f) of one symbol, or TradingSessionStatus (h) of the whole venue (`symbol` None)."""

    symbol: bytes | None
    halted: bool


def read_news(message: ApplicationMessage) -> News | None:
    """The news, None without a finite sentiment."""
    try:
        sentiment = float(message.get(tags.NewsSentiment) or b"")
    except ValueError:
        return None
    if not math.isfinite(sentiment):
        return None
    symbols = tuple(message.all(tags.Symbol))
    return News(as_text(message.get(tags.Headline)), min(max(sentiment, -1.0), 1.0), symbols)


def read_halt(message: ApplicationMessage) -> Halt | None:
    """The halt or resumption, None for a status that does not concern trading."""
    if message.msg_type == tags.SECURITY_STATUS:
        halted = _INSTRUMENT_HALTED.get(as_int(message.get(tags.SecurityTradingStatus)) or 0)
        symbol = message.get(tags.Symbol)
        return None if halted is None or symbol is None else Halt(symbol, halted)
    halted = _VENUE_HALTED.get(as_int(message.get(tags.TradSesStatus)) or 0)
    return None if halted is None else Halt(None, halted)
