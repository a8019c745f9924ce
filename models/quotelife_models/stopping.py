"""A quote's life as a stopping problem: one value, from which both the lifetime and the withdrawal follow.

A request is informed with the probability q, otherwise uninformed.

- An uninformed client hits with its fill rate, at its response time (distribution F), whatever the price does. A hit
  is worth u, the edge against the micro-price after inventory and toxicity.
- An informed client hits as soon as it is in the money, the first passage of the pick-off barrier (survival S). With
  withdrawal, the hit is filled only if the passage came without a warning (most quotes have lost their value and are
  withdrawn before it) and if it wins the race (`quotelife_models.race`): r is the probability of both. It costs the
  loss l, half the spread: on real days a hit at the passage cost 0.8 to 1.2 times that, so no overshoot is added.
- A withdrawal costs c, because a client that is disappointed asks less.

The value of a quote that is kept from t0 to t, per quote issued, while A(s) is the probability that it is still open at
s apart from the market, and S(s) that the market has not passed the barrier since t0:

    W(t0, t) = integral over s from t0 to t of  S(s) (1 - q) fill rate u dF(s)  +  [q r l + c A(s)] dS(s),   dS <= 0

It is evaluated at the ends of the bins, with a constant hazard and the A of the end in each. The gain is understated on
purpose: of a micro-price without drift, the hits before a passage are worth more than u. So a higher hazard never
lengthens a lifetime.

**Lifetime.** A deadline ends a quote without disappointment: T is the argument of the highest W(0, T). Without a
positive W there is no quote. F is taken at T and S at T plus the age of the desk's view (`latency_ms`).

**Withdrawal.** An open quote is kept as long as one way to keep it is better than to withdraw it now, which is worth
-c A(t): until its deadline, W(t, T), or until a withdrawal at one later end of a bin t1, W(t, t1) - c S(t1) A(t1). This
is decided again at every change of the market. What that freedom is worth is not in W; the share of surprises in r
stands for it.

Without withdrawal, S does not cut the gain, r is 1 and c is 0: the value of a quote that nobody can call back.

Liquidity Provider decides by W. Client Priority withdraws only when the expected loss until the deadline, q p(race
lost) p l, exceeds its budget; Risk Averse when p(race lost) times the upper bound of p(pick-off until the deadline)
exceeds epsilon. With a tolerance curve only the price decides. All withdraw when the market is through the price.
"""

import math

from numba import njit

from quotelife_models import hazard as H
from quotelife_models import policy as P
from quotelife_models import schema as S
from quotelife_models.client_priority import loss_budget, tier_of
from quotelife_models.enums import CLIENT_PRIORITY, RISK_AVERSE
from quotelife_models.hazard import ENDS_MS, STARTS_MS
from quotelife_models.response import log_moments, responded

# stake float64[STAKE_WORDS]: what is at stake on one side of a quote, fixed when it is issued
(
    STAKE_INFORMED,  # q
    STAKE_FILL_RATE,
    STAKE_MU,  # of the client's response time, see `quotelife_models.response`
    STAKE_SIGMA,
    STAKE_EDGE_SHIFT,  # ticks that inventory and toxicity add to the edge
    STAKE_LOST,  # the probability that a pick-off succeeds: r, for Liquidity Provider times the share of surprises
    # Liquidity Provider: c in ticks; Client Priority: its loss budget in ticks; Risk Averse: epsilon; infinite where a
    # tolerance curve decides on the lifetime
    STAKE_LIMIT,
) = range(7)
STAKE_WORDS = 7

_LEAST_FILL_RATE = 0.02  # a client without a hit so far may still hit
_ROW = "float64[::1]"


@njit(f"float64({_ROW}, {_ROW}, {_ROW})", cache=True, nogil=True, _nrt=False)
def edge_shift(policy, x, ctx):
    """What inventory skew and the client's measured toxicity add to the edge of an uninformed hit, in ticks."""
    variance_1s = min(x[S.REALISED_VOLATILITY_10S] ** 2, 1e9) / 10.0
    shift = policy[P.RISK_AVERSION] * variance_1s * ctx[S.SIDE] * ctx[S.INVENTORY] - ctx[S.CLIENT_TOXICITY]
    return shift if math.isfinite(shift) else -1e9


@njit(f"float64({_ROW})", cache=True, nogil=True, _nrt=False)
def fill_rate_of(ctx):
    """The client's fill rate, bounded to values that are possible."""
    rate = ctx[S.CLIENT_FILL_RATE]
    return min(max(rate, _LEAST_FILL_RATE), 1.0) if rate == rate else _LEAST_FILL_RATE


@njit("float64(float64)", cache=True, nogil=True, _nrt=False)
def probability(value):
    """The value bounded to [0, 1]; 1, the worst, for NaN."""
    return min(max(value, 0.0), 1.0) if value == value else 1.0


@njit(f"float64({_ROW}, {_ROW})", cache=True, nogil=True, _nrt=False)
def race_of(policy, ctx):
    """The probability that a pick-off beats the withdrawal; 1 where quotes are not withdrawn."""
    return probability(ctx[S.CLIENT_RACE_LOST]) if policy[P.WITHDRAWAL] > 0.0 else 1.0


@njit(f"float64({_ROW}, {_ROW})", cache=True, nogil=True, _nrt=False)
def surprise_of(policy, ctx):
    """The probability that a pick-off comes without a warning and beats the withdrawal."""
    return policy[P.SURPRISE_SHARE] * race_of(policy, ctx) if policy[P.WITHDRAWAL] > 0.0 else 1.0


@njit(f"float64({_ROW})", cache=True, nogil=True, _nrt=False)
def half_spread(x):
    """Half the spread in ticks, at least half a tick."""
    spread = x[S.SPREAD]
    return 0.5 * min(max(spread, 1.0), 1e9) if spread == spread else 0.5


