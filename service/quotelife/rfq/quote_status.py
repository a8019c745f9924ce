"""Answers QuoteStatusRequests: the state of a quote in FIX terms, from memory or from the history."""

from quotelife.decision.multileg.multileg import Multileg
from quotelife.decision.quoted_instrument import QuotedInstrument
from quotelife.decision.quoter import Quoter
from quotelife.ledger.history import HistoryReader, QuoteRow
from quotelife.ledger.quote_state import INDICATIVE, REFUSED
from quotelife.logs import LogEvent, event_logger
from quotelife.rfq import messages
from quotelife.rfq.field_policies.lookup import USUAL, missing_text, refusal_text
from quotelife.rfq.field_policies.policy import STATUS_REQUEST
from quotelife.rfq.open_quotes import OpenQuote, OpenQuotes
from quotelife.rfq.outcome import Outcome, StatusLookup
from quotelife.rfq.quote_states import (
    CANCELED_ALL,
    CANCELED_FOR_SYMBOL,
    NOT_FOUND,
    REJECTED,
    STATUS_OF_STATE,
    status_of,
)
from quotelife.rfq.terms.quote_terms import decode
from quotelife.runtime.clock import utc_timestamp

logger = event_logger(__name__)


class StatusRequests:
    """Answers QuoteStatusRequests for the session's own quotes. `history` is None where there is none."""

    def __init__(self, open_quotes: OpenQuotes, quoter: Quoter, history: HistoryReader | None) -> None:
        self._open_quotes, self._quoter, self._history = open_quotes, quoter, history

    def on_request(self, by_tag: dict[str, str], outcome: Outcome) -> None:
        """Put the quote's state into `outcome`, or what `look_up` has to find; under the handler's lock."""
        quote_id, status_req_id, session = by_tag.get("117", ""), by_tag.get("649", ""), outcome.session.name
        wrong = missing_text(STATUS_REQUEST, by_tag)
        if not USUAL[STATUS_REQUEST].issuperset(by_tag):
            wrong = wrong or refusal_text(STATUS_REQUEST, by_tag)
        if wrong:
            outcome.messages.append(rejected(quote_id, by_tag.get("55", ""), wrong, outcome.wall_ns, status_req_id))
            return
        quote = self._open_quotes.find(quote_id)
        if quote is not None and quote.session == session:
            outcome.messages.append(self.report(quote, outcome, status_req_id))
            return
        outcome.status_lookup = StatusLookup(session, quote_id, by_tag.get("55", ""), status_req_id)
        outcome.waits = True

    def look_up(self, lookup: StatusLookup, wall_ns: int) -> str:
        """The state of a quote from the history; without the lock, as it reads from disk."""
        known, dealt_in_units = None, True
        try:
            if self._history is not None and lookup.quote_id:
                known = self._history.quote(lookup.quote_id)
                if stated := self._history.terms(lookup.quote_id):
                    terms = decode(stated.encode())
                    dealt_in_units = not (terms.is_forward or terms.is_swap or terms.is_in_term_currency)
        except Exception:  # the history is written by the recorder; a quote that cannot be read is not found
            logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while reading the history")
            known = None
        if known is None or known.session != lookup.session or known.state == REFUSED:
            return not_found(lookup.quote_id, lookup.symbol, wall_ns, lookup.status_req_id)
        instrument = None
        if known.symbol is not None and dealt_in_units:  # else the client's side, price and size are others
            instrument = self._quoter.instruments.get(known.symbol)
        return of_history(known, instrument, wall_ns, lookup.status_req_id)

    def report(self, quote: OpenQuote, outcome: Outcome, status_req_id: str = "") -> str:
        """The state of a quote that is in memory."""
        instrument = quote.decision.multileg or self._quoter.instruments[quote.decision.symbol]
        return of_quote(quote, instrument, outcome.wall_ns, outcome.received_ns, status_req_id)


def of_quote(
    quote: OpenQuote, instrument: QuotedInstrument | Multileg, wall_ns: int, now_ns: int, status_req_id: str = ""
) -> str:
    """QuoteStatusReport of a quote in memory."""
    decision = quote.decision
    status, text = status_of(quote, now_ns)
    quantity = instrument.sizes.short(decision.size_lots)
    if quote.terms is not None:
        terms = messages.stated_terms(decision, quote.terms, instrument.prices, quote.terms.amount or quantity)
    else:
        terms = messages.quote_terms(
            decision.side,
            decision.bid_ticks,
            decision.offer_ticks,
            instrument.prices,
            quantity,
            decision.valid_until_ns,
        )
    return messages.quote_status_report(
        quote_id=quote.quote_id,
        quote_req_id=quote.quote_req_id,
        quote_resp_id="",
        symbol=decision.symbol,
        status=status,
        wall_ns=wall_ns,
        text=text,
        status_req_id=status_req_id,
        terms=terms,
    )


def of_history(quote: QuoteRow, instrument: QuotedInstrument | None, wall_ns: int, status_req_id: str) -> str:
    """QuoteStatusReport of a quote from the history; without side, price and size if its instrument is not quoted any
    more, or if it is none to report them in."""
    status, text = STATUS_OF_STATE[quote.state]
    if quote.because:
        text += f": {quote.because}"
    if quote.ended_ns:
        text += f" at {utc_timestamp(quote.ended_ns)}"
    terms = ""
    if instrument is not None and quote.state != INDICATIVE:
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
    """QuoteStatusReport for a QuoteID that is not one of the session's quotes."""
    return _plain(quote_id, symbol, NOT_FOUND, f"unknown QuoteID (117) '{quote_id}'", wall_ns, status_req_id)


def rejected(quote_id: str, symbol: str, text: str, wall_ns: int, status_req_id: str = "") -> str:
    """QuoteStatusReport for a message about quotes that cannot be obeyed."""
    return _plain(quote_id, symbol, REJECTED, text, wall_ns, status_req_id)


def all_cancelled(quote_id: str, symbols: list[str], n: int, wall_ns: int) -> str:
    """QuoteStatusReport for a QuoteCancel of more than one quote."""
    symbol = symbols[0] if len(symbols) == 1 else ""
    return _plain(
        quote_id, symbol, CANCELED_FOR_SYMBOL if symbols else CANCELED_ALL, f"{n} quotes cancelled", wall_ns, ""
    )


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
