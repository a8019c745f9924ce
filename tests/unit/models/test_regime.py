"""A market whose spread the fit has not seen: the pooled fit takes over, for quotes, open ones and multilegs alike."""

import math

import msgspec
import numpy as np
import pytest

from quotelife.config.expiry import Models
from quotelife_models import decide as D
from quotelife_models import hazard as H
from quotelife_models import policy as P
from quotelife_models import schema as S
from quotelife_models.enums import MODELS
from quotelife_models.multileg.decision import decide_multileg, leg_memory, prepare_legs, remaining_multileg_margin
from quotelife_models.parameters import Parameters
from quotelife_models.remaining import WORK_WORDS, remaining_base, remaining_margin
from quotelife_models.stopping import STAKE_LOST, STAKE_WORDS
from tests.property.test_hazard import sane_row

SHIPPED = Parameters.load()
OWN = SHIPPED.for_symbol("EURUSD")
RISK_AVERSE = MODELS.index("risk_averse")
POLICY = P.pack(msgspec.structs.asdict(Models().risk_averse) | {"barrier": "pick_off"})
NO_LIMIT = np.array([math.inf, math.inf, math.inf, 0.0])
LOW, HIGH = SHIPPED.table[OWN, H.REGIME_LOW], SHIPPED.table[OWN, H.REGIME_HIGH]


def market(spread: float) -> np.ndarray:
    x = sane_row(1)
    x[S.SPREAD] = spread
    return x


def decided(number: int, x: np.ndarray, table: np.ndarray = SHIPPED.table) -> np.ndarray:
    ctx = np.array([{"side": 1.0, "edge": 1.0, "legs": 1.0}.get(name, 0.3) for name in S.CONTEXT_NAMES])
    ctx[S.PICK_OFF_BARRIER], ctx[S.CLIENT_RESPONSE] = 3.0, 1e9
    out = np.zeros(D.OUT_WORDS)
    D.decide(table, number, RISK_AVERSE, POLICY, x, ctx, NO_LIMIT, out)
    return out


def curves(out: np.ndarray) -> np.ndarray:
    return out[D.AT_ONE_TICK : D.AT_ONE_TICK + 3 * S.N_BINS]


def without_pooled() -> np.ndarray:
    table = SHIPPED.table.copy()
    table[:, H.REGIME_LOW], table[:, H.REGIME_HIGH] = 0.0, 1e9
    return table


@pytest.mark.parametrize("spread", [LOW, HIGH])
def test_inside_of_the_known_spreads_the_own_fit_decides(spread: float) -> None:
    np.testing.assert_array_equal(
        curves(decided(OWN, market(spread))), curves(decided(OWN, market(spread), without_pooled()))
    )


def test_far_outside_the_pooled_fit_decides_and_between_both() -> None:
    x = market(3.0 * HIGH)
    np.testing.assert_allclose(curves(decided(OWN, x)), curves(decided(0, x)), rtol=1e-6)  # files are rounded
    between = market(math.sqrt(3.0) * HIGH)
    own, mixed, pooled = (
        decided(*case)[D.OUT_P_ONE_TICK]
        for case in ((OWN, between, without_pooled()), (OWN, between), (0, between))
    )  # fmt: skip
    assert min(own, pooled) < mixed < max(own, pooled)


def test_the_upper_curve_is_wider_there() -> None:
    table = SHIPPED.table.copy()
    table[OWN, H.POOLED : H.POOLED + H.N_THETA] = table[OWN, H.ALPHA : H.CENTRE]  # the same curve, so only the error
    inside, outside = (curves(decided(OWN, market(3.0 * HIGH), of))[2 * S.N_BINS :] for of in (without_pooled(), table))
    assert table[OWN, H.POOLED_ERROR] > table[OWN, H.ERROR]
    assert (outside < inside).all()


def test_nothing_jumps_as_the_spread_widens() -> None:
    spreads = np.geomspace(0.9 * HIGH, 4.0 * HIGH, 400)
    odds = [math.log(p / (1 - p)) for p in (decided(OWN, market(s))[D.OUT_P_ONE_TICK] for s in spreads)]
    assert np.abs(np.diff(odds)).max() < 0.05


@pytest.mark.parametrize("times", [1.0, 1.5, 2.0, 10.0])
def test_an_open_quote_and_a_single_leg_have_the_risk_of_the_decision(times: float) -> None:
    x, out, work = market(times * HIGH), np.zeros(D.OUT_WORDS), np.zeros(WORK_WORDS)
    stake, survival = np.zeros(STAKE_WORDS), np.zeros(S.N_BINS)
    stake[STAKE_LOST] = 1.0
    p = 1.0 - decided(OWN, x)[D.AT_UPPER + H.REFERENCE_BIN]  # Risk Averse's margin is epsilon, here 0, less p
    row = SHIPPED.table[OWN]
    remaining_base(row, x, 1.0, work)
    margin = remaining_margin(row, RISK_AVERSE, POLICY, stake, x, work, 3.0, 0.0, 0.0, 500.0, survival)
    assert margin == pytest.approx(-p, rel=1e-9)
    (places, states, work), xs = leg_memory(1), x[None].copy()
    prepare_legs(SHIPPED.table, np.array([OWN]), places, xs, states)
    legs = (SHIPPED.table, np.array([OWN]), places, np.array([1.0]), np.array([1.0]), xs, states)
    margin = remaining_multileg_margin(*legs, RISK_AVERSE, POLICY, stake, x, 3.0, 0.0, 0.0, 500.0, work)
    assert margin == pytest.approx(-p, rel=1e-9)
    ctx = np.array([{"side": 1.0, "edge": 1.0, "legs": 1.0}.get(name, 0.3) for name in S.CONTEXT_NAMES])
    ctx[S.PICK_OFF_BARRIER], ctx[S.CLIENT_RESPONSE] = 3.0, 1e9
    decide_multileg(*legs, RISK_AVERSE, POLICY, x, ctx, NO_LIMIT, work, out)
    np.testing.assert_allclose(curves(out), curves(decided(OWN, x)), rtol=1e-9)