@njit(f"void(int64, {_ROW}, {_ROW}, {_ROW}, {_ROW})", cache=True, nogil=True, _nrt=False)
def fill_stake(model, policy, x, ctx, stake):
    """Fill stake float64[STAKE_WORDS] of one side of a quote from the inputs of its decision."""
    stake[STAKE_INFORMED] = probability(ctx[S.CLIENT_INFORMED_SHARE])
    stake[STAKE_FILL_RATE] = fill_rate_of(ctx)
    stake[STAKE_MU], stake[STAKE_SIGMA] = log_moments(ctx[S.CLIENT_RESPONSE], ctx[S.CLIENT_RESPONSE_CV])
    stake[STAKE_EDGE_SHIFT] = edge_shift(policy, x, ctx)
    stake[STAKE_LOST] = race_of(policy, ctx)
    if policy[P.TOLERANCE_STEPS] > 0.0:  # the curve knows neither bound, budget nor value: only the price is left
        stake[STAKE_LIMIT] = math.inf
    elif model == RISK_AVERSE:
        stake[STAKE_LIMIT] = policy[P.EPSILON]
    elif model == CLIENT_PRIORITY:
        stake[STAKE_LIMIT] = loss_budget(policy, ctx)
    else:
        stake[STAKE_LOST] = surprise_of(policy, ctx)
        stake[STAKE_LIMIT] = policy[P.WITHDRAWAL_COST + tier_of(ctx[S.CLIENT_TIER])]


@njit("float64(float64, float64, float64)", cache=True, nogil=True, _nrt=False)
def open_share(informed, fill_rate, share):
    """A: the share of quotes still open, apart from the market, once `share` of the clients have responded."""
    return (1.0 - informed) * (1.0 - fill_rate * share) + informed


@njit("float64(float64, float64)", cache=True, nogil=True, _nrt=False)
def mean_alive(before, after):
    """Mean of a survival that falls exponentially from `before` to `after`: their logarithmic mean."""
    lost = before - after
    return lost / math.log(before / after) if lost > 1e-6 * before else before


@njit(f"UniTuple(float64, 2)({_ROW}, float64, float64, {_ROW}, float64, float64)", cache=True, nogil=True, _nrt=False)
def keep_value(stake, edge_ticks, loss_ticks, pick_off, elapsed_ms, remaining_ms):
    """(value of keeping an open quote, weight of its still being open) in ticks per quote issued to such a client.

    The value is the higher of W until the deadline and W until a later withdrawal minus its cost; the withdrawal now is
    worth -cost * weight. `edge_ticks` is the edge at this moment, the shift included; pick_off float64[N_BINS] the
    survival curve of the pick-off from now on. Source: Bellman's principle, at the ends of the bins.
    """
    informed, fill_rate = stake[STAKE_INFORMED], stake[STAKE_FILL_RATE]
    mu, sigma, cost = stake[STAKE_MU], stake[STAKE_SIGMA], stake[STAKE_LIMIT]
    at_risk, gain = informed * stake[STAKE_LOST] * loss_ticks, (1.0 - informed) * fill_rate * edge_ticks
    share_before = responded(mu, sigma, math.log(elapsed_ms)) if elapsed_ms > 0.0 else 0.0
    weight = open_share(informed, fill_rate, share_before)
    value, best, before = 0.0, -1e300, 1.0
    for k in range(H.N_BINS):
        t, after = ENDS_MS[k], pick_off[k]
        last = t >= remaining_ms or k == H.N_BINS - 1
        if last:
            after = max(before * (after / before) ** ((remaining_ms - STARTS_MS[k]) / (t - STARTS_MS[k])), H.FLOOR)
            t = remaining_ms
        share = responded(mu, sigma, math.log(elapsed_ms + t))
        still_open = open_share(informed, fill_rate, share)
        value += gain * mean_alive(before, after) * (share - share_before)
        value -= (before - after) * (at_risk + cost * still_open)
        best = max(best, value if last else value - cost * after * still_open)
        if last:
            break
        before, share_before = after, share
    return best, weight


@njit(f"float64(int64, {_ROW}, {_ROW}, float64, {_ROW}, float64, float64)", cache=True, nogil=True, _nrt=False)
def margin(model, stake, x, edge_ticks, survival, elapsed_ms, remaining_ms):
    """How far an open quote is from its withdrawal, in ticks (for Risk Averse in probability); withdrawn below 0.

    `model` is an index of MODELS, stake float64[STAKE_WORDS] as of `fill_stake`; x float64[N_FEATURES] the market now;
    `edge_ticks` the present distance of the price from the micro-price in our favour. survival float64[N_BINS] is the
    curve of the pick-off from now on, for Risk Averse its upper one. Times since the issue and to the deadline are in
    ms; a deadline that has passed gives 0.
    """
    if not remaining_ms > 0.0:
        return 0.0
    if stake[STAKE_LIMIT] == math.inf:
        return math.inf
    loss = half_spread(x)
    if model == RISK_AVERSE:
        found = stake[STAKE_LIMIT] - stake[STAKE_LOST] * H.p_at(survival, remaining_ms)
    elif model == CLIENT_PRIORITY:
        at_risk = stake[STAKE_INFORMED] * stake[STAKE_LOST] * loss
        found = stake[STAKE_LIMIT] - at_risk * H.p_at(survival, remaining_ms)
    else:
        edge = edge_ticks + stake[STAKE_EDGE_SHIFT]
        value, weight = keep_value(stake, edge, loss, survival, elapsed_ms, remaining_ms)
        found = value + stake[STAKE_LIMIT] * weight
    return found if found == found else -math.inf  # in doubt no quote stands
