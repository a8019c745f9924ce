"""QuoteStatusRequests: the state of a quote from memory, or from the history, which has to be waited for."""

import sys
import traceback

from quotelife.decision.quoter import Quoter
from quotelife.ledger.history import HistoryReader
from quotelife.rfq import quote_status
from quotelife.rfq.open_quotes import OpenQuote, OpenQuotes
from quotelife.rfq.outcome import Outcome, StatusRequest


class StatusRequests:
    """Answers them. A client is told of its session's own quotes only; `history` None knows nothing."""

    def __init__(self, open_quotes: OpenQuotes, quoter: Quoter, history: HistoryReader | None) -> None:
        self._open_quotes, self._quoter, self._history = open_quotes, quoter, history

    def on_request(self, session: str, whole: dict[str, str], outcome: Outcome) -> None:
        """Put the quote's state into `answer`, or what is to be looked up; under the handler's lock."""
        quote_id, asked = whole.get("117", ""), whole.get("649", "")
        quote = self._open_quotes.find(quote_id)
        if quote is not None and quote.session == session:
            outcome.messages.append(self.state(quote, outcome, asked))
            return
        outcome.status_request = StatusRequest(session, quote_id, whole.get("55", ""), asked)
        outcome.waits = True

    def look_up(self, status_request: StatusRequest, wall_ns: int) -> str:
        """What the history says; without the lock, as it reads from the disk."""
        try:
            known = (
                self._history.quote(status_request.quote_id)
                if self._history is not None and status_request.quote_id
                else None
            )
        except Exception:  # the history is the recorder's; a quote that cannot be looked up is not known
            traceback.print_exc(file=sys.stderr)
            known = None
        if known is None or known.session != status_request.session or known.state == quote_status.REFUSED:
            return quote_status.not_found(
                status_request.quote_id, status_request.symbol, wall_ns, status_request.status_req_id
            )
        instrument = self._quoter.instruments.get(known.symbol) if known.symbol is not None else None
        return quote_status.of_history(known, instrument, wall_ns, status_request.status_req_id)

    def state(self, quote: OpenQuote, outcome: Outcome, status_req_id: str = "") -> str:
        """The state of a quote that is in memory."""
        instrument = quote.decision.multileg or self._quoter.instruments[quote.decision.symbol]
        return quote_status.of_quote(quote, instrument, outcome.wall_ns, outcome.received_ns, status_req_id)
