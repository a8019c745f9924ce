"""QuoteStatusRequests: the state of a quote from memory, or from the history, which has to be waited for."""

import sys
import traceback

from quotelife.decision.quoter import Quoter
from quotelife.ledger.history import HistoryReader
from quotelife.rfq import quote_status
from quotelife.rfq.open_quotes import Lifecycle, OpenQuote
from quotelife.rfq.outcome import Answer, Inquiry


class Inquiries:
    """Answers them. A client is told of its session's own quotes only; `history` None knows nothing."""

    def __init__(self, lifecycle: Lifecycle, quoter: Quoter, history: HistoryReader | None) -> None:
        self._lifecycle, self._quoter, self._history = lifecycle, quoter, history

    def on_request(self, session: str, whole: dict[str, str], answer: Answer) -> None:
        """Put the quote's state into `answer`, or what is to be looked up; under the desk's lock."""
        quote_id, asked = whole.get("117", ""), whole.get("649", "")
        quote = self._lifecycle.find(quote_id)
        if quote is not None and quote.session == session:
            answer.messages.append(self.state(quote, answer, asked))
            return
        answer.inquiry = Inquiry(session, quote_id, whole.get("55", ""), asked)
        answer.waits = True

    def look_up(self, inquiry: Inquiry, wall_ns: int) -> str:
        """What the history says; without the lock, as it reads from the disk."""
        try:
            known = self._history.quote(inquiry.quote_id) if self._history is not None and inquiry.quote_id else None
        except Exception:  # the history is the recorder's; a quote that cannot be looked up is not known
            traceback.print_exc(file=sys.stderr)
            known = None
        if known is None or known.session != inquiry.session or known.state == quote_status.REFUSED:
            return quote_status.not_found(inquiry.quote_id, inquiry.symbol, wall_ns, inquiry.status_req_id)
        traded = self._quoter.traded.get(known.symbol) if known.symbol is not None else None
        return quote_status.of_history(known, traded, wall_ns, inquiry.status_req_id)

    def state(self, quote: OpenQuote, answer: Answer, status_req_id: str = "") -> str:
        """The state of a quote that is in memory."""
        traded = quote.quoted.package or self._quoter.traded[quote.quoted.symbol]
        return quote_status.of_quote(quote, traded, answer.wall_ns, answer.received_ns, status_req_id)
