"""Answers plain requests by the kernel, and does after the send what the general way does before it.

    answer_text, answer_wire    the Quote is written and in the journal; or the request is the general way's, untouched
    (the Quote is sent)
    complete                    the quote is among the open ones, monitored and counted

Between the two other threads may read the open quotes, to withdraw them: then the quote joins them at that moment.
All under the handler's lock.
"""

from collections.abc import Iterable

import numpy as np

from quotelife.decision import pricing
from quotelife.decision.quoter import QuoteDecision, Quoter
from quotelife.journal import layout as J
from quotelife.journal.record_writer import RecordWriter
from quotelife.logs import LogEvent, event_logger
from quotelife.rfq.message_ids import MessageIds
from quotelife.rfq.metrics import QuotingMetrics
from quotelife.rfq.open_quotes import OpenQuote, OpenQuotes
from quotelife.rfq.outcome import EventLog, Session
from quotelife.rfq.plain import kernel
from quotelife.rfq.plain import layout as P
from quotelife.rfq.plain.handler_state import HandlerState
from quotelife.rfq.plain.session import PlainSession, SentQuote
from quotelife.rfq.plain.tables import PlainTables
from quotelife.rfq.plain.wire import MAX_MESSAGE
from quotelife.rfq.quote_issuer import QuoteIssuer
from quotelife.shm.arrays import address_of
from quotelife.shm.layout import WORD_BYTES
from quotelife_models import decide as D
from quotelife_models.enums import SELL, TWO_WAY

logger = event_logger(__name__)
_OUT = (D.OUT_LIFETIME_NS, D.OUT_REASON, D.OUT_P_ONE_TICK, D.OUT_P_PICK_OFF)
_RECORD = J.RECORD.struct(
    *(J.INSTRUMENT, J.SIDE, J.MODEL, J.LIFETIME_NS, J.VALID_UNTIL_NS, J.BID_PX, J.OFFER_PX, J.QUANTITY),
    *(J.QUOTE_ID, J.REQUEST_ID),
    *(J.BID_DECISION + word for word in _OUT),
    *(J.OFFER_DECISION + word for word in _OUT),
    J.DIGEST,
)
_RECORD_AT = J.INSTRUMENT * WORD_BYTES


