"""The expiry models: from a quote's survival curves and its client to a lifetime and its reason.

To add an expiry model, edit these files in this order; `tests/unit/models/test_expiry_models.py` names what is missing.

1. `models/quotelife_models/enums.py`: append its name to `Model` and its index to the constants below it.
2. `models/quotelife_models/reasons.py`: append the reasons that no other model has; one that refuses also goes into
   `REFUSALS` there, and is exempt from the minimum in `decide.py`, as NO_VALUE is. Texts: `REASON_TEXTS` in
   `service/quotelife/explain/explain.py` and "Lifetime reasons" in `fix_config/README.md`.
3. `models/quotelife_models/policy.py`: add a word for each setting that no other model has, and pack it.
4. `models/quotelife_models/NAME.py`: write its formula as a kernel, as in `risk_averse.py`.
5. This file: add its branch to `model_lifetime`. The inputs are the same for all models; only the upper curve and the
   shock are computed for Risk Averse alone, in `decide.py` and `multileg.py`. It must refuse a price through the
   market.
6. `service/quotelife/config/expiry.py`: declare its settings as a section, and the section in `Models`.
7. `models/quotelife_models/stopping.py`: its stake and its margin, by which its open quotes are withdrawn.
8. `service/quotelife/decision/model_selection.py`: a default rule that selects it; without one only a `[[rule]]`, the
   API or a client that names it does.
9. `fix_config/`: its name among the values of 20001 in the dictionaries and in the rules of engagement.
10. Its colour in `models/quotelife_research/backtest/plot.py`, its reasons in the test named above.

API, `[[rule]]`, metrics, journal and backtest take the model from `enums.py`.
"""

from numba import njit

from quotelife_models import policy as P
from quotelife_models import reasons as R
from quotelife_models.client_priority import budget_lifetime, target_lifetime
from quotelife_models.enums import CLIENT_PRIORITY, RISK_AVERSE
from quotelife_models.liquidity_provider import best_lifetime
from quotelife_models.risk_averse import risk_averse_lifetime
from quotelife_models.stopping import race_of
from quotelife_models.tolerance import step_lifetime

_ROW = "float64[::1]"


@njit(f"UniTuple(float64, 2)({_ROW}, {_ROW}, {_ROW}, float64, float64)", cache=True, nogil=True, _nrt=False)
def _client_priority(policy, ctx, pick_off, informed, loss):
    target = target_lifetime(policy, ctx)
    budget = budget_lifetime(policy, ctx, pick_off, informed * race_of(policy, ctx) * loss)
    if budget < target:
        return budget, float(R.LOSS_BUDGET)
    return target, float(R.FILL_TARGET)


@njit(f"UniTuple(float64, 2)({_ROW}, {_ROW}, {_ROW}, float64)", cache=True, nogil=True, _nrt=False)
def _risk_averse(policy, ctx, upper, shock_size):
    ms = risk_averse_lifetime(policy, upper, shock_size, race_of(policy, ctx))
    if policy[P.TARGET_FILL] > 0.0:
        target = target_lifetime(policy, ctx)
        if target < ms:
            return target, float(R.FILL_TARGET)
    return ms, float(R.RISK_BOUND_IN_SHOCK if shock_size > 0.0 else R.RISK_BOUND)


@njit(
    f"UniTuple(float64, 3)(int64, {_ROW}, {_ROW}, {_ROW}, {_ROW}, {_ROW}, UniTuple(float64, 6), float64[:,::1])",
    cache=True,
    nogil=True,
    _nrt=False,
    forceinline=True,
)
def model_lifetime(model, policy, x, ctx, pick_off, upper, figures, work):
    """(lifetime in ms, reason, expected value in ticks) of one model before bounds; a lifetime of 0 is a refusal.

    A tolerance curve replaces the model. `model` is an index of MODELS, `policy` float64[N_POLICY]; x and ctx are as in
    `quotelife_models.schema`; `pick_off` and `upper` float64[N_BINS] are survival curves, the second for Risk Averse
    only; `figures` are p of a move of one tick within the reference horizon, the client's informed share, the ticks
    lost when picked off, the size of the shock, and (mu, sigma) of the client's response time. The expected value is
    that of Liquidity Provider, else 0. work float64[2, N_BINS] is overwritten.
    """
    p_one_tick, informed, loss, shock_size, mu, sigma = figures
    value = 0.0
    if policy[P.TOLERANCE_STEPS] > 0.0:
        ms, reason = step_lifetime(policy, p_one_tick), float(R.TOLERANCE_CURVE)
    elif model == RISK_AVERSE:
        ms, reason = _risk_averse(policy, ctx, upper, shock_size)
    elif model == CLIENT_PRIORITY:
        ms, reason = _client_priority(policy, ctx, pick_off, informed, loss)
    else:
        ms, value = best_lifetime(policy, x, ctx, pick_off, informed, loss, mu, sigma, work)
        reason = float(R.VALUE_PEAK if ms > 0.0 else R.NO_VALUE)
    return ms, reason, value
