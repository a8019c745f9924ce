"""Plays the events of a market when they are due: books, subscriptions, messages and tape, in one thread."""

import re
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import quickfix as fix

from quotelife.runtime.clock import NS_PER_MS, NS_PER_S, mono_ns, wall_ns
from quotelife_sim.markets.market import BID, NEWS, TRADE, Market, Scale
from quotelife_sim.venue import messages
from quotelife_sim.venue.book import VenueBook
from quotelife_sim.venue.tape import H_START_NS, Tape

BATCH = 200  # approximate number of events per batch
LATE_NS = 20 * NS_PER_MS  # an event sent later than this counts as late
_IDLE_S = 0.05
_FIELD = re.compile("(?:^|\x01)(\\d+)=([^\x01]*)")


class SubscriptionInbox(Protocol):
    """Queue that the engine's callbacks fill: (MsgType, or "" for a logout; session; raw message)."""

    inbox: deque[tuple[str, str, str]]
    wake: threading.Event


class MarketPlayer:
    """Owns the books. Other threads may call `start` and `stop`; everything else runs in the thread of `run`."""

    def __init__(self, market: Market, scale_of: Mapping[str, Scale], tape: Tape, inbox: SubscriptionInbox) -> None:
        self.market, self.tape = market, tape
        self.scales = [scale_of[symbol] for symbol in market.symbols]
        self.books = [VenueBook() for _ in market.symbols]
        self._tops = [(0, 0)] * len(self.books)
        self._index = {symbol: i for i, symbol in enumerate(market.symbols)}
        self._inbox, self._wake = inbox.inbox, inbox.wake
        self._sessions: dict[str, fix.SessionID] = {}
        self._followers: dict[int, list[tuple[str, str]]] = {}  # instrument -> (session, MDReqID)
        self._start_ns: int | None = None
        self._stopped = False
        self._catching_up = tape.count > 0  # after a restart: sends nothing until it has caught up with the market
        self._resumed_ns = 0
        self._shift = [0] * len(self.books)  # ticks by which a repeated market continues from its last prices
        self.events = self.sent = self.late = self.latest_ns = 0

    def start(self, at_ns: int, resumed_ns: int = 0) -> None:
        """Play from `at_ns`; events before `resumed_ns` change the books but are not published."""
        self._resumed_ns = resumed_ns
        self._start_ns = at_ns
        self._wake.set()

    def stop(self) -> None:
        self._stopped = True
        self._wake.set()

    def statistics(self) -> dict[str, Any]:
        return {
            "market": self.market.describe(),
            "events": self.events,
            "messages": self.sent,
            "late_events": self.late,
            "latest_ms": self.latest_ns / NS_PER_MS,
            "top_changes": self.tape.count,
        }

    def run(self) -> None:
        """Answer subscriptions and play until stopped."""
        self._open_books(mono_ns())
        while self._start_ns is None and not self._stopped:
            self._wait(_IDLE_S)
        while not self._stopped:
            assert self._start_ns is not None
            self.tape.header[H_START_NS] = self._start_ns
            last_ns = self._play(self._start_ns)
            if self._catching_up and not self.market.repeats:
                self._resume_publishing()
            while not self._stopped and not self.market.repeats:
                self._wait(_IDLE_S)
            if not self._stopped:
                self._start_ns = last_ns
                self._open_books(last_ns)
                self._send_snapshots(self._followers)

    def _open_books(self, now_ns: int) -> None:
        """Build the opening books; when a market repeats, shifted to continue from the last best bids."""
        last = self._tops
        self._fill_books()
        if last[0] != (0, 0):
            self._shift = [
                shift + (was[BID] - book.top()[BID])
                for shift, was, book in zip(self._shift, last, self.books, strict=True)
            ]
            self._fill_books()
        for instrument in range(len(self.books)):
            self._record(instrument, now_ns)

    def _fill_books(self) -> None:
        for book in self.books:
            book.clear()
        for _, instrument, kind, side, key, px, size in self.market.opening().tolist():
            self.books[instrument].apply(kind, key, side, px + self._shift[instrument], size)

    def _play(self, start_ns: int) -> int:
        """Play every event when it is due; returns the time of the last one."""
        due_ns = start_ns
        for chunk in self.market.chunks():
            due, position = chunk["due_ns"] + start_ns, 0
            while position < len(chunk) and not self._stopped:
                now_ns = mono_ns()
                ready = int(np.searchsorted(due, now_ns, side="right"))
                if ready > position + BATCH:  # events of one time stay together: the book is valid after the last
                    ready = int(np.searchsorted(due, due[position + BATCH], side="right"))
                if ready <= position:
                    self._wait(min((int(due[position]) - now_ns) / NS_PER_S, _IDLE_S))
                    continue
                if self._catching_up and due[ready - 1] >= self._resumed_ns:
                    self._resume_publishing()
                self._publish(chunk[position:ready], start_ns, now_ns)
                if not self._catching_up:
                    self._process_inbox()
                due_ns, position = int(due[ready - 1]), ready
            if self._stopped:
                break
        return due_ns

    def _wait(self, seconds: float) -> None:
        self._wake.wait(seconds)
        self._wake.clear()
        self._process_inbox()

    def _resume_publishing(self) -> None:
        """Publish from now on: the best prices to the tape, snapshots to the subscribers."""
        self._catching_up = False
        now_ns = mono_ns()
        for instrument, top in enumerate(self._tops):
            self.tape.append(now_ns, instrument, *top)
        self._send_snapshots(self._followers)

    # --- publishing

    def _publish(self, events: np.ndarray, start_ns: int, now_ns: int) -> None:
        if self._catching_up:
            self._apply_unpublished(events, now_ns)
            return
        self._count_late_events(events["due_ns"] + start_ns, now_ns)
        stamp_ns = wall_ns()
        outgoing: dict[tuple[str, str], list[str]] = {}
        for _, instrument, kind, side, key, px, size in events.tolist():
            if kind == NEWS:
                self._send_news(instrument, px / 1000.0, stamp_ns)
                continue
            entry = self._entry(instrument, kind, side, key, px, size, stamp_ns)
            if entry is not None:
                for follower in self._followers.get(instrument, ()):
                    outgoing.setdefault(follower, []).append(entry)
        for instrument in np.unique(events["instrument"]).tolist():
            self._record(instrument, now_ns)
        for (session, request_id), entries in outgoing.items():
            self._send(messages.increments(request_id, entries), session)

    def _apply_unpublished(self, events: np.ndarray, now_ns: int) -> None:
        """Apply events from the time when the venue was down, without publishing them."""
        for _, instrument, kind, side, key, px, size in events.tolist():
            if kind not in (NEWS, TRADE):
                self.books[instrument].apply(kind, key, side, px + self._shift[instrument], size)
        for instrument in np.unique(events["instrument"]).tolist():
            self._record(instrument, now_ns)

    def _entry(self, instrument: int, kind: int, side: int, key: int, px: int, size: int, stamp_ns: int) -> str | None:
        """Apply an event; returns its entry in X, or None if it changed nothing."""
        book, symbol, scale = self.books[instrument], self.market.symbols[instrument], self.scales[instrument]
        px += self._shift[instrument]
        if kind == TRADE:
            book.rpt_seq += 1
            return messages.trade_entry(key, side, px, size, symbol, scale, book.rpt_seq, stamp_ns)
        order = book.apply(kind, key, side, px, size)
        if order is None:
            return None
        book.rpt_seq += 1
        return messages.order_entry(kind, key, order, symbol, scale, book.rpt_seq, stamp_ns)

    def _record(self, instrument: int, now_ns: int) -> None:
        top = self.books[instrument].top()
        if top != self._tops[instrument]:
            self._tops[instrument] = top
            if not self._catching_up:
                self.tape.append(now_ns, instrument, *top)

    def _send_news(self, instrument: int, sentiment: float, stamp_ns: int) -> None:
        symbol = self.market.symbols[instrument]
        headline = f"{symbol}: news with sentiment {sentiment:+.2f}"
        for session in {session for session, _ in self._followers.get(instrument, ())}:
            self._send(messages.news(headline, [symbol], sentiment, stamp_ns), session)

    def _count_late_events(self, due: np.ndarray, now_ns: int) -> None:
        behind = now_ns - due
        self.events += len(due)
        self.late += int(np.count_nonzero(behind > LATE_NS))
        self.latest_ns = max(self.latest_ns, int(behind[0]))

    def _send(self, message: fix.Message, session: str) -> None:
        self.sent += 1
        fix.Session.sendToTarget(message, self._sessions[session])

    # --- subscriptions

    def _process_inbox(self) -> None:
        while self._inbox:
            kind, session, raw = self._inbox.popleft()
            before = len(self._followers)
            if kind == "V":
                self._subscribe(session, raw)
            elif kind == "":
                self._unsubscribe(session, None)
            if len(self._followers) != before:
                print(f"FOLLOWED {len(self._followers)}", flush=True)

    def _subscribe(self, session: str, raw: str) -> None:
        fields = _FIELD.findall(raw)
        single = dict(fields)
        request_id, symbols = single.get("262", ""), [value for tag, value in fields if tag == "55"]
        if session not in self._sessions:
            self._sessions[session] = fix.SessionID()
            self._sessions[session].fromString(session)
        if single.get("263") == "2":
            self._unsubscribe(session, request_id)
            return
        unknown = [symbol for symbol in symbols if symbol not in self._index]
        if unknown:
            self._send(messages.reject(request_id, f"unknown symbol {unknown[0]}"), session)
            return
        wanted = {self._index[symbol]: [(session, request_id)] for symbol in symbols}
        self._send_snapshots(wanted)
        if single.get("263") == "1":
            for instrument, (follower,) in wanted.items():
                others = [f for f in self._followers.get(instrument, []) if f[0] != session]
                self._followers[instrument] = [*others, follower]

    def _send_snapshots(self, wanted: Mapping[int, list[tuple[str, str]]]) -> None:
        stamp_ns = wall_ns()
        for instrument, followers in wanted.items():
            book, scale = self.books[instrument], self.scales[instrument]
            for session, request_id in followers:
                symbol = self.market.symbols[instrument]
                self._send(messages.snapshot(request_id, symbol, book, scale, stamp_ns), session)

    def _unsubscribe(self, session: str, request_id: str | None) -> None:
        """Remove one subscription of a session, or all of them if `request_id` is None."""
        for instrument, followers in list(self._followers.items()):
            remaining = [f for f in followers if not (f[0] == session and request_id in (None, f[1]))]
            if remaining:
                self._followers[instrument] = remaining
            else:
                del self._followers[instrument]