class PlainAnswerer:
    """Of one handler, whose parts these are."""

    def __init__(
        self, quoter: Quoter, state: HandlerState, ids: MessageIds, issuer: QuoteIssuer, journal: RecordWriter,
        open_quotes: OpenQuotes, event_log: EventLog, metrics: QuotingMetrics,
    ) -> None:  # fmt: skip
        self.tables = PlainTables(quoter, state, ids, issuer.seen_request_ids, journal)
        self._issuer, self._open_quotes, self._event_log, self._metrics = issuer, open_quotes, event_log, metrics
        self._is_enabled = quoter.provider is pricing.default
        self._message = np.zeros(MAX_MESSAGE, np.uint8)
        self._message_memory, self._message_at = self._message.data, address_of(self._message, np.uint8, "message")
        self.inputs, self._inputs_memory = self.tables.address, self.tables.inputs.data
        self._unlisted: dict[int, PlainSession] = {}  # with quotes that have not joined the open ones
        open_quotes.before_read = self._list_all

    def session(self, name: str) -> PlainSession:
        """The session with this SenderCompID, for `answer_wire`; the same object in all versions of the
        configuration."""
        return self.tables.session(name)

    def answer_text(self, text: str, wall_ns: int, mono_now_ns: int) -> PlainSession | None:
        """Answer a message as an engine hands it on: its session, whose `text` is the Quote to send; None if the
        message is the general way's, as all of the session are until `complete`."""
        length = len(text)
        if length > MAX_MESSAGE or not text.isascii() or not self._is_enabled or not self.tables.follow():
            return None
        self._message_memory[:length] = text.encode()
        n = kernel.answer_text(self.inputs, self._message_at, length, wall_ns, mono_now_ns)
        while n < 0 and self.provide(n, wall_ns):
            n = kernel.answer_text(self.inputs, self._message_at, length, wall_ns, mono_now_ns)
        if n <= 0:
            return None
        session = self.tables.by_number[self._inputs_memory[P.OUT_SESSION]]
        session.text = str(session.out_memory[:n], "ascii")
        session.sent = SentQuote(mono_now_ns, wall_ns)
        self._unlisted[session.number] = session
        return session

    def answer_wire(self, session: PlainSession, address: int, available: int, wall_ns: int, mono_now_ns: int) -> int:
        """Answer the message with which the `available` bytes at `address` begin, received from the session's client.

        Returns the length of the Quote's bytes in `session.out`, 0 if the message is the general way's. The message had
        `session.consumed` bytes; it and the Quote are counted in the session's sequence numbers, so the Quote has to
        be the next message that is sent. Until `complete` all messages of the session are the general way's.
        """
        if not self.is_ready(session):
            return 0
        n: int = kernel.answer_wire(self.inputs, session.address, address, available, wall_ns, mono_now_ns)
        while n < 0 and self.provide(n, wall_ns):
            n = kernel.answer_wire(self.inputs, session.address, address, available, wall_ns, mono_now_ns)
        if n <= 0:
            return 0
        self.answered(session, wall_ns, mono_now_ns)
        return n

    def is_ready(self, session: PlainSession) -> bool:
        """Whether a kernel may answer a message of the session: `kernel.answer_wire` with `inputs`."""
        return session.is_plain and self._is_enabled and self.tables.follow()

    def answered(self, session: PlainSession, wall_ns: int, mono_now_ns: int) -> None:
        """The kernel has answered a message of the session that was received at these times."""
        session.sent = SentQuote(mono_now_ns, wall_ns)
        self._unlisted[session.number] = session

    def provide(self, need: int, wall_ns: int) -> bool:
        """Fill in what the kernel needs; False if that fails, so that the general way answers."""
        try:
            self.tables.provide(need, wall_ns)
        except Exception:
            logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while preparing an answer")
            return False
        return True

    def complete(self, session: PlainSession, sent_ns: int) -> None:
        """The session's Quote has left at `sent_ns` (monotonic), or could not be sent: monitor and count it."""
        sent = session.sent
        assert sent is not None
        quote = sent.quote or self._list(session, sent)
        session.sent, memory, metrics, decision = None, session.memory, self._metrics, quote.decision
        memory[P.RESULT_IS_PENDING] = 0
        self._event_log.monitor(quote, session.buffers.record)
        metrics.count_quote(decision)
        metrics.count_requests(1)
        metrics.time_stages(
            decision.model, sent.received_ns, memory[P.RESULT_PARSED_NS], memory[P.RESULT_DECIDED_NS], sent_ns
        )

    def configure(self, sessions: Iterable[Session]) -> None:
        """Answer by the quoter's configuration from the next message on; `sessions` are all of the handler's."""
        self._list_all()
        self.tables.configure(sessions)

    def _list_all(self) -> None:
        """Somebody is about to read the open quotes."""
        while self._unlisted:
            session = next(iter(self._unlisted.values()))
            assert session.sent is not None
            self._list(session, session.sent)

    def _list(self, session: PlainSession, sent: SentQuote) -> OpenQuote:
        """Add the quote to the open ones."""
        (
            row, side, model, lifetime_ns, valid_until_ns, bid, offer, lots, quote_id, request_id,
            bid_ns, bid_reason, bid_move, bid_pick_off, offer_ns, reason, move, pick_off, digest,
        ) = _RECORD.unpack_from(session.buffers.record.memory, _RECORD_AT)  # fmt: skip
        if side == SELL or (side == TWO_WAY and bid_ns <= offer_ns):  # as in `quotelife.decision.quoter.read_result`
            reason = bid_reason
        if side == SELL:
            move, pick_off = bid_move, bid_pick_off
        elif side == TWO_WAY:
            move, pick_off = max(bid_move, move), max(bid_pick_off, pick_off)
        instrument, client = self.tables.instruments[row], session.client
        assert instrument is not None and client is not None
        decision = QuoteDecision(
            instrument.config.symbol, row, side, lots, bid, offer, model, int(reason), lifetime_ns, valid_until_ns,
            move, pick_off,
        )  # fmt: skip
        quote_req_id = request_id.rstrip(b"\0").decode()
        quote = sent.quote = OpenQuote(
            quote_id.rstrip(b"\0").decode(), quote_req_id, session.name, client, decision, sent.received_ns,
            sent.wall_ns, sent.received_ns + valid_until_ns - sent.wall_ns, "", quantity=session.quantity,
        )  # fmt: skip
        del self._unlisted[session.number]
        self._open_quotes.add(quote)
        self._issuer.add_held((session.name, quote_req_id), digest, quote)
        return quote
