"""The backtest: applies every policy to the same requests, tuned on earlier days and tested on later ones."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quotelife_models import schema as S
from quotelife_models.enums import MODELS
from quotelife_models.parameters import POOLED, Parameters
from quotelife_models.response import log_moments, responded
from quotelife_research.backtest import page, policies
from quotelife_research.backtest.clients import Assumptions
from quotelife_research.backtest.market import ObservedRequests, observe_requests
from quotelife_research.backtest.outcomes import (
    MAX_LIFETIME_MS,
    ORACLE_MS,
    Outcomes,
    follow_quotes,
    moved_within,
    oracle,
)
from quotelife_research.backtest.statistics import PolicyResult, apply_policy, blocks, figures, interval
from quotelife_research.data import files, sources
from quotelife_research.data.files import DataError
from quotelife_research.data.session import Session
from quotelife_research.data.sources import Span

Floats = npt.NDArray[np.float64]
Day = tuple[ObservedRequests, Outcomes]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class BacktestOptions:
    requests: int = 50_000  # per day and symbol
    tuning_requests: int = 20_000
    half_spread: float = 0.5  # minimum distance of a price from the micro-price, ticks
    margin: float = 0.0
    hedge_ms: float = 1.0  # time from the hit to the hedge
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
        "assumptions": asdict(assumed) | asdict(options) | {"max_lifetime_ms": MAX_LIFETIME_MS},
        "parameters": parameters.hash,
        "symbols": {},
    }
    for source in files.symbols_in(data).values():
        tests = list(sources.sessions(source, days))
        if not tests:
            continue
        earlier = list(sources.sessions(source, tune if tune is not None else _trained(parameters, source.symbol)))
        if not earlier:
            raise DataError(
                f"{source.symbol}: no quotes on the days for tuning fixed lifetimes; set other days with --tune"
            )
        if earlier[-1].events[-1, 0] >= tests[0].events[0, 0]:
            raise DataError(f"{source.symbol}: test day {tests[0].day} is not after tuning day {earlier[-1].day}")
        seen: list[list[Day]] = []
        for group, n in ((earlier, options.tuning_requests), (tests, options.requests)):
            seen.append([_day(session, assumed, options, n, len(seen) * 100 + i) for i, session in enumerate(group)])
        progress(f"{source.symbol}: {sum(len(s.requests) for s, _ in seen[1])} requests on {len(tests)} days")
        symbol = _SymbolBacktest(parameters, source.symbol, assumed, seen[0], seen[1])
        shares = {f"{share:g}": symbol.report(share) for share in assumed.informed}
        first, *_ = shares.values()
        report["symbols"][source.symbol] = {
            "tuned_on": [s.day for s in earlier],
            "tested_on": [s.day for s in tests],
            "informed": assumed.informed[0],
            **first,
            "by_informed_share": shares,
        }
        progress(f"{source.symbol}: {_summary(first)}")
    if not report["symbols"]:
        raise DataError(f"{data}: no quotes on {', '.join(map(str, days))}")
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
    return seen, follow_quotes(seen.path, seen.requests, seen.price, options.hedge_ms)


def _summary(found: dict[str, Any]) -> str:
    lp, fixed = found["policies"]["liquidity_provider"], found["policies"]["fixed_best"]
    paired = found["paired"]["fixed_best_per_account"]
    return (
        f"net per request {lp['net_per_request']:.4f}, best fixed {fixed['net_per_request']:.4f}, above the best "
        f"fixed per account by {paired['difference']:.5f} [{paired['low']:.5f}, {paired['high']:.5f}]"
    )


class _SymbolBacktest:
    """The policies of one symbol, tuned on the days `tuning` and applied to the days `testing`."""

    def __init__(
        self, parameters: Parameters, symbol: str, assumed: Assumptions, tuning: list[Day], testing: list[Day]
    ) -> None:
        self.table, self.row = parameters.table, parameters.for_symbol(symbol)
        self.assumed, self.tuning, self.testing = assumed, tuning, testing
        self.block = blocks(testing)
        self.weights = _imbalance_weights(tuning)

    def report(self, informed: float) -> dict[str, Any]:
        lifetimes, tuned = self._lifetimes(informed)
        results = {name: apply_policy(self.testing, ms, informed) for name, ms in lifetimes.items()}
        found = {name: figures(j, self.testing, informed, self.block) for name, j in results.items()}
        paired = {name: self._paired(results, name) for name in ("fixed_best", "fixed_best_per_account")}
        return {"policies": found, "tuned": tuned, "paired": paired}

    def _paired(self, results: dict[str, PolicyResult], other: str) -> dict[str, Any]:
        """Liquidity Provider minus another policy, per request, and the share of the distance to each oracle."""
        lp, base = results["liquidity_provider"].net, results[other].net
        difference, low, high = interval(lp - base, self.block)
        found: dict[str, Any] = {"difference": difference, "low": low, "high": high}
        for name in ("oracle", "clairvoyant"):
            found[f"share_of_distance_to_{name}"] = difference / max(float((results[name].net - base).mean()), 1e-12)
        account = np.concatenate([seen.requests.account for seen, _ in self.testing])
        found["accounts"] = {}
        for number, client in enumerate(self.assumed.accounts):
            mine = account == number
            mean, low, high = interval((lp - base)[mine], self.block[mine])
            found["accounts"][client.name] = {"difference": mean, "low": low, "high": high}
        return found

    def _lifetimes(self, informed: float) -> tuple[dict[str, list[Floats]], dict[str, Any]]:
        """Lifetimes of every policy on the test days, and the tuned values."""
        per_account = [self._best_fixed(informed, number) for number in range(len(self.assumed.accounts))]
        best = self._best_fixed(informed, None)
        found: dict[str, list[Floats]] = {
            "fixed_best": [np.full(len(seen.requests), best) for seen, _ in self.testing],
            "fixed_best_per_account": [np.array(per_account)[seen.requests.account] for seen, _ in self.testing],
        }
        tuned: dict[str, Any] = {
            "fixed_ms": best,
            "fixed_ms_per_account": {a.name: ms for a, ms in zip(self.assumed.accounts, per_account, strict=True)},
        }
        rules: dict[str, Callable[[ObservedRequests], Floats]] = {
            "inverse_variance": policies.variance_rule,
            "logistic_imbalance": lambda seen: policies.imbalance_rule(seen, self.weights),
        }
        for name, rule in rules.items():
            scores = [rule(seen) for seen, _ in self.tuning]
            scale = 1000.0 / float(np.median(np.concatenate(scores)))
            nets = [self._tuned_net([_cut(f * scale * v) for v in scores], informed) for f in policies.FACTORS]
            factor = float(policies.FACTORS[int(np.argmax(nets))])
            tuned[f"{name}_ms_times_score"] = factor * scale
            found[name] = [_cut(factor * scale * rule(seen)) for seen, _ in self.testing]
        for model, name in enumerate(MODELS):
            found[name] = [
                policies.model_lifetimes(seen, self.assumed, informed, self.table, self.row, model)
                for seen, _ in self.testing
            ]
        hits = self._hits()
        found["oracle"] = [
            oracle(seen.path, seen.requests, seen.price, outcomes, hits, informed) for seen, outcomes in self.testing
        ]
        found["clairvoyant"] = [_clairvoyant(seen, outcomes, informed) for seen, outcomes in self.testing]
        for ms in policies.GRID_MS:
            found[f"fixed_{ms:g}ms"] = [np.full(len(seen.requests), ms) for seen, _ in self.testing]
        return found, tuned

    def _tuned_net(self, lifetimes: list[Floats], informed: float) -> float:
        return float(apply_policy(self.tuning, lifetimes, informed).net.mean())

    def _best_fixed(self, informed: float, account: int | None) -> float:
        """The lifetime of the grid with the best result on the tuning days, 0 if none is profitable."""
        mine = np.concatenate([seen.requests.account for seen, _ in self.tuning])
        chosen = np.ones(len(mine), bool) if account is None else mine == account

        def net(ms: float) -> float:
            results = apply_policy(self.tuning, [np.full(len(seen.requests), ms) for seen, _ in self.tuning], informed)
            return float(results.net[chosen].mean())

        return max((0.0, *policies.GRID_MS), key=net)

    def _hits(self) -> Floats:
        """Share of each account's genuine requests hit by each of the oracle's lifetimes."""
        hits = np.zeros((len(self.assumed.accounts), len(ORACLE_MS)))
        for number, client in enumerate(self.assumed.accounts):
            mu, sigma = log_moments(client.response_ms, client.response_cv)
            hits[number, 1:] = [client.fill_rate * responded(mu, sigma, float(np.log(t))) for t in ORACLE_MS[1:]]
        return hits


def _cut(ms: Floats) -> Floats:
    return np.minimum(ms, MAX_LIFETIME_MS)


def _clairvoyant(seen: ObservedRequests, outcomes: Outcomes, informed: float) -> Floats:
    """Lifetimes with full foresight of market and client: the longest if the hit is profitable, otherwise 0."""
    kind = (seen.requests.informed < informed).astype(np.int64)
    worth = outcomes.net[np.arange(len(kind)), kind]
    return np.where(worth > 0, MAX_LIFETIME_MS, 0.0)


def _imbalance_weights(days: Sequence[Day]) -> Floats:
    """Logistic regression of a one-tick adverse move within 500 ms on the signed imbalance at the best, alone."""
    x = np.concatenate([seen.requests.side * seen.x[:, S.IMBALANCE_1] for seen, _ in days])
    y = np.concatenate([moved_within(seen.path, seen.requests, S.REFERENCE_HORIZON_MS) for seen, _ in days])
    design, theta = np.stack((np.ones_like(x), x), axis=1), np.zeros(2)
    for _ in range(25):
        p = 1.0 / (1.0 + np.exp(-np.clip(design @ theta, -30, 30)))
        hessian = (design * (p * (1 - p))[:, None]).T @ design + 1e-6 * np.eye(2)
        theta += np.clip(np.linalg.solve(hessian, design.T @ (y - p)), -2.0, 2.0)
    return theta
