"""Why a request gets no quote: the reason's name in metrics and journal, its QuoteRequestRejectReason (658), a Text.

Where FIX.4.4 has no code of its own: a lifetime below the useful minimum and a stop by the desk are a Pass (10), for
there is a market and the desk declines; a request whose own ValidUntilTime has passed is too late (4); too many
requests exceed a limit (3); what is malformed, used twice or failed inside the service is Other (99). The Text always
says which.
"""

from typing import NamedTuple

from quotelife.market.board import layout as L


class Reason(NamedTuple):
    """`name` is one of `quotelife.metrics.labels.REFUSALS`, `code` a value of 658."""

    name: str
    code: int


UNKNOWN_SYMBOL = Reason("unknown_symbol", 1)
CLOSED = Reason("closed", 2)
HALTED = Reason("halted", 2)
SIZE_OVER_LIMIT = Reason("size_over_limit", 3)
RATE_LIMITED = Reason("rate_limited", 3)
TOO_LATE = Reason("not_useful", 4)
INVALID_PRICE = Reason("risk", 5)
UNKNOWN_CLIENT = Reason("unknown_client", 6)
NOT_AUTHORISED = Reason("not_authorised", 6)
NO_INVENTORY = Reason("size_over_limit", 9)
NO_BOOK = Reason("no_book", 8)
STALE_BOOK = Reason("stale_book", 8)
BUSY = Reason("busy", 8)
ONE_SIDED = Reason("one_sided", 8)
CROSSED = Reason("crossed", 8)
RISK = Reason("risk", 10)
NOT_USEFUL = Reason("not_useful", 10)
STOPPED = Reason("stopped_by_desk", 10)
MALFORMED = Reason("malformed", 99)
DUPLICATE = Reason("duplicate", 99)
INTERNAL_ERROR = Reason("internal_error", 99)

REASONS = (
    UNKNOWN_SYMBOL, CLOSED, HALTED, SIZE_OVER_LIMIT, RATE_LIMITED, TOO_LATE, INVALID_PRICE, UNKNOWN_CLIENT,
    NOT_AUTHORISED, NO_INVENTORY, NO_BOOK, STALE_BOOK, BUSY, ONE_SIDED, CROSSED, RISK, NOT_USEFUL, MALFORMED, DUPLICATE,
    INTERNAL_ERROR, STOPPED,
)  # fmt: skip


class Refused(Exception):
    """No quote, for `reason`; the exception's text is the Text (58) that the client reads."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text


# What the board's status means to a trader; {symbol} and {since} (UTC) are filled in.
OF_STATUS: dict[int, tuple[Reason, str]] = {
    L.STATUS_WRITER_DEAD: (STALE_BOOK, "no market for {symbol}: market data has stopped, last seen {since}"),
    L.STATUS_NO_BOOK: (NO_BOOK, "no market for {symbol}: no book yet"),
    L.STATUS_GAP: (STALE_BOOK, "no market for {symbol}: its book has a gap since {since}"),
    L.STATUS_DISCONNECTED: (STALE_BOOK, "no market for {symbol}: its venue is disconnected since {since}"),
    L.STATUS_STALE: (STALE_BOOK, "no market for {symbol}: its book is stale, nothing from the venue since {since}"),
    L.STATUS_LATE: (STALE_BOOK, "no market for {symbol}: what its venue sends comes late since {since}"),
    L.STATUS_HALTED: (HALTED, "trading in {symbol} is halted since {since}"),
    L.STATUS_ONE_SIDED: (ONE_SIDED, "no market for {symbol}: its book is one-sided since {since}"),
    L.STATUS_CROSSED: (CROSSED, "no market for {symbol}: its book is crossed or locked since {since}"),
    L.STATUS_BUSY: (BUSY, "no market for {symbol}: its book is being written, for longer than we wait; ask again"),
}
