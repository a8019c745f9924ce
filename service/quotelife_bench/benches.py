"""The benches, each as a function that returns its Topic."""

import sys
from collections.abc import Callable
from functools import partial

from quotelife.runtime.process import EXIT_FAILED
from quotelife_bench.baselines.cpp import build as cpp
from quotelife_bench.figures import Topic, figure
from quotelife_bench.progress import Progress
from quotelife_bench.sides import LoadShape
from quotelife_bench.topics import closed, cores
from quotelife_bench.topics import decision as decisions
from quotelife_bench.topics import hits as dealt
from quotelife_bench.topics import marketdata as market
from quotelife_bench.topics import memory as resident
from quotelife_bench.topics import rfq as requests_
from quotelife_bench.topics import scale as growth
from quotelife_bench.topics import startup as starts
from quotelife_bench.topics import sustained as rates
from quotelife_bench.topics import withdrawal as withdrawals
from quotelife_bench.topics.kernels import marketdata_rates

INSTRUMENTS = 10
DECISIONS = 5_000
MARKETDATA_MESSAGES = 50_000


def kernel(repeats: int) -> Topic:
    progress = Progress("market data")
    progress.step("kernel")
    rates = marketdata_rates(MARKETDATA_MESSAGES, INSTRUMENTS, repeats)
    progress.end()
    line = figure("two-entry X, bytes to board in the kernel", "messages/s", rates,
                  limit=("at least", 500_000, "absolute"))  # fmt: skip
    return Topic(topic="kernel", title="market data in the kernel", figures=[line])


def decision(repeats: int) -> Topic:
    progress = Progress("decision")
    try:
        return decisions.measure(DECISIONS, repeats, progress)
    finally:
        progress.end()


def rfq(
    rate: float, market_rate: float, seconds: float, repeats: int, sessions: int = 1, budget: bool = False
) -> Topic:  # fmt: skip
    progress = Progress("request to Quote", repeats * len(requests_.SIDES))
    shape = LoadShape(rate, seconds, min(1.0, seconds), market_rate, INSTRUMENTS, sessions)
    try:
        return requests_.measure(shape, repeats, progress, budget)
    finally:
        progress.end()


def closed_loop(requests: int, repeats: int) -> Topic:
    progress = Progress("closed loop", repeats * len(closed.SIDES))
    try:
        return closed.measure(requests, repeats, INSTRUMENTS, progress)
    finally:
        progress.end()


def hits(hits_: int, repeats: int) -> Topic:
    progress = Progress("hits", repeats * 6)
    try:
        return dealt.measure(hits_, repeats, INSTRUMENTS, progress)
    finally:
        progress.end()


def marketdata(rate: float, seconds: float, instruments: int, repeats: int) -> Topic:
    progress = Progress("market data", 2 * repeats + 1)
    try:
        return market.measure(rate, seconds, instruments, repeats, progress)
    finally:
        progress.end()


def sustained(market_rate: float, seconds: float, repeats: int) -> Topic:
    progress = Progress("sustained requests")
    try:
        return rates.measure(market_rate, seconds, INSTRUMENTS, repeats, progress)
    finally:
        progress.end()


def withdrawal(market_rate: float, seconds: float, repeats: int) -> Topic:
    progress = Progress("withdrawal", repeats)
    try:
        return withdrawals.measure(market_rate, seconds, repeats, progress)
    finally:
        progress.end()


def memory(requests: int, sessions: int) -> Topic:
    progress = Progress("memory")
    try:
        return resident.measure(requests, INSTRUMENTS, sessions, progress)
    finally:
        progress.end()


def scale(
    rate: float, market_rate: float, seconds: float, repeats: int, most_instruments: int, most_sessions: int
) -> Topic:  # fmt: skip
    progress = Progress("growth")
    try:
        return growth.measure(rate, market_rate, seconds, repeats, most_instruments, most_sessions, progress)
    finally:
        progress.end()


def machine(requests: int, repeats: int) -> Topic:
    progress = Progress("settings of the machine")
    try:
        return cores.measure(requests, repeats, INSTRUMENTS, progress)
    finally:
        progress.end()


def startup(repeats: int, cold: bool) -> Topic:
    progress = Progress("start")
    try:
        return starts.measure(repeats, cold, progress)
    finally:
        progress.end()


def build_cpp_engine() -> int:
    """Build the bare C++ engine; the exit code: 1 if it cannot be built."""
    progress = Progress("C++ engine")
    try:
        print(cpp.build(progress.step))
    except cpp.NotBuiltError as error:
        print(f"quotelife: C++ engine: {error}", file=sys.stderr)
        return EXIT_FAILED
    finally:
        progress.end()
    return 0


def everything(quick: bool) -> list[Callable[[], Topic]]:
    """All benches: about half an hour, or three minutes with `quick`."""
    if quick:
        return [
            partial(closed_loop, 500, 2),
            partial(rfq, 500.0, 20_000.0, 1.0, 2),
            partial(marketdata, 20_000.0, 0.5, INSTRUMENTS, 2),
            partial(decision, 3),
            partial(hits, 50, 1),
            partial(withdrawal, 20_000.0, 3.0, 1),
            partial(sustained, 20_000.0, 0.5, 1),
            partial(memory, 5_000, 10),
            partial(scale, 500.0, 5_000.0, 1.0, 1, 100, 50),
            partial(startup, 1, False),
        ]
    return [
        partial(closed_loop, closed.REQUESTS, 9),
        partial(rfq, 500.0, 20_000.0, 5.0, 9, budget=True),
        partial(marketdata, 20_000.0, 2.0, INSTRUMENTS, 5),
        partial(decision, 9),
        partial(hits, 500, 7),
        partial(withdrawal, 20_000.0, 20.0, 5),
        partial(sustained, 20_000.0, 1.0, 3),
        partial(memory, 500_000, 10),
        partial(scale, 500.0, 5_000.0, 3.0, 5, 10_000, 500),
        partial(machine, 2_000, 3),
        partial(startup, 3, True),
    ]
