"""The bench's market: FIX.4.4 messages of a venue whose books have ten levels a side and change constantly.

Each increment has two entries: the size of a bid level and of an offer level. Occasionally the top moves by a tick and
back, so that the feature windows contain moves. The increments are a precomputed cycle of messages of equal width:
sending one only writes its sequence number and checksum, so a million a second cost little.
"""

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quotelife.fix.encode import Identity, encode, frame_bytes, sending_time
from quotelife.runtime.clock import wall_ns

VENUE = Identity("BENCHVENUE", "QUOTELIFE")
SERVICE = Identity("QUOTELIFE", "BENCHVENUE")
TICK, LOT = "0.01", "1"
LEVELS = 10
MOVE_TICKS = 300
NEW, CHANGE, DELETE = 0, 1, 2
BID, OFFER = 0, 1
_MID_TICKS = 20_000  # every price is six characters
_CYCLE = 8_192  # messages, or four an instrument if that is more
_STEP = 64  # once per this many increments of an instrument a bid above the best appears; it is deleted half-way
_SEQ_DIGITS = 9
_POWERS = 10 ** np.arange(_SEQ_DIGITS - 1, -1, -1)

Book = dict[tuple[int, int], int]  # (side, ticks) -> size


class Change(NamedTuple):
    """The content of an increment."""

    symbol: str
    action: int  # of the bid; the offer is changed
    bid_ticks: int
    bid_size: int
    offer_ticks: int
    offer_size: int


def symbols(count: int) -> list[str]:
    return [f"BENCH-{n:04d}" for n in range(count)]


def price(ticks: int) -> str:
    return f"{ticks // 100}.{ticks % 100:02d}"


