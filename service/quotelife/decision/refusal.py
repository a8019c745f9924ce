"""Why a request gets no quote: one line for each reason, and the texts that more than one caller needs.

A reason is its name in metrics and journal and its QuoteRequestRejectReason (658). Where FIX.4.4 has no code of its
own: a lifetime below the useful minimum and a stop by the desk are Pass (10), because there is a market and the desk
declines; a request whose own ValidUntilTime has passed is Too late (4); too many requests are Exceeds limit (3); a
malformed request, a duplicate identifier and an internal error are Other (99). The Text always says which.
"""

from typing import NamedTuple

from quotelife.market.board import layout as L
from quotelife.runtime.clock import utc_timestamp


class RefusalReason(NamedTuple):
    """`name` is a metric label; its position among the distinct names below is its index in journal records. `code` is
    a value of QuoteRequestRejectReason (658)."""

    name: str
    code: int


# One line for each reason. Journals on disk hold the position of a name, so a new name goes at the end. Beside the
# line: the check, in `limits.py`, called for an instrument in `quoter.py` and for a multileg in `multileg_quoter.py`;
# the HTTP status, if not 409, in `quotelife.api.responses`; a code that is new, in `quotelife.fix.versions` for FIX.4.2
# and in `fix_config/README.md`.
UNKNOWN_SYMBOL = RefusalReason("unknown_symbol", 1)
UNKNOWN_CLIENT = RefusalReason("unknown_client", 6)
NOT_AUTHORISED = RefusalReason("not_authorised", 6)
MALFORMED = RefusalReason("malformed", 99)
DUPLICATE = RefusalReason("duplicate", 99)
RATE_LIMITED = RefusalReason("rate_limited", 3)
SIZE_OVER_LIMIT = RefusalReason("size_over_limit", 3)
NO_INVENTORY = RefusalReason("size_over_limit", 9)
CLOSED = RefusalReason("closed", 2)
NO_BOOK = RefusalReason("no_book", 8)
STALE_BOOK = RefusalReason("stale_book", 8)
HALTED = RefusalReason("halted", 2)
ONE_SIDED = RefusalReason("one_sided", 8)
CROSSED = RefusalReason("crossed", 8)
RISK = RefusalReason("risk", 10)  # the model declined to quote
INVALID_PRICE = RefusalReason("risk", 5)
NOT_USEFUL = RefusalReason("not_useful", 10)  # the lifetime is below the useful minimum
TOO_LATE = RefusalReason("not_useful", 4)
INTERNAL_ERROR = RefusalReason("internal_error", 99)
BUSY = RefusalReason("busy", 8)  # the writer held the book for longer than a reader waits
STOPPED = RefusalReason("stopped_by_desk", 10)
UNSUPPORTED_FIELD = RefusalReason("unsupported_field", 99)  # it asks for something else than what is quoted
PRICE_LIMIT = RefusalReason("price_limit", 5)  # the price is worse than the request's own

REFUSAL_REASONS = tuple(value for value in list(globals().values()) if isinstance(value, RefusalReason))
REFUSALS = tuple(dict.fromkeys(reason.name for reason in REFUSAL_REASONS))  # names by journal index


class Refusal(Exception):
    """No quote, for `reason`; `text` is the Text (58) that the client reads."""

    def __init__(self, reason: RefusalReason, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text


# What the board's status means to a trader; {symbol} and {since} (UTC) are filled in.
BOARD_STATUS_REFUSALS: dict[int, tuple[RefusalReason, str]] = {
    L.STATUS_WRITER_DEAD: (STALE_BOOK, "no market for {symbol}: market data has stopped, last seen {since}"),
    L.STATUS_NO_BOOK: (NO_BOOK, "no market for {symbol}: no book received yet"),
    L.STATUS_GAP: (STALE_BOOK, "no market for {symbol}: its book has had a gap since {since}"),
    L.STATUS_DISCONNECTED: (STALE_BOOK, "no market for {symbol}: its venue has been disconnected since {since}"),
    L.STATUS_STALE: (STALE_BOOK, "no market for {symbol}: its book is stale, no message from the venue since {since}"),
    L.STATUS_LATE: (STALE_BOOK, "no market for {symbol}: venue data delayed since {since}"),
    L.STATUS_MISMATCH: (
        NO_BOOK,
        "no market for {symbol}: since {since} its venue's instrument list has not confirmed the configured terms",
    ),
    L.STATUS_HALTED: (HALTED, "trading in {symbol} has been halted since {since}"),
    L.STATUS_ONE_SIDED: (ONE_SIDED, "no market for {symbol}: its book has been one-sided since {since}"),
    L.STATUS_CROSSED: (CROSSED, "no market for {symbol}: its book has been crossed or locked since {since}"),
    L.STATUS_BUSY: (BUSY, "no market for {symbol}: its book is being updated; request again"),
}


def no_market(symbol: str, status: int, since_ns: int, wall_ns: int, mono_ns: int) -> Refusal:
    """The refusal for a board status that is not OK; `since_ns` is monotonic."""
    reason, text = BOARD_STATUS_REFUSALS[status]
    if since_ns == 0 and status == L.STATUS_DISCONNECTED:
        return Refusal(reason, f"no market for {symbol}: its venue has not been connected yet")
    return Refusal(reason, text.format(symbol=symbol, since=utc_timestamp(wall_ns - max(mono_ns - since_ns, 0))))


def no_positive_price(symbol: str, quantity: str) -> Refusal:
    """The refusal for a requested side whose price is not above 0."""
    return Refusal(INVALID_PRICE, f"no positive price for {quantity} of {symbol}")
