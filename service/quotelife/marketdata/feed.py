"""One venue's market data, sans I/O: session, decoder, recovery and signals, from bytes to board rows.

The transport writes received bytes into `free_buffer()`, reports their number to `received` and sends what `drain`
returns. `closing` holds the reason once the connection must be closed.
"""

from collections.abc import Callable

from quotelife.fix import tags
from quotelife.fix.events import ApplicationMessage, Disconnect, Event, GapDetected, GapFilled, LoggedOn, Rejected
from quotelife.fix.fields import as_int, as_text
from quotelife.fix.framer import FRAME_BODY
from quotelife.fix.initiator import InitiatorSession
from quotelife.fix.session import State
from quotelife.fix.settings import SessionSettings
from quotelife.market.board import layout as L
from quotelife.market.book.orders import Orders
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder import (
    EARLY,
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
from quotelife.marketdata.subscription.early_increments import EarlyIncrements
from quotelife.marketdata.subscription.pacing import RequestPacing, rejection_limit
from quotelife.marketdata.subscription.requester import Requester
from quotelife.marketdata.subscription.status_requests import StatusRequests
from quotelife.marketdata.subscription.subscriptions import Subscriptions, SubscriptionSettings
from quotelife.marketdata.venue_instruments import VenueInstrument, VenueInstruments
from quotelife.marketdata.venue_log import VenueLog
from quotelife.marketdata.venue_signals import VenueSignals
from quotelife.runtime.clock import NS_PER_S
from quotelife.signals.active_signals import ActiveSignals

BUFFER_BYTES = 1 << 21
_ORDERS = 1 << 16  # initial capacity; it grows
_SENDING_TIME = b"\x0152="
_MAINTENANCE_NS = 60 * NS_PER_S  # between reconnections because of announcements
_NEVER_NS = 2**62


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
        self.name, self._log = name, VenueLog(name)
        self._max_lag_ns = max_lag_ns
        self._decode = decode
        self.closing: str | None = None
        self.logons = self.logged_on_ns = 0  # how many, and the last one's time
        self.session_gaps = 0
        self.reconnect_at_once = False  # the venue has announced the end of the connection
        self._maintenance_ns = -_MAINTENANCE_NS
        self._down: bool | None = None
        self._unannounced = False
        self._shared = shared
        self._capture = shared.capture
        self._block = shared.board.venues[venue]
        dialect = dialect or dialect_of(
            subscription.profile, "order" if subscription.by_order else None, subscription.depth
        )
        self._venue_instruments = VenueInstruments(subscribed, dialect.by_security_id)
        self._venue_instruments.reset(shared)
        self._rows = self._venue_instruments.rows
        self._instruments = shared.sources.instruments_of(self._rows)  # of several venues
        self._silence_ns = int(shared.board.rows[self._instruments, L.STALE_AFTER_NS].min(initial=_NEVER_NS))
        self._orders = Orders(len(shared.instruments), _ORDERS if dialect.by_order else 0)
        address, other = self._venue_instruments.address, self._venue_instruments.other
        self._state = make_decoder_state(shared, address, self._orders, dialect, BUFFER_BYTES, other)
        self._addresses = addresses_of(self._state)
        self._view = self._state.buf.data
        self._early = EarlyIncrements(subscription.profile, self._state, self._venue_instruments)
        self.control = self._state.control
        self.session = InitiatorSession(
            session, self._state.sequence, rejection_limit(name, subscription.profile.pacing)
        )
        rows, names, profile = self._rows.tolist(), self._venue_instruments.names, subscription.profile
        self.subscriptions = Subscriptions(
            shared.instruments,
            rows,
            names,
            first_request,
            subscription,
            invalidate=self._invalidate_for_request,
            open_books=self._open_books,
        )
        self._signals = VenueSignals(name, profile, self._venue_instruments, shared, signals)
        self.confirmation = Confirmation(
            name,
            [ConfiguredInstrument.of(s.row, s.symbol, s.security_id, s.tick, s.lot) for s in subscribed],
            profile,
            first_request,
            shared,
            self.subscriptions,
            self._set_books,
            self._on_listed_status,
            session.logon.redact,
        )
        statuses = StatusRequests(profile, names, first_request)
        pacing = RequestPacing(profile.pacing, session.heartbeat_s)
        self._requester = Requester(name, self.session, self.confirmation, self.subscriptions, statuses, pacing)
        self._applications = self._application_handlers()

    def _application_handlers(self) -> dict[str, Callable[[ApplicationMessage, int, int], None]]:
        handlers: dict[str, Callable[[ApplicationMessage, int, int], None]] = {
            tags.NEWS: self._on_news,
            tags.SECURITY_STATUS: self._on_status,
            tags.TRADING_SESSION_STATUS: self._on_status,
            tags.MARKET_DATA_REQUEST_REJECT: self._on_request_reject,
            tags.BUSINESS_MESSAGE_REJECT: self._on_business_reject,
            tags.MARKET_DATA_SNAPSHOT_FULL_REFRESH: self._on_malformed_header,
            tags.MARKET_DATA_INCREMENTAL_REFRESH: self._on_malformed_header,
        }
        if self.confirmation.list.msg_type is not None:
            handlers |= dict.fromkeys(ANSWERS, self._on_instruments)
        return handlers

    # --- for the transport

    def connected(self, now_ns: int, wall_ns: int) -> None:
        self.closing = None
        self.control[M.START] = self.control[M.END] = self.control[M.SENT_END] = 0
        self._early.clear()
        self.session.connected(now_ns, wall_ns)

    def disconnected(self, now_ns: int) -> None:
        """The connection is closed: invalidate the venue's books at once."""
        self.session.disconnected()
        self._take_down(now_ns)
        self._announce_changes()

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
        was_silent = now_ns - int(self._block[L.V_LAST_RECEIVED_NS]) > self._silence_ns
        self._block[L.V_LAST_RECEIVED_NS] = now_ns
        if was_silent:
            self._refresh_instruments(now_ns)
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
            elif found == EARLY:
                self._early.on_message(self._state, now_ns)
        self._unannounced = True
        self._announce_changes()  # before the rest, which takes longer
        self._handle(self.session.on_activity(now_ns), now_ns, wall_ns)
        self._compact_buffer()
        if control[M.LOST]:
            self._send_requests(now_ns, wall_ns)
        block = self._block
        block[L.V_MESSAGES] = control[M.MESSAGES]
        block[L.V_GARBLED] = control[M.GARBLED]
        block[L.V_GAPS] = self.session_gaps + control[M.BOOK_GAPS]
        self._publish_lateness(int(control[M.LATE_NS]), now_ns)
        self._announce_changes()

    def on_timer(self, now_ns: int, wall_ns: int) -> None:
        """Check timeouts and retries; call it every few milliseconds."""
        self._handle(self.session.on_timer(now_ns, wall_ns), now_ns, wall_ns)
        self.confirmation.on_timer(now_ns)
        self._send_requests(now_ns, wall_ns)
        self._announce_changes()

    def drain(self) -> bytes:
        """Return the bytes to send and clear them."""
        return self.session.drain()

    # --- for the process

    @property
    def up(self) -> bool:
        return self.session.state is State.ESTABLISHED

    def logout(self, now_ns: int, wall_ns: int) -> None:
        """Log out; `closing` is set once the venue has answered, or after a timeout. The books are no longer used."""
        self._take_down(now_ns)
        self._handle(self.session.logout(now_ns, wall_ns), now_ns, wall_ns)
        self._announce_changes()

    # --- events

    def _handle(self, events: list[Event], now_ns: int, wall_ns: int) -> None:
        for event in events:
            match event:
                case LoggedOn():
                    self.logons, self.logged_on_ns = self.logons + 1, now_ns
                    self.control[M.QUICKEST_AT_NS] = self.control[M.LATE_NS] = 0
                    self._block[L.V_LOGONS] += 1
                    self._signals.on_logon(now_ns)
                    self._set_state(L.VENUE_UP, now_ns)
                    self._down = False
                    self._log.logged_on()
                    self._requester.start(now_ns)
                    self._send_requests(now_ns, wall_ns)
                case GapDetected(expected, received):
                    self.session_gaps += 1
                    self._invalidate(self._rows, now_ns, L.BOOK_GAP, M.R_SESSION_GAP)
                    self._requester.pause()
                    self._log.gap(expected, received)
                case GapFilled(through):
                    self._log.gap_filled(through)
                    if self.up:  # not while a Logout is awaited
                        self._requester.resume(now_ns)
                        self._send_requests(now_ns, wall_ns)
                case ApplicationMessage():
                    self._on_application(event, now_ns, wall_ns)
                case Rejected(ref_seq_num, text):
                    self._log.rejected(ref_seq_num, text)
                    self.confirmation.on_reject(ref_seq_num, text, now_ns)
                case Disconnect(reason):
                    self._log.ended(reason)
                    self.closing = reason
                    self._take_down(now_ns)

    def _send_requests(self, now_ns: int, wall_ns: int) -> None:
        lost = self.control[M.LOST] != 0
        self.control[M.LOST] = 0
        if self.up:
            self._requester.send_due(now_ns, wall_ns, bool(lost))

    def _on_application(self, message: ApplicationMessage, now_ns: int, wall_ns: int) -> None:
        handler = self._applications.get(message.msg_type)
        if handler is not None:
            handler(message, now_ns, wall_ns)
            return
        self.session.reject_unsupported(as_int(message.get(tags.MsgSeqNum)) or 0, message.msg_type, now_ns, wall_ns)

    def _on_news(self, message: ApplicationMessage, now_ns: int, wall_ns: int) -> None:
        if self._signals.on_news(message, now_ns, wall_ns):
            self._reconnect(now_ns, wall_ns)

    def _reconnect(self, now_ns: int, wall_ns: int) -> None:
        """The venue is about to end the connection, and repeats that until it does: use another one. If that is told
        the same, it is used all the same for a while."""
        if now_ns - self._maintenance_ns >= _MAINTENANCE_NS:
            self._maintenance_ns = now_ns
            self.reconnect_at_once = True
            self.logout(now_ns, wall_ns)

    def _on_status(self, message: ApplicationMessage, now_ns: int, wall_ns: int) -> None:
        self._early.on_status(message)
        self._signals.on_status(message, now_ns)
        self._refresh_instruments(now_ns)

    def _on_listed_status(self, row: int, tradable: bool, now_ns: int) -> None:
        self._signals.on_listed_status(row, tradable, now_ns)
        self._refresh_instruments(now_ns)

    def _on_request_reject(self, message: ApplicationMessage, now_ns: int, wall_ns: int) -> None:
        self._requester.on_request_reject(message, now_ns)

    def _on_business_reject(self, message: ApplicationMessage, now_ns: int, wall_ns: int) -> None:
        text = as_text(message.get(tags.Text))
        self._log.business_reject(text)
        self.confirmation.on_reject(as_int(message.get(tags.RefSeqNum)), text, now_ns)

    def _on_instruments(self, message: ApplicationMessage, now_ns: int, wall_ns: int) -> None:
        self.confirmation.on_message(message, now_ns)
        self._unannounced = True
        self._send_requests(now_ns, wall_ns)

    def _on_malformed_header(self, message: ApplicationMessage, now_ns: int, wall_ns: int) -> None:
        """Market data in sequence whose header the kernel could not read, so that its instruments are unknown."""
        self.control[M.MALFORMED] += 1
        seq_num = as_int(message.get(tags.MsgSeqNum)) or 0
        reason, text = tags.INCORRECT_DATA_FORMAT, "header out of order"
        self.session.reject(seq_num, message.msg_type, reason, text, now_ns, wall_ns)
        self._invalidate(self._rows, now_ns, L.BOOK_GAP, M.R_MALFORMED)
        self.control[M.LOST] += 1

    def _reject_malformed(self, now_ns: int, wall_ns: int) -> None:
        control = self.control
        reason = int(control[M.REJECT_REASON])
        kind = chr(self._state.buf[self._state.frame[FRAME_BODY] + 3])
        self.session.reject(int(control[M.REJECT_SEQ_NUM]), kind, reason, "malformed market data", now_ns, wall_ns)

    # --- state

    def _set_books(self, rows: Array, now_ns: int, state: int) -> None:
        self._invalidate(rows, now_ns, state, M.R_NONE)

    def _take_down(self, now_ns: int) -> None:
        """The session has ended or is about to: its books are not used."""
        if self._down:
            return
        self._down = True
        self._requester.stop()
        self._invalidate(self._rows, now_ns, L.BOOK_DISCONNECTED, M.R_NONE)
        self._set_state(L.VENUE_DOWN, now_ns)

    def _invalidate(self, rows: Array, now_ns: int, state: int, reason: int) -> None:
        invalidate_books(self._addresses, rows, now_ns, state, reason)
        self._unannounced = True

    def _invalidate_for_request(self, rows: Array, now_ns: int) -> None:
        """Live books that are asked for anew with others: from now on their updates are ignored."""
        self._invalidate(rows, now_ns, L.BOOK_GAP, M.R_NONE)

    def _open_books(self, rows: Array, now_ns: int) -> None:
        """Books of a venue that sends no snapshot are live and empty from the subscription on."""
        start_empty_books(self._addresses, rows, now_ns)
        self._unannounced = True

    def _announce_changes(self) -> None:
        """Wake the readers if the board has changed since they were woken last."""
        if self._unannounced:
            self._unannounced = False
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
            self._refresh_instruments(now_ns)
            if late:
                self._log.delayed(late_ns / NS_PER_S)
            else:
                self._log.current()

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
            self._refresh_instruments(now_ns)

    def _refresh_instruments(self, now_ns: int) -> None:
        """This venue has become usable or unusable, as a whole or for an instrument: rebuild those that have others."""
        self._unannounced = True
        if len(self._instruments):
            self._shared.sources.refresh(now_ns, self._instruments)