class IncrementStream:
    """The increments for a set of subscriptions, given as MDReqID by symbol; ValueError if the widths differ."""

    def __init__(self, requests: dict[str, str], draw: random.Random) -> None:
        names = list(requests)
        step = _STEP if _CYCLE // len(names) >= _STEP else 4
        rounds = max(_CYCLE // len(names) // step * step, step)
        self.changes = [_change(draw, symbol, n % step, step) for n in range(rounds) for symbol in names]
        stamp = sending_time(wall_ns())
        texts = [_encode(change, requests[change.symbol], stamp) for change in self.changes]
        if len({len(text) for text in texts}) != 1:
            raise ValueError("the increments differ in width")
        self._messages: NDArray[np.uint8] = np.frombuffer(b"".join(texts), np.uint8).reshape(len(texts), -1).copy()
        self._seq = texts[0].index(b"\x0134=") + 4
        self._stamp = texts[0].index(b"\x0152=") + 4
        self._messages[:, self._seq : self._seq + _SEQ_DIGITS] = 0
        self._sums = self._messages[:, :-7].sum(axis=1, dtype=np.int64)
        self.sent = 0

    def next_messages(self, count: int, first_seq: int, stamp: str) -> bytes:
        """The next `count` messages, numbered from `first_seq`."""
        self._set_stamp(stamp)
        which = (self.sent + np.arange(count)) % len(self._messages)
        rows = self._messages[which]
        digits: NDArray[Any] = (first_seq + np.arange(count))[:, None] // _POWERS % 10 + ord("0")
        rows[:, self._seq : self._seq + _SEQ_DIGITS] = digits
        checks = (self._sums[which] + digits.sum(axis=1)) & 255
        rows[:, -4:-1] = checks[:, None] // _POWERS[-3:] % 10 + ord("0")
        self.sent += count
        return rows.tobytes()

    def _set_stamp(self, stamp: str) -> None:
        columns = slice(self._stamp, self._stamp + len(stamp))
        new, old = np.frombuffer(stamp.encode(), np.uint8), self._messages[0, columns]
        if (new != old).any():
            self._sums += int(new.sum()) - int(old.sum())
            self._messages[:, columns] = new

    def play(self, books: dict[str, Book]) -> None:
        """Update `books` from the snapshots to the state after the increments sent so far."""
        whole, rest = divmod(self.sent, len(self.changes))
        for change in (self.changes if whole else []) + self.changes[:rest]:
            book = books[change.symbol]
            if change.action == DELETE:
                book.pop((BID, change.bid_ticks), None)
            else:
                book[BID, change.bid_ticks] = change.bid_size
            book[OFFER, change.offer_ticks] = change.offer_size


def _change(draw: random.Random, symbol: str, n: int, step: int) -> Change:
    action, level = {0: (NEW, 0), step // 2: (DELETE, 0)}.get(n, (CHANGE, draw.randint(1, LEVELS)))
    return Change(symbol, action, _MID_TICKS - level, _size(draw), _MID_TICKS + draw.randint(1, LEVELS), _size(draw))


def _encode(change: Change, request: str, stamp: str) -> bytes:
    content = (
        f"35=X\x0149={VENUE.sender_comp_id}\x0156={VENUE.target_comp_id}\x0134={0:0{_SEQ_DIGITS}d}\x0152={stamp}\x01"
        f"262={request}\x01268=2\x01"
        f"279={change.action}\x01269=0\x0155={change.symbol}\x01270={price(change.bid_ticks)}\x01"
        f"271={change.bid_size}\x01"
        f"279=1\x01269=1\x0155={change.symbol}\x01270={price(change.offer_ticks)}\x01271={change.offer_size}\x01"
    )
    return frame_bytes(b"FIX.4.4", content.encode())


def _size(draw: random.Random) -> int:
    return draw.randint(100, 599)


class VenueSession:
    """The venue's side of a session; `requests` holds the MDReqIDs of the active subscriptions, by symbol. The first
    `moving` of them have no increments and move as a whole instead."""

    def __init__(self, seed: int = 1, moving: int = 0) -> None:
        self._draw = random.Random(seed)
        self._moving, self._moved = moving, set[str]()
        self._next_seq = 1
        self._stream: IncrementStream | None = None
        self._books: dict[str, Book] = {}
        self.requests: dict[str, str] = {}
        self.resubscribed = 0

    @property
    def increments_sent(self) -> int:
        return self._stream.sent if self._stream is not None else 0

    def message(self, kind: str, body: list[tuple[int, str | int]]) -> bytes:
        """A message of the venue with sequence number and SendingTime."""
        self._next_seq += 1
        return encode(VENUE, kind, self._next_seq - 1, sending_time(wall_ns()), body)

    def snapshot(self, request: str, symbol: str) -> bytes:
        """The answer to a subscription: W with all levels."""
        self.resubscribed += symbol in self.requests
        self.requests[symbol] = request
        self._stream = None
        return self._full_refresh(request, symbol)

    def _full_refresh(self, request: str, symbol: str) -> bytes:
        book = self._books[symbol] = {}
        body: list[tuple[int, str | int]] = [(262, request), (55, symbol), (268, 2 * LEVELS)]
        shift = MOVE_TICKS if symbol in self._moved else 0
        for side, level in _levels():
            ticks = level + shift
            book[side, ticks] = _size(self._draw)
            body += [(269, side), (270, price(ticks)), (271, book[side, ticks])]
        return self.message("W", body)

    def move(self) -> bytes:
        """W for a random moving instrument, whose whole book is now MOVE_TICKS higher, or back where it was."""
        request, symbol = self._draw.choice([(r, s) for s, r in list(self.requests.items())[: self._moving]])
        self._moved ^= {symbol}
        return self._full_refresh(request, symbol)

    def increments(self, count: int) -> bytes:
        """`count` X messages, cycling through the instruments."""
        if self._stream is None:
            self._stream = IncrementStream(dict(list(self.requests.items())[self._moving :]), self._draw)
        first, self._next_seq = self._next_seq, self._next_seq + count
        return self._stream.next_messages(count, first, sending_time(wall_ns()))

    def books(self) -> dict[str, Book]:
        """The expected state of every book, if no symbol was subscribed to twice."""
        books = {symbol: dict(book) for symbol, book in self._books.items()}
        if self._stream is not None:
            self._stream.play(books)
        return books

    def tops(self) -> dict[str, list[list[tuple[int, int]]]]:
        """The ten best levels of every book by side, bids first."""
        return {symbol: [top(book, BID), top(book, OFFER)] for symbol, book in self.books().items()}


def _levels() -> Iterator[tuple[int, int]]:
    for side, direction in ((BID, -1), (OFFER, 1)):
        for level in range(1, LEVELS + 1):
            yield side, _MID_TICKS + direction * level


def top(book: Book, side: int) -> list[tuple[int, int]]:
    """(ticks, size) of the ten best levels of a side, best first."""
    levels = [(ticks, size) for (at, ticks), size in book.items() if at == side]
    return sorted(levels, reverse=side == BID)[:LEVELS]


def split(data: bytes) -> tuple[list[dict[str, str]], bytes]:
    """The complete messages at the start of `data` as tag -> last value, and the rest. Not for high rates."""
    found = []
    while (trailer := data.find(b"\x0110=")) >= 0 and len(data) >= trailer + 8:
        fields = data[: trailer + 8].decode().split("\x01")[:-1]
        found.append(dict(f.split("=", 1) for f in fields))
        data = data[trailer + 8 :]
    return found, data
