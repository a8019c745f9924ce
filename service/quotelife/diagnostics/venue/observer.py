"""Records what a venue sends and what was not understood, beside the feed that processes it.

The feed's decoder is called with one message at a time, so that a counter that it increments has its message.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from quotelife.diagnostics.venue.reasons import NOT_UNDERSTOOD, NOTED
from quotelife.fix import tags
from quotelife.fix.events import ApplicationMessage, first_values, message_type
from quotelife.fix.fields import INVALID, MalformedMessage, as_int, as_text, parse_utc_timestamp, split_fields
from quotelife.fix.framer import COMPLETE, FRAME_END, FRAME_START, FRAME_WORDS, INCOMPLETE, frame
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder import NEEDS_BYTES, decode
from quotelife.marketdata.decoder_state import Array
from quotelife.marketdata.feed import VenueFeed
from quotelife.marketdata.instruments.listing import ANSWERS, ListedInstrument, listed_instruments
from quotelife.runtime.clock import wall_ns

_RECENT = 1_000  # messages of the venue that a rejection of ours can still refer to
_MARKET_DATA = (tags.MARKET_DATA_SNAPSHOT_FULL_REFRESH, tags.MARKET_DATA_INCREMENTAL_REFRESH)
_REFUSALS = (tags.REJECT, tags.BUSINESS_MESSAGE_REJECT, tags.MARKET_DATA_REQUEST_REJECT)
_MAX_LISTED = 200_000


@dataclass(slots=True)
class Reason:
    """How often something happened, and the first message that it happened with."""

    count: int
    example: bytes


@dataclass(slots=True)
class Observations:
    """What came in, what went out, and what was not understood."""

    received: Counter[str] = field(default_factory=Counter)  # by MsgType; garbled bytes are no message
    sent: Counter[str] = field(default_factory=Counter)
    not_understood: dict[str, Reason] = field(default_factory=dict)
    noted: dict[str, Reason] = field(default_factory=dict)  # of no consequence for the book
    refusals: list[tuple[str, str, bytes, bytes]] = field(default_factory=list)  # MsgType, Text, it, what it refers to
    listed: dict[str, ListedInstrument] = field(default_factory=dict)  # by Symbol, else SecurityID
    entry_tags: set[int] = field(default_factory=set)  # of W and X
    with_rpt_seq: int = 0  # messages W and X that carry RptSeq
    last_logout: bytes = b""
    last_received: bytes = b""
    first_bytes: bytes = b""  # of the connection
    skew_ns: list[int] = field(default_factory=lambda: [1 << 62, -(1 << 62)])  # our clock less SendingTime: least, most
    max_late_ns: int = 0
    last_sent: dict[str, bytes] = field(default_factory=dict)  # by MsgType

    @property
    def market_data(self) -> int:
        return sum(self.received[kind] for kind in _MARKET_DATA)


class VenueObserver:
    """`timed_decode` and `on_sent` are given to a feed and its connection; `attach` must follow."""

    def __init__(self) -> None:
        self.seen = Observations()
        self._feed: VenueFeed | None = None
        self._buffer = np.zeros(0, np.uint8)
        self._frame = np.zeros(FRAME_WORDS, np.int64)
        self._recent: deque[tuple[int, bytes]] = deque(maxlen=_RECENT)
        self._ours: deque[tuple[int, bytes]] = deque(maxlen=_RECENT)

    def attach(self, feed: VenueFeed) -> None:
        self._feed = feed
        self._buffer = np.frombuffer(feed.buffer, np.uint8)

    def timed_decode(self, venue: str) -> Callable[[Array, int], int]:
        return self._decode

    def _decode(self, addresses: Array, now_ns: int) -> int:
        """`decode`, one message a call."""
        assert self._feed is not None
        control = self._feed.control
        end = int(control[M.END])
        if not self.seen.first_bytes:
            self.seen.first_bytes = self._buffer[int(control[M.START]) : end][:64].tobytes()
        while control[M.START] < end:
            status = frame(self._buffer, int(control[M.START]), end, int(control[M.LIMIT]), self._frame)
            if status == INCOMPLETE:
                break
            start, stop = int(self._frame[FRAME_START]), int(self._frame[FRAME_END])
            message = self._buffer[start:stop].tobytes()
            control[M.END] = stop
            before = control.copy()
            found = decode(addresses, now_ns)
            self._record(message, status == COMPLETE, before, control)
            control[M.END] = end
            if found != NEEDS_BYTES:
                return found
        return decode(addresses, now_ns)

    def _record(self, message: bytes, complete: bool, before: Array, after: Array) -> None:
        for word, reason in NOT_UNDERSTOOD.items():
            _count(self.seen.not_understood, reason, int(after[word] - before[word]), message)
        for word, reason in NOTED.items():
            _count(self.seen.noted, reason, int(after[word] - before[word]), message)
        self.seen.max_late_ns = max(self.seen.max_late_ns, int(after[M.LATE_NS]))
        if complete:
            self._record_message(message)

    def _record_message(self, message: bytes) -> None:
        seen = self.seen
        try:
            fields = split_fields(message)
        except MalformedMessage:
            return  # the session says why
        values = first_values(fields)
        kind = message_type(values)
        seen.received[kind] += 1
        seen.last_received = message
        self._recent.append((as_int(values.get(tags.MsgSeqNum)) or 0, message))
        self._measure_clock(values.get(tags.SendingTime, b""))
        if kind in _MARKET_DATA:
            present = {tag for tag, _ in fields}
            seen.entry_tags |= present
            seen.with_rpt_seq += tags.RptSeq in present
        elif kind in ANSWERS and len(seen.listed) < _MAX_LISTED:
            seen.listed |= {i.symbol or i.security_id: i for i in listed_instruments(ApplicationMessage(kind, fields))}
        elif kind in _REFUSALS:
            about = _find(self._ours, as_int(values.get(tags.RefSeqNum)) or 0)
            if kind == tags.MARKET_DATA_REQUEST_REJECT:
                about = seen.last_sent.get(tags.MARKET_DATA_REQUEST, b"")
            seen.refusals.append((kind, as_text(values.get(tags.Text)), message, about))
            _count(seen.not_understood, f"the venue answered {kind} to a message of ours", 1, message)
        elif kind == tags.LOGOUT:
            seen.last_logout = message

    def _measure_clock(self, sending_time: bytes) -> None:
        sent_ns = int(parse_utc_timestamp(np.frombuffer(sending_time + b"\0", np.uint8).copy(), 0, len(sending_time)))
        if sent_ns != INVALID:
            skew = wall_ns() - sent_ns
            self.seen.skew_ns[:] = min(self.seen.skew_ns[0], skew), max(self.seen.skew_ns[1], skew)

    def on_sent(self, data: bytes) -> None:
        """Bytes that the feed sends: a rejection of ours means that a message was not understood."""
        for message in _messages(data):
            values = first_values(split_fields(message))
            kind = message_type(values)
            self.seen.sent[kind] += 1
            self.seen.last_sent[kind] = message
            self._ours.append((as_int(values.get(tags.MsgSeqNum)) or 0, message))
            if kind == tags.BUSINESS_MESSAGE_REJECT:
                reason = f"message type {as_text(values.get(tags.RefMsgType))} is not processed"
                _count(self.seen.not_understood, reason, 1, self._referred(values))
            elif kind == tags.REJECT:
                reason = f"rejected by us: {as_text(values.get(tags.Text)) or 'no reason'}"
                _count(self.seen.not_understood, reason, 1, self._referred(values))

    def _referred(self, values: dict[int, bytes]) -> bytes:
        return _find(self._recent, as_int(values.get(tags.RefSeqNum)) or 0)


def _find(messages: deque[tuple[int, bytes]], seq_num: int) -> bytes:
    return next((message for number, message in reversed(messages) if number == seq_num), b"")


def _count(reasons: dict[str, Reason], name: str, more: int, message: bytes) -> None:
    if more > 0:
        if name not in reasons:
            reasons[name] = Reason(0, message)
        reasons[name].count += more


def _messages(data: bytes) -> Iterator[bytes]:
    buf, out = np.frombuffer(data, np.uint8).copy(), np.zeros(FRAME_WORDS, np.int64)
    at = 0
    while at < len(buf) and frame(buf, at, len(buf), len(buf), out) == COMPLETE:
        yield buf[out[FRAME_START] : out[FRAME_END]].tobytes()
        at = int(out[FRAME_END])
