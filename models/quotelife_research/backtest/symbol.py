"""All policies of one symbol: tuned on earlier days, applied to later ones.

Names in the report: a lifetime by itself (`fixed_best`, `fixed_best_per_account`, `fixed_500ms`; `inverse_variance` and
`logistic_imbalance` follow a score; `oracle` and `clairvoyant` the future), with a rule of withdrawal behind it
(`fixed_best_through`, `_edge`, `_risk`), lifetime and rule tuned together for each account
(`tuned_per_account_through`, `_edge`, `_risk`), and the models, which decide on both with one value:
`liquidity_provider` with withdrawals that cost enough to stay within three quarters of the limit on the tuning days,
`liquidity_provider_free_withdrawal` at no cost, `NAME_without_withdrawal` with a lifetime that knows that nobody will
call it back.
"""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from quotelife_models import schema as S
from quotelife_models.enums import LIQUIDITY_PROVIDER, MODELS
from quotelife_models.parameters import Parameters
from quotelife_models.response import log_moments, responded
from quotelife_research.backtest import policies, withdrawal
from quotelife_research.backtest.clients import Assumptions
from quotelife_research.backtest.market import ObservedRequests
from quotelife_research.backtest.outcomes import MAX_LIFETIME_MS, ORACLE_MS, Outcomes, moved_within, oracle
from quotelife_research.backtest.statistics import (
    Day,
    PolicyResult,
    apply_policy,
    blocks,
    difference,
    figures,
    interval,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
BASE = "fixed_best_per_account"
THROUGH, EDGE, RISK = "through", "edge", "risk"
TUNED = "tuned_per_account"  # lifetime and threshold of a rule, tuned together
FREE = "liquidity_provider_free_withdrawal"
COSTS_TICKS: tuple[float, ...] = (0.0, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.4, 1.0)
_MARGIN = 0.75  # of the limit of withdrawals that is used on the tuning days: later days may move more


@dataclass
class Policy:
    """The lifetimes in ms of every request, by day, and what its withdrawals followed, None without them."""

    lifetimes: list[Floats]
    withdrawals: list[Ints] | None = None


@dataclass
class _Rules:
    """Times at which the rules for comparison withdraw, by day: every threshold of each."""

    thresholds: dict[str, Floats]
    times: list[dict[str, Ints]] = field(default_factory=list)

    @classmethod
    def of(cls, days: Sequence[Day], table_row: Floats) -> "_Rules":
        found = cls(
            {THROUGH: np.array([withdrawal.THROUGH_ONLY]), EDGE: withdrawal.EDGES_TICKS, RISK: withdrawal.RISKS}
        )
        for seen, _ in days:
            edges = withdrawal.by_edge(seen, np.concatenate(([withdrawal.THROUGH_ONLY], withdrawal.EDGES_TICKS)))
            risks = withdrawal.by_risk(seen, table_row, withdrawal.RISKS)
            found.times.append({THROUGH: edges[:, :1], EDGE: edges[:, 1:], RISK: risks})
        return found

    def at(self, rule: str, number: int) -> list[Ints]:
        return [day[rule][:, number] for day in self.times]


class SymbolBacktest:
    """The policies of one symbol, tuned on the days `tuning` and applied to the days `testing`."""

    def __init__(
        self,
        parameters: Parameters,
        symbol: str,
        assumed: Assumptions,
        withdrawal_limit: float,
        tuning: list[Day],
        testing: list[Day],
    ) -> None:
        self.table, self.row = parameters.table, parameters.for_symbol(symbol)
        self.assumed, self.tuning, self.testing = assumed, tuning, testing
        self.limit = withdrawal_limit
        self.block = blocks(testing)
        self._best: dict[tuple[float, float, int | None], float] = {}  # best fixed lifetimes, as they are asked for
        self.weights = _imbalance_weights(tuning)
        table_row = self.table[self.row]
        self.rules = _Rules.of(tuning, table_row), _Rules.of(testing, table_row)
        self.cost_ticks = self._tuned_cost(assumed.informed[0])

    def with_tests(self, testing: list[Day], assumed: Assumptions | None = None) -> "SymbolBacktest":
        """The same tuned policies on other requests of the test days, under other assumptions if given."""
        other = copy(self)
        other.testing, other.block = testing, blocks(testing)
        other.assumed = assumed or self.assumed
        return other

    def report(self, informed: float) -> dict[str, Any]:
        """Figures of every policy for one share of informed requests, and against snipers that partly anticipate."""
        tuned: dict[str, Any] = {"withdrawal_cost_ticks": self.cost_ticks}
        found = self._policies(informed, tuned)
        results = {name: self.results(policy, informed) for name, policy in found.items()}
        base, best = results[BASE], results["oracle"]
        reported = {name: figures(r, self.block) | self._against(r, base, best) for name, r in results.items()}
        paired = {name: self._paired(results, name) for name in ("fixed_best", BASE)}
        return {
            "policies": reported,
            "tuned": tuned,
            "paired": paired,
            "anticipating": self._anticipated(informed, found),
        }

    def _against(self, result: PolicyResult, base: PolicyResult, best: PolicyResult) -> dict[str, Any]:
        compared = difference(result, base, best, self.block)
        return {"closed_share": compared.pop("closed_share"), "above_per_account": compared}

    def reference(self, informed: float) -> tuple[PolicyResult, PolicyResult]:
        """The results of the best fixed lifetime per account and of the oracle."""
        return self.results(self.fixed_per_account(informed), informed), self.results(self._oracle(informed), informed)

    def results(self, policy: Policy, informed: float, anticipating: float = 0.0) -> PolicyResult:
        """Outcomes of a policy on the test days."""
        return apply_policy(
            *(self.testing, policy.lifetimes, policy.withdrawals, informed, self.assumed.firm_until, anticipating)
        )

    def _anticipated(self, informed: float, found: dict[str, Policy]) -> dict[str, Any]:
        """The models against snipers of which a share anticipates, and against a fixed lifetime tuned on such ones."""
        share = self.assumed.anticipating
        base = self.results(self.fixed_per_account(informed, share), informed, share)
        reported: dict[str, Any] = {BASE: figures(base, self.block)}
        for name in (*MODELS, FREE):
            result = self.results(found[name], informed, share)
            compared = difference(result, base, base, self.block)
            del compared["closed_share"]
            reported[name] = figures(result, self.block) | {"above_per_account": compared}
        return {"share": share, "policies": reported}

    def _paired(self, results: dict[str, PolicyResult], other: str) -> dict[str, Any]:
        """Liquidity Provider minus another policy, per request, and the share of the distance to each oracle."""
        lp, base = results["liquidity_provider"], results[other]
        found: dict[str, Any] = difference(lp, base, base, self.block)
        del found["closed_share"]
        for name in ("oracle", "clairvoyant"):
            whole = max(float((results[name].net - base.net).mean()), 1e-12)
            found[f"share_of_distance_to_{name}"] = found["difference"] / whole
        account = np.concatenate([seen.requests.account for seen, _ in self.testing])
        found["accounts"] = {}
        for number, client in enumerate(self.assumed.accounts):
            mine = account == number
            mean, low, high = interval((lp.net - base.net)[mine], self.block[mine])
            found["accounts"][client.name] = {"difference": mean, "low": low, "high": high}
        return found

    def _policies(self, informed: float, tuned: dict[str, Any]) -> dict[str, Policy]:
        """Every policy on the test days; `tuned` receives the tuned values."""
        tuned["fixed_ms"] = self._best_fixed(informed)
        names = (account.name for account in self.assumed.accounts)
        tuned["fixed_ms_per_account"] = dict(zip(names, self._best_per_account(informed), strict=True))
        fixed = Policy([np.full(len(seen.requests), tuned["fixed_ms"]) for seen, _ in self.testing])
        found = {"fixed_best": fixed, BASE: self.fixed_per_account(informed)}
        found |= self._scored(informed, tuned)
        for name in list(found):
            found |= self._with_rules(name, found[name], informed, tuned)
        for model, name in enumerate(MODELS):
            found[name] = self.model_policy(self.testing, model, informed, self.cost_ticks)
            found[f"{name}_without_withdrawal"] = self.model_policy(self.testing, model, informed, None)
        found[FREE] = self.model_policy(self.testing, LIQUIDITY_PROVIDER, informed, 0.0)
        found |= {f"{TUNED}_{rule}": self._tuned_together(rule, informed, tuned) for rule in (THROUGH, EDGE, RISK)}
        found["oracle"] = self._oracle(informed)
        found["clairvoyant"] = Policy([_clairvoyant(seen, outcomes, informed) for seen, outcomes in self.testing])
        for ms in policies.GRID_MS:
            found[f"fixed_{ms:g}ms"] = Policy([np.full(len(seen.requests), ms) for seen, _ in self.testing])
        return found

    def model_policy(self, days: Sequence[Day], model: int, informed: float, cost_ticks: float | None) -> Policy:
        """The quotes of a model; at this cost of a withdrawal, or without withdrawal if None."""
        lifetimes, withdrawals = [], []
        for seen, _ in days:
            quotes = self._quotes(seen, model, informed, cost_ticks)
            lifetimes.append(quotes.lifetime_ms)
            if cost_ticks is not None:
                withdrawals.append(withdrawal.by_value(seen, self.table[self.row], quotes))
        return Policy(lifetimes, withdrawals if cost_ticks is not None else None)

    def lifetimes(self, model: int, informed: float) -> list[Floats]:
        """Lifetimes in ms of a model's quotes on the test days."""
        return [self._quotes(seen, model, informed, self.cost_ticks).lifetime_ms for seen, _ in self.testing]

    def _quotes(
        self, seen: ObservedRequests, model: int, informed: float, cost_ticks: float | None
    ) -> policies.ModelQuotes:
        withdrawn = cost_ticks is not None
        return policies.decide_quotes(
            *(seen, self.assumed, informed, self.table, self.row, model, withdrawn, cost_ticks)
        )

    def _tuned_cost(self, informed: float) -> float:
        """The lowest cost of a withdrawal at which Liquidity Provider stays within the limit on the tuning days."""
        low, high = 0, len(COSTS_TICKS) - 1
        while low < high:  # the share of withdrawals falls in their cost
            middle = (low + high) // 2
            policy = self.model_policy(self.tuning, LIQUIDITY_PROVIDER, informed, COSTS_TICKS[middle])
            result = apply_policy(self.tuning, policy.lifetimes, policy.withdrawals, informed, self.assumed.firm_until)
            quoted = result.lifetime_ms > 0
            if quoted.any() and result.withdrawn[quoted].mean() > _MARGIN * self.limit:
                low = middle + 1
            else:
                high = middle
        return COSTS_TICKS[low]

    def _oracle(self, informed: float) -> Policy:
        hits = self._hits()
        return Policy([oracle(seen, outcomes, hits, informed) for seen, outcomes in self.testing])

    def fixed_per_account(self, informed: float, anticipating: float = 0.0) -> Policy:
        """The lifetime of each account that was best on the tuning days."""
        best = np.array(self._best_per_account(informed, anticipating))
        return Policy([best[seen.requests.account] for seen, _ in self.testing])

    def _best_per_account(self, informed: float, anticipating: float = 0.0) -> list[float]:
        return [self._best_fixed(informed, anticipating, number) for number in range(len(self.assumed.accounts))]

    def _scored(self, informed: float, tuned: dict[str, Any]) -> dict[str, Policy]:
        """Lifetimes proportional to a score, with a tuned constant."""
        found = {}
        rules: dict[str, Callable[[ObservedRequests], Floats]] = {
            "inverse_variance": policies.variance_rule,
            "logistic_imbalance": lambda seen: policies.imbalance_rule(seen, self.weights),
        }
        for name, rule in rules.items():
            scores = [rule(seen) for seen, _ in self.tuning]
            scale = 1000.0 / float(np.median(np.concatenate(scores)))
            nets = [self._tuned_net([_cut(f * scale * v) for v in scores], None, informed) for f in policies.FACTORS]
            factor = float(policies.FACTORS[int(np.argmax(nets))])
            tuned[f"{name}_ms_times_score"] = factor * scale
            found[name] = Policy([_cut(factor * scale * rule(seen)) for seen, _ in self.testing])
        return found

    def _with_rules(self, name: str, policy: Policy, informed: float, tuned: dict[str, Any]) -> dict[str, Policy]:
        """The same lifetimes with each rule of withdrawal behind them; the fixed ones' thresholds are tuned."""
        found = {f"{name}_{THROUGH}": Policy(policy.lifetimes, self.rules[1].at(THROUGH, 0))}
        if not name.startswith("fixed"):
            return found
        for rule in (EDGE, RISK):
            best = self._best_threshold(name, rule, informed)
            tuned[f"{name}_{rule}"] = float(self.rules[0].thresholds[rule][best])
            found[f"{name}_{rule}"] = Policy(policy.lifetimes, self.rules[1].at(rule, best))
        return found

    def _tuned_together(self, rule: str, informed: float, tuned: dict[str, Any]) -> Policy:
        """The lifetime and the threshold of a rule that were best together on the tuning days, for each account."""
        thresholds = self.rules[0].thresholds[rule]
        account = np.concatenate([seen.requests.account for seen, _ in self.tuning])
        accounts = range(len(self.assumed.accounts))
        nets: dict[tuple[float, int], list[float]] = {}
        for ms in policies.GRID_MS:
            lifetimes = [np.full(len(seen.requests), ms) for seen, _ in self.tuning]
            for i in range(len(thresholds)):
                fired = self.rules[0].at(rule, i)
                net = apply_policy(self.tuning, lifetimes, fired, informed, self.assumed.firm_until).net
                nets[ms, i] = [float(net[account == n].mean()) for n in accounts]
        keys = list(nets)
        best = [keys[int(np.argmax([nets[key][n] for key in keys]))] for n in accounts]
        tuned[f"{TUNED}_{rule}"] = {
            a.name: [ms, float(thresholds[i])] for a, (ms, i) in zip(self.assumed.accounts, best, strict=True)
        }
        best_ms, best_at = np.array([ms for ms, _ in best]), np.array([i for _, i in best])
        asked = [seen.requests.account for seen, _ in self.testing]
        withdrawals = [
            times[rule][np.arange(len(account)), best_at[account]]
            for account, times in zip(asked, self.rules[1].times, strict=True)
        ]
        return Policy([best_ms[account] for account in asked], withdrawals)

    def tuned_rule(self, name: str, rule: str, informed: float) -> list[Ints]:
        """Times of a rule's withdrawals on the test days, at the threshold tuned behind a fixed lifetime."""
        return self.rules[1].at(rule, self._best_threshold(name, rule, informed))

    def _best_threshold(self, name: str, rule: str, informed: float) -> int:
        n = len(self.assumed.accounts)
        best = np.array(self._best_per_account(informed) if name == BASE else [self._best_fixed(informed)] * n)
        lifetimes = [best[seen.requests.account] for seen, _ in self.tuning]
        thresholds = self.rules[0].thresholds[rule]
        nets = [self._tuned_net(lifetimes, self.rules[0].at(rule, i), informed) for i in range(len(thresholds))]
        return int(np.argmax(nets))

    def _tuned_net(self, lifetimes: list[Floats], withdrawals: list[Ints] | None, informed: float) -> float:
        return float(apply_policy(self.tuning, lifetimes, withdrawals, informed, self.assumed.firm_until).net.mean())

    def _best_fixed(self, informed: float, anticipating: float = 0.0, account: int | None = None) -> float:
        """The lifetime of the grid with the best result on the tuning days, 0 if none is profitable."""
        key = informed, anticipating, account
        if key not in self._best:
            self._best[key] = self._find_best_fixed(*key)
        return self._best[key]

    def _find_best_fixed(self, informed: float, anticipating: float, account: int | None) -> float:
        mine = np.concatenate([seen.requests.account for seen, _ in self.tuning])
        chosen = np.ones(len(mine), bool) if account is None else mine == account

        def net(ms: float) -> float:
            lifetimes = [np.full(len(seen.requests), ms) for seen, _ in self.tuning]
            result = apply_policy(self.tuning, lifetimes, None, informed, anticipating=anticipating)
            return float(result.net[chosen].mean())

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
    kind = seen.requests.kinds(informed)
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
