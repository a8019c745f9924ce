"""Messages per second of the decoder, by book model: two-entry X from bytes to board, on one core.

python -m tests.bench.bench_decoder [MODEL ...]
"""

import random
import sys
import time
import zlib
from collections.abc import Callable, Iterator

import msgspec
import numpy as np

from quotelife.config.venues.venue_profile import VenueProfile
from quotelife.fix.encode import Field
from quotelife.fix.session import EXPECTED
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder import NEEDS_BYTES, decode
from quotelife.runtime.clock import mono_ns
from tests.unit.marketdata.decoder_rig import REQUEST, Rig, message

MESSAGES = 4_000
REPEATS = 50
LEVELS = 10
Entry = list[Field]
Entries = Iterator[list[Entry]]


def price(side: int, level: int) -> str:
    return f"{64000 - level * 0.5}" if side == 0 else f"{64000.5 + level * 0.5}"


def value(draw: random.Random, side: int, level: int) -> Entry:
    return [(270, price(side, level)), (271, draw.randint(1, 99))]


def levels(draw: random.Random) -> Entries:
    """Sizes at prices that are there."""
    while True:
        places = [(side, draw.randrange(LEVELS)) for side in (0, 1)]
        yield [
            [(279, draw.choice((0, 1))), (269, s), (278, "ba"[s] + str(n)), (55, "A"), *value(draw, s, n)]
            for s, n in places
        ]


def orders(draw: random.Random) -> Entries:
    """Ten orders a side: removed, added again and changed."""
    gone: set[int] = set()
    while True:
        bid, offer = draw.randrange(LEVELS), draw.randrange(LEVELS)
        action = 0 if bid in gone else draw.choice((1, 2))
        gone = gone | {bid} if action == 2 else gone - {bid}
        yield [
            [(279, a), (269, s), (278, "ba"[s] + str(n)), (55, "A"), *value(draw, s, n)]
            for a, s, n in ((action, 0, bid), (1, 1, offer))
        ]


def quotes(draw: random.Random) -> Entries:
    """A new best quote on both sides."""
    while True:
        yield [[(279, 0), (269, s), (55, "A"), *value(draw, s, draw.randrange(LEVELS))] for s in (0, 1)]


def positions(draw: random.Random) -> Entries:
    """Sizes at positions that are there."""
    while True:
        places = [(side, draw.randrange(LEVELS)) for side in (0, 1)]
        yield [[(279, 1), (269, s), (1023, n + 1), (55, "A"), *value(draw, s, n)] for s, n in places]


def checked(draw: random.Random) -> Entries:
    """Sizes at prices, with Kraken's checksum after the last entry."""
    sizes = [[n + 1 for n in range(LEVELS)] for _ in (0, 1)]
    while True:
        entries: list[Entry] = []
        for side in (0, 1):
            level = draw.randrange(LEVELS)
            sizes[side][level] = draw.randint(1, 99)
            entries.append([(279, 1), (269, side), (55, "A"), (270, price(side, level)), (271, sizes[side][level])])
        text = "".join(f"{price(s, n).replace('.', '')}{sizes[s][n]}" for s in (1, 0) for n in range(LEVELS))
        entries[-1].append((5041, zlib.crc32(text.encode())))
        yield entries


class Case:
    """A stream of X for one book model; each message has `entries` of them."""

    def __init__(self, model: str, entries: Callable[[random.Random], Entries], depth: int = 0, **book: object) -> None:
        book = {"models": [model], **book}
        self.profile = msgspec.convert({"title": model, "tried": "here", "book": book}, VenueProfile)
        self.model, self.depth, self.entries = model, depth, entries

    def market(self) -> bytes:
        """A snapshot, with ten levels a side but for the best alone, and MESSAGES increments."""
        draw = random.Random(1)
        snapshot: Entry = []
        n_levels = 1 if self.model == "best" else LEVELS
        for n in range(n_levels):
            for side in (0, 1):
                snapshot += [(269, side), (278, "ba"[side] + str(n)), (270, price(side, n)), (271, n + 1)]
                snapshot += [(1023, n + 1)] if self.model == "position" else []
        head: Entry = [(55, "A"), (262, REQUEST), (83, 0), (268, 2 * n_levels)]
        stream = [message("W", 1, [*head, *snapshot])]
        increments = self.entries(draw)
        for seq in range(2, MESSAGES + 2):
            body: Entry = [(262, REQUEST), (268, 2)]
            for n, entry in enumerate(next(increments)):
                body += [*entry[:5], (83, 2 * seq - 3 + n), *entry[5:]]
            stream.append(message("X", seq, body))
        return b"".join(stream)


CASES = {
    "price": Case("price", levels),
    "order": Case("order", orders),
    "window": Case("price", levels, depth=LEVELS),
    "best": Case("best", quotes),
    "position": Case("position", positions, depth=LEVELS),
    "checksum": Case("price", checked, checksum={"algorithm": "kraken-crc32", "tag": 5041}),
}


def measure(case: Case) -> tuple[float, float, float]:
    """Best and median time of a message in ns, and the mean message in bytes."""
    rig = Rig(profile=case.profile, model=case.model, depth=case.depth)
    data = case.market()
    rig.decoder_state.buf[: len(data)] = np.frombuffer(data, np.uint8)
    times = []
    for repeat in range(1, REPEATS + 1):
        rig.decoder_state.sequence[EXPECTED] = 1
        rig.decoder_state.instruments[0, M.I_SYNC] = M.SYNC_WAITING
        rig.control[M.START], rig.control[M.END] = 0, len(data)
        before = time.perf_counter_ns()
        found = decode(rig.addresses, mono_ns())
        times.append((time.perf_counter_ns() - before) / (MESSAGES + 1))
        ignored = rig.counters().get("ignored", 0)
        if found != NEEDS_BYTES or rig.reasons() or ignored or rig.counters()["snapshots"] != repeat:
            raise SystemExit(f"not everything was decoded: {rig.counters()} {rig.reasons()}")
        rig.orders.compact()
    return min(times), float(np.median(times)), len(data) / (MESSAGES + 1)


def main() -> None:
    for name in sys.argv[1:] or CASES:
        best, median, size = measure(CASES[name])
        print(
            f"{name}: {size:.0f} bytes a message, best {best:.0f} ns ({1e9 / best:,.0f}/s), "
            f"median {median:.0f} ns ({1e9 / median:,.0f}/s)"
        )


if __name__ == "__main__":
    main()
