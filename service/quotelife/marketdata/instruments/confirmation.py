"""Applies the venue's list of instruments to the board: what it does not confirm has no book, and says why."""

from collections.abc import Callable

import numpy as np

from quotelife.config.venues.venue_profile import VenueProfile
from quotelife.fix.events import ApplicationMessage
from quotelife.fix.initiator import InitiatorSession
from quotelife.logs import LogEvent, event_logger
from quotelife.market.board import layout as L
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder_state import Array, SharedArrays
from quotelife.marketdata.instruments.instrument_list import InstrumentList
from quotelife.marketdata.instruments.terms import ConfiguredInstrument, Terms, Verdict
from quotelife.marketdata.subscription.pacing import RequestPacing
from quotelife.marketdata.subscription.subscriptions import Subscriptions

logger = event_logger(__name__)


class Confirmation:
    """Of one venue session. It starts, resumes and stops the subscriptions, which wait for the list.

    `set_books(rows, now_ns, state)` empties books and gives them a state of the board; `on_status(row, tradable,
    now_ns)` is told of the list's statuses. `redact(text)` is a text of the venue without our secrets.
    """

    def __init__(
        self,
        venue: str,
        configured: list[ConfiguredInstrument],
        profile: VenueProfile,
        first_request: int,
        shared: SharedArrays,
        subscriptions: Subscriptions,
        set_books: Callable[[Array, int, int], None],
        on_status: Callable[[int, bool, int], None],
        redact: Callable[[str], str],
    ) -> None:
        self._venue, self._symbols = venue, {c.row: c.symbol for c in configured}
        terms = Terms(profile.instruments, profile.book.checksum)
        self.list = InstrumentList(profile.instruments, terms, configured, first_request)
        self._shared, self._subscriptions = shared, subscriptions
        self._set_books, self._on_status, self._redact = set_books, on_status, redact

    # --- session

    def start(self, now_ns: int) -> None:
        """The session is established."""
        self.list.start(now_ns)
        if self.list.ready:
            self._subscriptions.start(now_ns)

    def resume(self, now_ns: int) -> None:
        """A sequence gap is filled."""
        self.list.resume(now_ns)
        if self.list.ready:
            self._subscriptions.resume(now_ns)

    def stop(self) -> None:
        """The session has a gap or has ended."""
        self.list.stop()
        self._subscriptions.stop()

    def send_due(self, session: InitiatorSession, pacing: RequestPacing, now_ns: int, wall_ns: int) -> None:
        """Send the requests for instruments that are due."""
        for body in self.list.due_requests(pacing.allowance(now_ns)):
            self.list.sent(session.send(self.list.msg_type or "", body, now_ns, wall_ns), now_ns)
            pacing.count_requests(1, now_ns)

    # --- what the venue answers

    def on_timer(self, now_ns: int) -> None:
        self._apply(self.list.on_timer(now_ns), now_ns)

    def on_message(self, message: ApplicationMessage, now_ns: int) -> None:
        """A list of instruments, or an update of one."""
        self._apply(self.list.on_message(message, now_ns), now_ns)

    def on_reject(self, seq_num: int | None, text: str, now_ns: int) -> None:
        """The venue rejected our message with this MsgSeqNum."""
        self._apply(self.list.on_reject(seq_num or 0, text, now_ns), now_ns)

    def _apply(self, verdicts: list[Verdict], now_ns: int) -> None:
        """Withhold the instruments that the venue does not confirm; once its list is complete, subscribe the others."""
        if not verdicts:
            return
        for verdict in verdicts:
            self._apply_one(verdict, now_ns)
        self._subscriptions.withhold(self.list.missing)
        if not self._subscriptions.active:
            self._subscriptions.start(now_ns)

    def _apply_one(self, verdict: Verdict, now_ns: int) -> None:
        symbol, row = self._symbols[verdict.row], self._shared.board.all_rows[verdict.row]
        name, of = f"{self._venue}: {symbol}", {"venue": self._venue, "instrument": symbol}
        if verdict.difference:
            difference = self._redact(verdict.difference)
            logger.error(LogEvent.INSTRUMENT_MISMATCH, "%s is not quoted: %s", name, difference, **of)
            self._set_books(np.array([verdict.row]), now_ns, L.BOOK_MISMATCH)
            return
        if row[L.STATE] == L.BOOK_MISMATCH:
            text = "%s is confirmed by the venue's list of instruments"
            logger.warning(LogEvent.INSTRUMENT_CONFIRMED, text, name, **of)
            self._set_books(np.array([verdict.row]), now_ns, L.BOOK_EMPTY)
        if verdict.decimals is not None:
            self._shared.instruments[verdict.row, [M.I_PX_DECIMALS, M.I_SIZE_DECIMALS]] = verdict.decimals
        if verdict.tradable is not None:
            if not verdict.tradable:
                status = self._redact(verdict.status)
                text = "%s is not quoted: its status at the venue, %s, does not allow trading"
                logger.error(LogEvent.INSTRUMENT_NOT_TRADING, text, name, status, **of)
            self._on_status(verdict.row, verdict.tradable, now_ns)
