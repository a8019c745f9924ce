"""One venue's market data, sans I/O: session, decoder, recovery and signals, from bytes to board rows.

The transport writes received bytes into `free_buffer()`, reports their number to `received` and sends what `drain`
returns. `closing` holds the reason once the connection must be closed.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quotelife.fix import tags
from quotelife.fix.events import ApplicationMessage, Disconnect, Event, GapDetected, GapFilled, LoggedOn, Rejected
from quotelife.fix.fields import as_int, as_text
from quotelife.fix.framer import FRAME_BODY
from quotelife.fix.session import Session, SessionSettings, State
from quotelife.market.board import layout as L
from quotelife.market.book.orders import Orders
from quotelife.market.capture import layout as C
from quotelife.market.capture.writer import write_status
from quotelife.market.features.update import set_halted
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder import (
    FOR_SESSION,
    MALFORMED,
    NEEDS_BYTES,
    decode,
    invalidate_books,
    start_empty_books,
)
from quotelife.marketdata.decoder_state import Array, SharedArrays, addresses_of, make_decoder_state
from quotelife.marketdata.dialect import Dialect, dialect_of
from quotelife.marketdata.instruments.confirmation import Confirmation
from quotelife.marketdata.instruments.listing import ANSWERS
from quotelife.marketdata.instruments.terms import ConfiguredInstrument
from quotelife.marketdata.lateness import update_lateness
from quotelife.marketdata.subscription.pacing import RequestPacing
from quotelife.marketdata.subscription.request import InstrumentName
from quotelife.marketdata.subscription.subscriptions import Subscriptions, SubscriptionSettings
from quotelife.marketdata.symbol_table import SymbolTable
from quotelife.marketdata.venue_signals import read_halt, read_news
from quotelife.runtime.clock import NS_PER_S
from quotelife.runtime.rate_limited_log import RateLimitedLog
from quotelife.signals.active_signals import ActiveSignals

logger = logging.getLogger(__name__)

BUFFER_BYTES = 1 << 21
_ORDERS = 1 << 16  # initial capacity; it grows
_SENDING_TIME = b"\x0152="
_SYMBOLS_LOGGED = 3  # of a rejected request
_UNSUPPORTED_MESSAGE_TYPE = 3  # BusinessRejectReason


@dataclass(frozen=True, slots=True)
class VenueInstrument:
    """An instrument of the venue: its board row, the venue's symbol, tick and lot as unit and scale (`fix.fields`)."""

    row: int
    symbol: str
    tick: tuple[int, int]
    lot: tuple[int, int]
    security_id: str | None = None


