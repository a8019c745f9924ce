"""`quotelife bench`: run everything, print it, and write it to a file if asked to."""

import statistics
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from service.bench.decision import decision_times
from service.bench.kernels import marketdata_rates
from service.bench.machine import Machine, describe
from service.bench.peers import BenchError
from service.bench.rfq import PERCENTILES, SIDES, Repeat, Shape, measure
from service.console import file_problem, wide_console
from service.process import EXIT_CONFIG, EXIT_FAILED

MARKETDATA_MESSAGES = 50_000
DECISIONS = 5_000
INSTRUMENTS = 10


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """`rate` requests and `market_rate` market-data messages a second."""

    seconds: float
    repeats: int
    rate: float
    market_rate: float
    json: Path | None = None


class Spread(msgspec.Struct, frozen=True):
    """A figure over repeats."""

    median: float
    least: float
    most: float


class Results(msgspec.Struct, kw_only=True):
    """Everything measured. `ratio` is the service's percentile over the bare engine's, repeat by repeat."""

    machine: Machine
    options: Options
    marketdata_messages_per_s: Spread
    decision_quoter_ns: Spread
    decision_kernel_ns: Spread
    rfq: list[Repeat]
    percentiles: tuple[float, ...]
    latency_ns: dict[str, list[Spread]]
    ratio: list[Spread]


def run(options: Options) -> int:
    """Measure, print and write; the exit code. 1 if a side failed or requests went unanswered, 2 if the file to write
    cannot be written."""
    if options.json is not None and (problem := file_problem(options.json)):
        print(f"--json {options.json}: {problem}", file=sys.stderr)
        return EXIT_CONFIG
    console = wide_console()
    machine = describe()
    console.print(str(machine), highlight=False)
    try:
        results = _measure(options, machine)
    except BenchError as error:
        print(f"quotelife: {error}", file=sys.stderr)
        return EXIT_FAILED
    _show(console, results)
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(results, enc_hook=str)))
    unanswered = sum(r.unanswered for r in results.rfq)
    if unanswered:
        print(f"quotelife: {unanswered} requests were not answered", file=sys.stderr)
    return EXIT_FAILED if unanswered else 0


def _measure(options: Options, machine: Machine) -> Results:
    _say("market data")
    rates = marketdata_rates(MARKETDATA_MESSAGES, INSTRUMENTS, options.repeats)
    _say("decision")
    decisions = decision_times(DECISIONS, options.repeats)
    shape = Shape(options.rate, options.seconds, min(1.0, options.seconds), options.market_rate, INSTRUMENTS)
    _say(f"request to Quote, about {2 * options.repeats * (options.seconds + shape.warm_up_s + 1):.0f} s")
    rfq = measure(shape, options.repeats)
    by_side = {side: [r.percentiles_ns for r in rfq if r.side == side] for side in SIDES}
    pairs = list(zip(by_side["quotelife"], by_side["bare"], strict=True))
    columns = range(len(PERCENTILES))
    return Results(
        machine=machine,
        options=options,
        marketdata_messages_per_s=spread(rates),
        decision_quoter_ns=spread(decisions.quoter_ns),
        decision_kernel_ns=spread(decisions.kernel_ns),
        rfq=rfq,
        percentiles=PERCENTILES,
        latency_ns={side: [spread(r[c] for r in rows) for c in columns] for side, rows in by_side.items()},
        ratio=[spread(ours[c] / bare[c] for ours, bare in pairs) for c in columns],
    )


def _say(what: str) -> None:
    print(f"measuring: {what}", file=sys.stderr, flush=True)


def spread(figures: Iterable[float]) -> Spread:
    """Median, least and most."""
    listed = list(figures)
    return Spread(statistics.median(listed), min(listed), max(listed))


def _show(console: Console, results: Results) -> None:
    options = results.options
    table = Table("", "median", "least to most", box=None, pad_edge=False)
    rate = results.marketdata_messages_per_s
    table.add_row(
        "market data, two-entry messages a second",
        f"{rate.median:,.0f}",
        f"{rate.least:,.0f} to {rate.most:,.0f}",
    )
    for name, time in (
        ("decision, called from Python", results.decision_quoter_ns),
        ("decision, inside the kernel", results.decision_kernel_ns),
    ):
        table.add_row(name, f"{time.median / 1000:.2f} us", f"{time.least / 1000:.2f} to {time.most / 1000:.2f}")
    console.print(table, highlight=False)
    console.print(
        f"\nrequest to Quote in us from the intended send time: {options.rate:g} requests a second beside "
        f"{options.market_rate:g} market-data messages a second, {options.repeats} x {options.seconds:g} s a side",
        highlight=False,
        soft_wrap=True,
    )
    table = Table("", *(f"p{p:g}" for p in results.percentiles), box=None, pad_edge=False)
    for side, name in (("quotelife", "quotelife"), ("bare", "bare engine, constant Quote")):
        table.add_row(name, *(f"{s.median / 1000:.0f}" for s in results.latency_ns[side]))
    table.add_row("ratio", *(f"{s.median:.2f}" for s in results.ratio))
    table.add_row("  least to most", *(f"{s.least:.2f} to {s.most:.2f}" for s in results.ratio))
    console.print(table, highlight=False)
    refused = sum(r.rejects for r in results.rfq)
    late = max(r.latest_send_ns for r in results.rfq) / 1e6
    quotes = sum(r.quotes for r in results.rfq)
    console.print(
        f"{quotes} quotes, {refused} refusals; the generator was {late:.1f} ms late at worst", highlight=False
    )
