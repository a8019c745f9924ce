"""Lifetimes by policy: the three expiry models through the service's own kernel, and rules for comparison."""

from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt
from numba import njit

from quotelife.config.expiry import Models
from quotelife.controls.layout import DERIVED
from quotelife.decision import kernel as K
from quotelife.decision.kernel import BID, OFFER
from quotelife.decision.model_selection import RULE_WORDS
from quotelife.journal import layout as J
from quotelife_models import decide as D
from quotelife_models import policy as P
from quotelife_models import schema as S
from quotelife_models.enums import BUY, MODELS, SELL, TIERS
from quotelife_models.stopping import STAKE_WORDS, fill_stake
from quotelife_research.backtest.clients import Assumptions
from quotelife_research.backtest.market import ObservedRequests
from quotelife_research.backtest.outcomes import MAX_LIFETIME_MS

Floats = npt.NDArray[np.float64]
GRID_MS: tuple[float, ...] = (
    *(5, 10, 25, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1000),
    *(1500, 2000, 3000, 4000, 5000, 7500, 10000),
)
FACTORS = np.geomspace(0.03, 30.0, 25)
_NO_RULES = np.zeros((0, RULE_WORDS))


@dataclass(frozen=True)
class ModelQuotes:
    """What a model decided on n requests, with what its withdrawals need."""

    model: int  # index of MODELS
    policy: Floats  # [N_POLICY]
    lifetime_ms: Floats  # [n], 0 for a refusal
    stakes: Floats  # [n, STAKE_WORDS]


@njit(
    "void(int64[:,::1], float64[:,::1], int64[:,::1], int64[::1], int64[::1], int64[::1], float64[:,::1], "
    "float64[:,::1], int64, int64, float64[:,::1], float64[::1], float64[:,::1], float64[::1], float64[:,::1])",
    cache=True,
    nogil=True,
)
def _decide_quotes(
    snaps, x, prices, size_lots, side, account, contexts, table, parameters, model, rules, terms, policies, ms, stakes
):
    request, record = np.zeros(K.REQUEST_WORDS, np.int64), np.zeros(J.RECORD_WORDS, np.int64)
    work = np.zeros(D.OUT_WORDS + D.N_BOUNDS)
    floats = record.view(np.float64)
    features = floats[J.FEATURES : J.FEATURES + S.N_FEATURES]
    request[K.REQUEST_LEGS], request[K.REQUEST_MODEL], request[K.REQUEST_PARAMETERS] = 1, model, parameters
    request[K.REQUEST_CLIENT_LIMIT_NS], request[K.REQUEST_SESSION_LIMIT_NS] = K.NO_LIMIT, K.NO_LIMIT
    request[K.REQUEST_MARKET] = DERIVED
    for i in range(side.shape[0]):
        features[:] = x[i]
        request[K.REQUEST_SIDE] = BUY if side[i] > 0 else SELL
        request[K.REQUEST_SIZE_LOTS] = size_lots[i]
        record[J.BID_PX], record[J.OFFER_PX] = prices[i, BID], prices[i, OFFER]
        K.decide_quote(request, terms, contexts[account[i]], rules, table, policies, snaps[i], record, work)
        ms[i] = record[J.LIFETIME_NS] / 1e6
        at_context = J.OFFER_CONTEXT if side[i] > 0 else J.BID_CONTEXT
        fill_stake(model, policies[model], x[i], floats[at_context : at_context + S.N_CONTEXT], stakes[i])


def decide_quotes(
    seen: ObservedRequests,
    assumed: Assumptions,
    informed: float,
    table: Floats,
    parameters: int,
    model: int,
    withdrawal: bool,
    cost_ticks: float | None = None,
) -> ModelQuotes:
    """The quotes of one of the three models with default settings, from the service's decision kernel: with or without
    the withdrawal of open quotes, at the default cost of a withdrawal or at `cost_ticks`."""
    terms = np.zeros(K.TERM_WORDS)
    terms[K.TERM_MAX_POSITION] = 1.0
    terms[K.TERM_MAX_LIFETIME_MS] = MAX_LIFETIME_MS
    terms[K.TERM_LIMITS :] = np.inf
    contexts = np.stack([assumed.context(a, informed) for a in range(len(assumed.accounts))])
    policies = np.stack([_policy(name, withdrawal, cost_ticks) for name in MODELS])
    n = len(seen.requests)
    quotes = ModelQuotes(model, policies[model], np.zeros(n), np.zeros((n, STAKE_WORDS)))
    _decide_quotes(
        *(seen.snaps, seen.x, seen.prices, seen.size_lots, seen.requests.side, seen.requests.account, contexts),
        *(table, parameters, model, _NO_RULES, terms, policies, quotes.lifetime_ms, quotes.stakes),
    )
    return quotes


def _policy(name: str, withdrawal: bool, cost_ticks: float | None) -> Floats:
    settings = msgspec.structs.asdict(getattr(Models(), name)) | {"withdrawal": float(withdrawal)}
    if cost_ticks is not None and "withdrawal_cost_ticks" in settings:
        settings["withdrawal_cost_ticks"] = (cost_ticks,) * len(TIERS)
    return P.pack(settings)


def variance_rule(seen: ObservedRequests) -> Floats:
    """1 / variance of the mid over 10 s; the constant is tuned."""
    return 1.0 / (seen.x[:, S.REALISED_VOLATILITY_10S] ** 2 + 0.25)


def imbalance_rule(seen: ObservedRequests, weights: Floats) -> Floats:
    """1 / p of a logistic regression on the imbalance at the best price alone; the constant is tuned."""
    eta = weights[0] + weights[1] * seen.requests.side * seen.x[:, S.IMBALANCE_1]
    return 1.0 + np.exp(-eta)
