"""The backtest: applies every policy to the same requests, tuned on earlier days and tested on later ones."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from quotelife.report.provenance import DataFile, provenance
from quotelife_models.parameters import POOLED, Parameters
from quotelife_research.backtest import page, studies
from quotelife_research.backtest.clients import Assumptions
from quotelife_research.backtest.market import observe_requests
from quotelife_research.backtest.outcomes import MAX_LIFETIME_MS, follow_quotes
from quotelife_research.backtest.statistics import Day
from quotelife_research.backtest.symbol import SymbolBacktest
from quotelife_research.data import files, sources
from quotelife_research.data.files import DataError
from quotelife_research.data.session import Session
from quotelife_research.data.sources import Span

Progress = Callable[[str], None]


@dataclass(frozen=True)
class BacktestOptions:
    requests: int = 50_000  # per day and symbol
    tuning_requests: int = 20_000
    half_spread: float = 0.5  # minimum distance of a price from the micro-price, ticks
    margin: float = 0.0
    hedge_ms: float = 1.0  # time from the hit to the hedge
    withdrawal_limit: float = 0.15  # share of the quotes that Liquidity Provider may withdraw
    seed: int = 1


def backtest(
    data: Path,
    parameters: Parameters,
    days: list[Span],
    tune: list[Span] | None,
    out: Path,
    assumed: Assumptions,
    options: BacktestOptions,
    progress: Progress = lambda text: None,
) -> dict[str, Any]:
    """Backtest every symbol with quotes on `days`. Policies are tuned on the days `tune`, or on the training days of
    the symbol's parameters if None. Writes report.json and report.html to `out`; returns the report.

    DataError if there are no quotes, or a tuning day is not before all test days.
    """
    report: dict[str, Any] = {
        "provenance": {},
        "assumptions": asdict(assumed) | asdict(options) | {"max_lifetime_ms": MAX_LIFETIME_MS},
        "parameters": parameters.hash,
        "symbols": {},
    }
    read: list[DataFile] = []
    for source in files.symbols_in(data).values():
        tests = list(sources.sessions(source, days))
        if not tests:
            continue
        before = tune if tune is not None else _trained(parameters, source.symbol)
        earlier = list(sources.sessions(source, before))
        if not earlier:
            raise DataError(
                f"{source.symbol}: no quotes on the days for tuning fixed lifetimes; set other days with --tune"
            )
        if earlier[-1].events[-1, 0] >= tests[0].events[0, 0]:
            raise DataError(f"{source.symbol}: test day {tests[0].day} is not after tuning day {earlier[-1].day}")
        read += sources.data_files(source, [*days, *before])
        seen: list[list[Day]] = []
        for group, n in ((earlier, options.tuning_requests), (tests, options.requests)):
            seen.append([_day(session, assumed, options, n, len(seen) * 100 + i) for i, session in enumerate(group)])
        progress(f"{source.symbol}: {sum(len(s.requests) for s, _ in seen[1])} requests on {len(tests)} days")
        symbol = SymbolBacktest(parameters, source.symbol, assumed, options.withdrawal_limit, seen[0], seen[1])
        progress(f"{source.symbol}: tuned, a withdrawal costs {symbol.cost_ticks:g} ticks")
        shares = {}
        for share in assumed.informed:
            shares[f"{share:g}"] = symbol.report(share)
            progress(f"{source.symbol}: tested with {share:.0%} of the requests informed")
        first, *_ = shares.values()
        main = assumed.informed[0]
        studied = {
            "frontier": studies.frontier(symbol, main, options.hedge_ms),
            "latencies": studies.latencies(symbol, main, options.hedge_ms),
            "lifetimes_by_volatility": studies.lifetimes_by_volatility(symbol, main),
        }
        progress(f"{source.symbol}: tested by cost of a withdrawal and by latency")
        report["symbols"][source.symbol] = {
            "tuned_on": [s.day for s in earlier],
            "tested_on": [s.day for s in tests],
            "informed": assumed.informed[0],
            **first,
            **studied,
            "by_informed_share": shares,
        }
        progress(f"{source.symbol}: {_summary(first)}")
    if not report["symbols"]:
        raise DataError(f"{data}: no quotes on {', '.join(map(str, days))}")
    report["provenance"] = to_builtins(provenance(sorted(set(read), key=lambda file: file.name)))
    out.mkdir(parents=True, exist_ok=True)
    sources.write_json(out / "report.json", report)
    (out / "report.html").write_text(page.render(report), encoding="utf-8")
    return report


def _trained(parameters: Parameters, symbol: str) -> list[Span]:
    document = parameters.documents[parameters.for_symbol(symbol)]
    if document["symbol"] == POOLED:
        return []
    try:
        return [Span.parse(document["train"])]
    except ValueError:
        return []


def _day(session: Session, assumed: Assumptions, options: BacktestOptions, n: int, number: int) -> Day:
    seen = observe_requests(session, assumed, n, options.half_spread, options.margin, options.seed * 1000 + number)
    if len(seen.requests) == 0:
        raise DataError(f"{session.symbol}: {session.day} has no usable book for a backtest")
    return seen, follow_quotes(seen, options.hedge_ms, assumed.anticipation_ticks)


def _summary(found: dict[str, Any]) -> str:
    lp, fixed = found["policies"]["liquidity_provider"], found["policies"]["fixed_best"]
    paired = found["paired"]["fixed_best_per_account"]
    return (
        f"net per request {lp['net_per_request']:.4f}, best fixed {fixed['net_per_request']:.4f}, above the best "
        f"fixed per account by {paired['difference']:.5f} [{paired['low']:.5f}, {paired['high']:.5f}]"
    )