class VenueFeed:
    """The only writer of one venue's board rows and venue block."""

    def __init__(
        self,
        name: str,
        venue: int,
        shared: SharedArrays,
        subscribed: list[VenueInstrument],
        session: SessionSettings,
        subscription: SubscriptionSettings,
        first_request: int,
        decode: Callable[[Array, int], int] = decode,
        signals: ActiveSignals | None = None,
        max_lag_ns: int = 2 * NS_PER_S,
        dialect: Dialect | None = None,
    ) -> None:
        self.name = name
        self._max_lag_ns = max_lag_ns
        self._decode = decode
        self._log = RateLimitedLog(logger)
        self.closing: str | None = None
        self.logons = 0
        self.session_gaps = 0
        self._shared = shared
        self._signals = signals or ActiveSignals(shared.board, shared.capture, shared.books)
        self._capture = shared.capture
        self._block = shared.board.venues[venue]
        self._rows = np.array([s.row for s in subscribed], np.int64)
        dialect = dialect or dialect_of(
            subscription.profile, "order" if subscription.by_order else None, subscription.depth
        )
        self._symbols = SymbolTable({s.symbol: s.row for s in subscribed})
        others = SymbolTable({s.security_id: s.row for s in subscribed if s.security_id is not None})
        addresses = (others, self._symbols) if dialect.by_security_id else (self._symbols, others)
        for s in subscribed:
            shared.reset_instrument(s.row, s.tick, s.lot)
        self._orders = Orders(len(shared.instruments), _ORDERS if dialect.by_order else 0)
        self._state = make_decoder_state(shared, addresses[0], self._orders, dialect, BUFFER_BYTES, addresses[1])
        self._addresses = addresses_of(self._state)
        self._view = self._state.buf.data
        self.control = self._state.control
        self.session = Session(session, self._state.sequence)
        self.subscriptions = Subscriptions(
            shared.instruments,
            self._rows.tolist(),
            [InstrumentName(s.symbol, s.security_id) for s in subscribed],
            first_request,
            subscription,
            invalidate=self._invalidate_for_request,
            open_books=self._open_books,
        )
        self.confirmation = Confirmation(
            name,
            [ConfiguredInstrument.of(s.row, s.symbol, s.security_id, s.tick, s.lot) for s in subscribed],
            subscription.profile,
            first_request,
            shared,
            self.subscriptions,
            self._set_books,
        )
        self._pacing = RequestPacing(subscription.profile.pacing, session.heartbeat_s)
        self._counted_messages = 0
        self._applications: dict[str, Callable[[ApplicationMessage, int, int], None]] = {
            tags.NEWS: self._on_news,
            tags.SECURITY_STATUS: self._on_halt,
            tags.TRADING_SESSION_STATUS: self._on_halt,
            tags.MARKET_DATA_REQUEST_REJECT: self._on_request_reject,
            tags.BUSINESS_MESSAGE_REJECT: self._on_business_reject,
            tags.MARKET_DATA_SNAPSHOT_FULL_REFRESH: self._on_malformed_header,
            tags.MARKET_DATA_INCREMENTAL_REFRESH: self._on_malformed_header,
        }
        if self.confirmation.list.msg_type is not None:
            self._applications |= dict.fromkeys(ANSWERS, self._on_instruments)

    # --- for the transport

    def connected(self, now_ns: int, wall_ns: int) -> None:
        self.closing = None
        self.control[M.START] = self.control[M.END] = self.control[M.SENT_END] = 0
        self.session.connected(now_ns, wall_ns)

    def disconnected(self, now_ns: int) -> None:
        """The connection is closed: invalidate the venue's books at once."""
        self.session.disconnected()
        self.confirmation.stop()
        invalidate_books(self._addresses, self._rows, now_ns, L.BOOK_DISCONNECTED, M.R_NONE)
        self._set_state(L.VENUE_DOWN, now_ns)
        self._shared.board.announce()

    def free_buffer(self) -> memoryview:
        """The buffer for the next bytes; never empty."""
        return self._view[int(self.control[M.END]) :]

    @property
    def buffer(self) -> memoryview:
        """What the decoder reads from: all of it, of which `control` says what is in use."""
        return self._view

    def received(self, count: int, now_ns: int, wall_ns: int) -> None:
        """Process `count` bytes written into `free_buffer()`."""
        if self.closing is not None:
            return
        control = self.control
        control[M.END] += count
        self._capture.set_clock(now_ns, wall_ns)
        self._block[L.V_LAST_RECEIVED_NS] = now_ns
        while self.closing is None:
            found = self._decode(self._addresses, now_ns)
            if found == NEEDS_BYTES:
                break
            if found == FOR_SESSION:
                message = bytes(self._view[control[M.MESSAGE_START] : control[M.MESSAGE_END]])
                self._update_lateness(message, now_ns)
                self._handle(self.session.receive(message, now_ns, wall_ns), now_ns, wall_ns)
            elif found == MALFORMED:
                self._reject_malformed(now_ns, wall_ns)
        self._shared.board.announce()
        self._handle(self.session.on_activity(now_ns), now_ns, wall_ns)
        self._compact_buffer()
        if control[M.LOST]:
            self._recover(now_ns, wall_ns)
        block = self._block
        block[L.V_MESSAGES] = control[M.MESSAGES]
        block[L.V_GARBLED] = control[M.GARBLED]
        block[L.V_GAPS] = self.session_gaps + control[M.BOOK_GAPS]
        self._publish_lateness(int(control[M.LATE_NS]), now_ns)

    def on_timer(self, now_ns: int, wall_ns: int) -> None:
        """Check timeouts and retries; call it every few milliseconds."""
        self._handle(self.session.on_timer(now_ns, wall_ns), now_ns, wall_ns)
        self.confirmation.on_timer(now_ns)
        self._recover(now_ns, wall_ns)

    def drain(self) -> bytes:
        """Return the bytes to send and clear them."""
        return self.session.drain()

    # --- for the process

    @property
    def up(self) -> bool:
        return self.session.state is State.ESTABLISHED

    def logout(self, now_ns: int, wall_ns: int) -> None:
        """Log out; `closing` is set once the venue has answered, or after a timeout."""
        self.confirmation.stop()
        self._handle(self.session.logout(now_ns, wall_ns), now_ns, wall_ns)

    # --- events

    def _handle(self, events: list[Event], now_ns: int, wall_ns: int) -> None:
        for event in events:
            match event:
                case LoggedOn():
                    self.logons += 1
                    self.control[M.QUICKEST_AT_NS] = self.control[M.LATE_NS] = 0
                    self._block[L.V_LOGONS] += 1
                    self._set_state(L.VENUE_UP, now_ns)
                    logger.info("%s: logged on", self.name)
                    self.confirmation.start(now_ns)
                    self._recover(now_ns, wall_ns)
                case GapDetected(expected, received):
                    self.session_gaps += 1
                    self.confirmation.stop()
                    invalidate_books(self._addresses, self._rows, now_ns, L.BOOK_GAP, M.R_SESSION_GAP)
                    logger.warning(
                        "%s: sequence gap, MsgSeqNum %d expected, %d received",
                        self.name,
                        expected,
                        received,
                    )
                case GapFilled(through):
                    logger.info("%s: gap filled through MsgSeqNum %d; subscribing again", self.name, through)
                    self.confirmation.resume(now_ns)
                    self._recover(now_ns, wall_ns)
                case ApplicationMessage():
                    self._on_application(event, now_ns, wall_ns)
                case Rejected(ref_seq_num, text):
                    logger.warning("%s: venue rejected our message with MsgSeqNum %d: %s", self.name, ref_seq_num, text)
                    self.confirmation.on_reject(ref_seq_num, text, now_ns)
                case Disconnect(reason):
                    logger.warning("%s: session ended: %s", self.name, reason)
                    self.closing = reason

    def _recover(self, now_ns: int, wall_ns: int) -> None:
        """Send the requests that are due, for instruments and market data, as fast as the venue allows."""
        lost = self.control[M.LOST] != 0
        self.control[M.LOST] = 0
        sent = self.session.messages_sent
        self._pacing.count_messages(sent - self._counted_messages, now_ns)
        self._counted_messages = sent
        self.confirmation.send_due(self.session, self._pacing, now_ns, wall_ns)
        requests = self.subscriptions.due_requests(now_ns, self._pacing.allowance(now_ns), bool(lost))
        for body in requests:
            self.session.send(tags.MARKET_DATA_REQUEST, body, now_ns, wall_ns)
        self._pacing.count_requests(len(requests), now_ns)

    def _on_application(self, message: ApplicationMessage, now_ns: int, wall_ns: int) -> None:
        handler = self._applications.get(message.msg_type)
        if handler is not None:
            handler(message, now_ns, wall_ns)
            return
        body = (
            (tags.RefSeqNum, as_int(message.get(tags.MsgSeqNum)) or 0),
            (tags.RefMsgType, message.msg_type),
            (tags.BusinessRejectReason, _UNSUPPORTED_MESSAGE_TYPE),
        )
        self.session.send(tags.BUSINESS_MESSAGE_REJECT, body, now_ns, wall_ns)

    def _on_news(self, message: ApplicationMessage, now_ns: int, wall_ns: int) -> None:
        news = read_news(message)
        if news is None:
            return
        rows = [self._symbols.row_of(s) for s in news.symbols] if news.symbols else self._rows.tolist()
        known = [row for row in rows if row >= 0]
        self._signals.set_venue_news(known, news.sentiment, self.name, news.headline, now_ns, wall_ns)
        logger.info("%s: news with sentiment %+.2f: %s", self.name, news.sentiment, news.headline)

    def _on_halt(self, message: ApplicationMessage, now_ns: int, wall_ns: int) -> None:
        halt = read_halt(message)
        if halt is None:
            return
        rows = self._rows.tolist() if halt.symbol is None else [self._symbols.row_of(halt.symbol)]
        for row in rows:
            if row >= 0:
                set_halted(self._shared.board.rows, row, now_ns, halt.halted)
                write_status(self._capture.words, C.HALTED, halt.halted, row, now_ns)

    def _on_request_reject(self, message: ApplicationMessage, now_ns: int, wall_ns: int) -> None:
        names = self.subscriptions.on_request_reject(as_int(message.get(tags.MDReqID)) or 0, now_ns)
        symbols = ", ".join(name.symbol for name in names[:_SYMBOLS_LOGGED]) or "an earlier request"
        more = f" and {len(names) - _SYMBOLS_LOGGED} more" if len(names) > _SYMBOLS_LOGGED else ""
        text = as_text(message.get(tags.Text))
        self._log.warning("reject", f"{self.name}: venue rejected the subscription of {symbols}{more}: {text}")

    def _on_business_reject(self, message: ApplicationMessage, now_ns: int, wall_ns: int) -> None:
        text = as_text(message.get(tags.Text))
        logger.warning("%s: BusinessMessageReject: %s", self.name, text)
        self.confirmation.on_reject(as_int(message.get(tags.RefSeqNum)), text, now_ns)

    def _on_instruments(self, message: ApplicationMessage, now_ns: int, wall_ns: int) -> None:
        self.confirmation.on_message(message, now_ns)
        self._recover(now_ns, wall_ns)

    def _on_malformed_header(self, message: ApplicationMessage, now_ns: int, wall_ns: int) -> None:
        """Market data in sequence whose header the kernel could not read, so that its instruments are unknown."""
        self.control[M.MALFORMED] += 1
        seq_num = as_int(message.get(tags.MsgSeqNum)) or 0
        self.session.reject(
            seq_num, message.msg_type, tags.INCORRECT_DATA_FORMAT, "header out of order", now_ns, wall_ns
        )
        invalidate_books(self._addresses, self._rows, now_ns, L.BOOK_GAP, M.R_MALFORMED)
        self.control[M.LOST] += 1

    def _reject_malformed(self, now_ns: int, wall_ns: int) -> None:
        control = self.control
        reason = int(control[M.REJECT_REASON])
        kind = chr(self._state.buf[self._state.frame[FRAME_BODY] + 3])
        self.session.reject(int(control[M.REJECT_SEQ_NUM]), kind, reason, "malformed market data", now_ns, wall_ns)
        if control[M.REJECT_ALL]:
            invalidate_books(self._addresses, self._rows, now_ns, L.BOOK_GAP, M.R_MALFORMED)
            control[M.LOST] += 1

    # --- state

    def _set_books(self, rows: Array, now_ns: int, state: int) -> None:
        invalidate_books(self._addresses, rows, now_ns, state, M.R_NONE)

    def _invalidate_for_request(self, rows: Array, now_ns: int) -> None:
        """Live books that are asked for anew with others: from now on their updates are ignored."""
        invalidate_books(self._addresses, rows, now_ns, L.BOOK_GAP, M.R_NONE)
        self._shared.board.announce()

    def _open_books(self, rows: Array, now_ns: int) -> None:
        """Books of a venue that sends no snapshot are live and empty from the subscription on."""
        start_empty_books(self._addresses, rows, now_ns)
        self._shared.board.announce()

    def _update_lateness(self, message: bytes, now_ns: int) -> None:
        """In a quiet market only heartbeats show that data is no longer late."""
        at = message.find(_SENDING_TIME)
        if at >= 0:
            start = int(self.control[M.MESSAGE_START]) + at
            end = start + message.index(b"\x01", at + 1) - at
            update_lateness(self._state.buf, self.control, start + len(_SENDING_TIME), end, now_ns)

    def _publish_lateness(self, late_ns: int, now_ns: int) -> None:
        self._block[L.V_LAG_NS] = late_ns
        late = late_ns > self._max_lag_ns
        if late != bool(self._block[L.V_LATE_SINCE_NS]):
            self._block[L.V_LATE_SINCE_NS] = now_ns if late else 0
            self._shared.board.announce()
            if late:
                logger.warning(
                    "%s: venue data delayed by %.3f s; its books are not quoted", self.name, late_ns / NS_PER_S
                )
            else:
                logger.warning("%s: venue data no longer delayed", self.name)

    def _compact_buffer(self) -> None:
        """Move the unread bytes to the front, so that half the buffer is always free."""
        control = self.control
        start, end = int(control[M.START]), int(control[M.END])
        if start == end:
            control[M.START] = control[M.END] = 0
        elif end > BUFFER_BYTES // 2:
            self._state.buf[: end - start] = self._state.buf[start:end]
            control[M.START], control[M.END] = 0, end - start
        self._orders.compact()
        if self._orders.table is not self._state.orders:
            self._state = self._state._replace(orders=self._orders.table)
            self._addresses = addresses_of(self._state)

    def _set_state(self, state: int, now_ns: int) -> None:
        if self._block[L.V_STATE] != state or self._block[L.V_STATE_SINCE_NS] == 0:
            self._block[L.V_STATE] = state
            self._block[L.V_STATE_SINCE_NS] = now_ns
