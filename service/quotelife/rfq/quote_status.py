"""The state of a quote in the words of FIX, from memory or from the history.

QuoteStatus (297) of FIX.4.4 has no word for a filled quote: it is removed from the market (6), and the Text says
filled. A quote that was taken back, by the desk or by its client, is cancelled for its symbol (1).
"""

from quotelife.decision.multileg import Multileg
from quotelife.decision.quoted_instrument import QuotedInstrument
from quotelife.ledger import history as H
from quotelife.rfq import messages
from quotelife.rfq.open_quotes import (
    CANCELLED,
    EXPIRED,
    FILLED,
    OPEN,
    PASSED,
    REPLACED,
    RESERVED,
    VOIDED,
    WITHDRAWN,
    OpenQuote,
)
from quotelife.runtime.clock import utc_timestamp

REFUSED = H.REFUSED  # state of a row of the history that is no quote
(ACCEPTED, TAKEN_BACK, ALL_CANCELLED, REJECTED, REMOVED, EXPIRED_STATUS, NOT_FOUND, PASS) = 0, 1, 4, 5, 6, 7, 9, 11

_OF_STATE = {
    RESERVED: (REMOVED, "filled"),
    FILLED: (REMOVED, "filled"),
    EXPIRED: (EXPIRED_STATUS, "expired"),
    PASSED: (PASS, "passed on by the client"),
    VOIDED: (TAKEN_BACK, "ended with its session"),
    WITHDRAWN: (TAKEN_BACK, "withdrawn"),
    CANCELLED: (TAKEN_BACK, "cancelled by the client"),
    REPLACED: (TAKEN_BACK, "replaced by a newer quote"),
}
_OF_HISTORY = {
    H.OPEN: (ACCEPTED, "open"),
    H.FILLED: (REMOVED, "filled"),
    H.EXPIRED: (EXPIRED_STATUS, "expired"),
    H.WITHDRAWN: (TAKEN_BACK, "withdrawn"),
    H.PASSED: (PASS, "passed on by the client"),
}


def of_quote(
    quote: OpenQuote, instrument: QuotedInstrument | Multileg, wall_ns: int, now_ns: int, status_req_id: str = ""
) -> str:
    """QuoteStatusReport of a quote in memory."""
    decision = quote.decision
    state = EXPIRED if quote.state == OPEN and not quote.live(now_ns) else quote.state
    status, text = _OF_STATE.get(state, (ACCEPTED, "open"))
    quantity = instrument.sizes.short(decision.size_lots)
    return messages.quote_status_report(
        quote_id=quote.quote_id,
        quote_req_id=quote.quote_req_id,
        quote_resp_id="",
        symbol=decision.symbol,
        status=status,
        wall_ns=wall_ns,
        text=text,
        status_req_id=status_req_id,
        terms=messages.quote_terms(
            decision.side,
            decision.bid_ticks,
            decision.offer_ticks,
            instrument.prices,
            quantity,
            decision.valid_until_ns,
        ),
    )


def of_history(quote: H.QuoteRow, instrument: QuotedInstrument | None, wall_ns: int, status_req_id: str) -> str:
    """QuoteStatusReport of a quote that only the history knows. Without prices if it is no longer quoted."""
    status, text = _OF_HISTORY[quote.state]
    if quote.because:
        text += f": {quote.because}"
    if quote.ended_ns:
        text += f" at {utc_timestamp(quote.ended_ns)}"
    terms = ""
    if instrument is not None:
        quantity = instrument.sizes.short(quote.quantity_lots)
        terms = messages.quote_terms(
            quote.side, quote.bid_ticks, quote.offer_ticks, instrument.prices, quantity, quote.valid_until_ns
        )
    return messages.quote_status_report(
        quote_id=quote.quote_id or "NONE",
        quote_req_id=quote.request_id,
        quote_resp_id="",
        symbol=quote.symbol or "",
        status=status,
        wall_ns=wall_ns,
        text=text,
        status_req_id=status_req_id,
        terms=terms,
    )


def not_found(quote_id: str, symbol: str, wall_ns: int, status_req_id: str = "") -> str:
    """QuoteStatusReport for a QuoteID that this session has no quote of."""
    return _plain(quote_id, symbol, NOT_FOUND, f"unknown QuoteID (117) '{quote_id}'", wall_ns, status_req_id)


def all_cancelled(quote_id: str, symbols: list[str], n: int, wall_ns: int) -> str:
    """QuoteStatusReport for a QuoteCancel of more than one quote."""
    symbol = symbols[0] if len(symbols) == 1 else ""
    return _plain(quote_id, symbol, TAKEN_BACK if symbols else ALL_CANCELLED, f"{n} quotes cancelled", wall_ns, "")


def _plain(quote_id: str, symbol: str, status: int, text: str, wall_ns: int, status_req_id: str) -> str:
    return messages.quote_status_report(
        quote_id=quote_id or "NONE",
        quote_req_id="",
        quote_resp_id="",
        symbol=symbol,
        status=status,
        wall_ns=wall_ns,
        text=text,
        status_req_id=status_req_id,
    )
