"""The bench's market: FIX.4.4 messages of a venue whose books have ten levels a side and never stand still.

Each increment has two entries: the size of a bid and of an offer level. Now and then the top moves by a tick and back,
so that the windows of the features have something to hold.
"""

import itertools
import random

from service.clock import wall_ns
from service.fix.encode import Identity, encode, frame_bytes, sending_time

VENUE = Identity("BENCHVENUE", "QUOTELIFE")
SERVICE = Identity("QUOTELIFE", "BENCHVENUE")
TICK, LOT = "0.01", "1"
LEVELS = 10
_MID_TICKS = 10_000
_STEP_EVERY = 64  # one increment in so many touches the best price
_NEW, _CHANGE, _DELETE = 0, 1, 2


def symbols(count: int) -> list[str]:
    return [f"BENCH-{n:04d}" for n in range(count)]


def price(ticks: int) -> str:
    return f"{ticks // 100}.{ticks % 100:02d}"


class VenueSide:
    """Numbers the venue's messages; `requests` are the MDReqIDs of the subscriptions in force, by symbol."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._seq = itertools.count(1)
        self._inside: dict[str, bool] = {}  # a bid stands one tick above the usual best
        self.requests: dict[str, str] = {}

    def message(self, kind: str, body: list[tuple[int, str | int]]) -> bytes:
        """Any message of the venue, numbered and stamped."""
        return encode(VENUE, kind, next(self._seq), sending_time(wall_ns()), body)

    def snapshot(self, request: str, symbol: str) -> bytes:
        """The answer to a subscription: W with all levels."""
        self.requests[symbol] = request
        self._inside[symbol] = False
        body: list[tuple[int, str | int]] = [(262, request), (55, symbol), (268, 2 * LEVELS)]
        for side, direction in ((0, -1), (1, 1)):
            for level in range(1, LEVELS + 1):
                ticks = _MID_TICKS + direction * level
                body += [(269, side), (270, price(ticks)), (271, self._size())]
        return self.message("W", body)

    def increments(self, count: int) -> bytes:
        """`count` X messages, round the instruments, one behind the other."""
        stamp = sending_time(wall_ns())
        around = itertools.cycle(self.requests.items())
        return b"".join(self._increment(next(self._seq), stamp, *next(around)) for _ in range(count))

    def _increment(self, seq: int, stamp: str, symbol: str, request: str) -> bytes:
        if seq % _STEP_EVERY == 0:
            action, level = (_DELETE if self._inside[symbol] else _NEW), 0
            self._inside[symbol] = not self._inside[symbol]
        else:
            action, level = _CHANGE, self._random.randint(1, LEVELS)
        bid, offer = price(_MID_TICKS - level), price(_MID_TICKS + self._random.randint(1, LEVELS))
        content = (
            f"35=X\x0149={VENUE.sender_comp_id}\x0156={VENUE.target_comp_id}\x0134={seq}\x0152={stamp}\x01"
            f"262={request}\x01268=2\x01"
            f"279={action}\x01269=0\x0155={symbol}\x01270={bid}\x01271={self._size()}\x01"
            f"279=1\x01269=1\x0155={symbol}\x01270={offer}\x01271={self._size()}\x01"
        )
        return frame_bytes(b"FIX.4.4", content.encode())

    def _size(self) -> int:
        return self._random.randint(1, 500)


def split(data: bytes) -> tuple[list[dict[str, str]], bytes]:
    """Whole messages at the front of `data` as tag -> last value, and the rest. For the few messages of a peer."""
    found = []
    while (trailer := data.find(b"\x0110=")) >= 0 and len(data) >= trailer + 8:
        fields = data[: trailer + 8].decode().split("\x01")[:-1]
        found.append(dict(f.split("=", 1) for f in fields))
        data = data[trailer + 8 :]
    return found, data
