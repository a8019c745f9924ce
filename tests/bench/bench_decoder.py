"""Messages per second of the decoder: two-entry X from bytes to board, on one core.

python -m tests.bench.bench_decoder
"""

import random
import time

import numpy as np

from quotelife.fix.session import EXPECTED
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder import NEEDS_BYTES, decode
from quotelife.runtime.clock import mono_ns
from tests.unit.marketdata.decoder_rig import REQUEST, Rig, message

MESSAGES = 4_000
REPEATS = 50


def market(by_order: bool) -> bytes:
    """A snapshot with ten levels per side and MESSAGES increments near the top."""
    draw = random.Random(1)
    entries: list[tuple[int, object]] = []
    for n in range(10):
        entries += [(269, 0), (278, f"b{n}"), (270, f"{64000 - n * 0.5}"), (271, n + 1)]
        entries += [(269, 1), (278, f"a{n}"), (270, f"{64000.5 + n * 0.5}"), (271, n + 1)]
    stream = [message("W", 1, [(55, "A"), (262, REQUEST), (83, 0), (268, 20), *entries])]  # type: ignore[list-item]
    for seq in range(2, MESSAGES + 2):
        bid, ask = draw.randrange(10), draw.randrange(10)
        action = draw.choice((0, 1, 2) if by_order else (0, 1))
        body = [(262, REQUEST), (268, 2), (279, action), (269, 0), (278, f"b{bid}"), (55, "A")]
        body += [(270, f"{64000 - bid * 0.5}"), (271, draw.randint(1, 99)), (83, 2 * seq - 3)]
        body += [(279, 1), (269, 1), (278, f"a{ask}"), (55, "A")]
        body += [(270, f"{64000.5 + ask * 0.5}"), (271, draw.randint(1, 99)), (83, 2 * seq - 2)]
        stream.append(message("X", seq, body))  # type: ignore[arg-type]
    return b"".join(stream)


def measure(by_order: bool) -> tuple[float, float, float]:
    """Best and median time of a message in ns, and the mean message in bytes."""
    rig = Rig(by_order=by_order)
    data = market(by_order)
    rig.decoder_state.buf[: len(data)] = np.frombuffer(data, np.uint8)
    times = []
    for _ in range(REPEATS):
        rig.decoder_state.sequence[EXPECTED] = 1
        rig.control[M.START], rig.control[M.END] = 0, len(data)
        before = time.perf_counter_ns()
        found = decode(rig.addresses, mono_ns())
        times.append((time.perf_counter_ns() - before) / (MESSAGES + 1))
        if found != NEEDS_BYTES or rig.control[M.ENTRIES] % (20 + 2 * MESSAGES) or rig.counters().get("book_gaps"):
            raise SystemExit(f"not everything was decoded: {rig.counters()}")
    return min(times), float(np.median(times)), len(data) / (MESSAGES + 1)


def main() -> None:
    for by_order in (False, True):
        best, median, size = measure(by_order)
        name = "order" if by_order else "price level"
        print(
            f"by {name}: {size:.0f} bytes a message, best {best:.0f} ns ({1e9 / best:,.0f}/s), "
            f"median {median:.0f} ns ({1e9 / median:,.0f}/s)"
        )


if __name__ == "__main__":
    main()
