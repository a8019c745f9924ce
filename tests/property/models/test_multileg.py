"""The survival of a net price: against walks that are played out, and what must hold whatever the legs."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotelife_models import decide as D
from quotelife_models import policy as P
from quotelife_models import schema as S
from quotelife_models.multileg.decision import decide_multileg, leg_memory, prepare_legs
from quotelife_models.multileg.net import NET_WORDS, joint_survival
from quotelife_models.multileg.steps import SHARED_STEPS
from quotelife_models.parameters import Parameters
from quotelife_models.schema import N_BINS

WALKS, STEPS = 8_000, 500  # of a horizon of 1


def walks(rng: np.random.Generator, up: float, down: float) -> np.ndarray:
    """Paths of a price that moves by one tick at a time, so many times up and down in the horizon on average."""
    draw = rng.random((WALKS, STEPS))
    moves = (draw < up / STEPS).astype(np.int8) - (draw > 1.0 - down / STEPS).astype(np.int8)
    return np.cumsum(moves, axis=1, dtype=np.int32)


def played(rates: list[tuple[float, float]], weights: list[int], m: int) -> tuple[float, float]:
    """(share of the walks whose net came to m, what the kernel makes of the share of each leg)."""
    rng = np.random.default_rng(5)
    paths = [walks(rng, *rate) for rate in rates]
    net = sum(weight * path for weight, path in zip(weights, paths, strict=True))
    steps = min(m, max(SHARED_STEPS // len(rates), 6), 16)
    reach = math.ceil(1.5 * steps)
    adverse, favourable = np.zeros((len(rates), reach, 1)), np.zeros((len(rates), reach, 1))
    for i, (weight, path) in enumerate(zip(weights, paths, strict=True)):
        for j in range(reach):
            ticks = math.ceil((j + 1) * m / steps / weight - 1e-9)
            adverse[i, j, 0] = (path.max(axis=1) >= ticks).mean()
            favourable[i, j, 0] = (-path.min(axis=1) >= ticks).mean()
    survival = np.empty(1)
    joint_survival(adverse, favourable, np.array([1.0, -1.0, 0.0])[: len(rates)], steps, np.zeros(NET_WORDS), survival)
    return float((net.max(axis=1) >= m).mean()), 1.0 - float(survival[0])


@pytest.mark.parametrize(
    ("rates", "weights", "m"),
    [
        ([(0.05, 0.05), (0.05, 0.05)], [1, 1], 1),
        ([(1.0, 1.0), (1.0, 1.0)], [1, 1], 1),
        ([(5.0, 5.0), (5.0, 5.0)], [1, 1], 4),
        ([(5.0, 5.0), (5.0, 5.0)], [1, 1], 8),
        ([(20.0, 20.0), (20.0, 20.0)], [1, 1], 10),
        ([(20.0, 5.0), (5.0, 5.0)], [1, 2], 20),
        ([(20.0, 20.0), (5.0, 5.0)], [1, 2], 20),
        ([(40.0, 40.0), (40.0, 40.0)], [1, 1], 30),
        ([(8.0, 3.0), (4.0, 4.0)], [1, 1], 5),
        ([(5.0, 5.0), (5.0, 5.0), (5.0, 5.0)], [1, 2, 1], 6),
        ([(10.0, 10.0)] * 3, [1, 1, 1], 12),
    ],
)
def test_joint_curve_agrees_with_simulated_walks(rates, weights, m):
    """Within a third, or two hundredths: the legs' curves are no better known."""
    true, found = played(rates, weights, m)
    assert abs(found - true) <= max(true / 3.0, 0.02), (true, found)


def curves(draw, legs: int, reach: int) -> np.ndarray:
    """Probabilities that fall in the steps and rise in time."""
    raw = np.array(draw(st.lists(st.floats(0.0, 1.0), min_size=legs * reach * N_BINS, max_size=legs * reach * N_BINS)))
    cube = raw.reshape(legs, reach, N_BINS)
    cube = np.sort(cube, axis=2)
    return np.ascontiguousarray(-np.sort(-cube, axis=1))


@st.composite
def cases(draw):
    legs, steps = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    reach = math.ceil(1.5 * steps)
    sides = np.array(draw(st.lists(st.sampled_from([-1.0, 1.0]), min_size=legs, max_size=legs)))
    return curves(draw, legs, reach), curves(draw, legs, reach), sides, steps


def joint(adverse, favourable, sides, steps) -> np.ndarray:
    survival = np.empty(N_BINS)
    joint_survival(
        np.ascontiguousarray(adverse), np.ascontiguousarray(favourable), sides, steps, np.zeros(NET_WORDS), survival
    )
    return survival


@settings(max_examples=60, deadline=None)
@given(cases())
def test_joint_curve_is_monotone_and_bounded(case):
    adverse, _, sides, steps = case
    survival = joint(*case)
    assert np.all((survival > 0.0) & (survival <= 1.0)) and np.all(np.diff(survival) <= 1e-12)
    for i in range(len(sides)):  # a leg that does it alone while none of the others moves
        still = np.zeros_like(adverse)
        still[i] = adverse[i]
        alone = joint(still, np.zeros_like(adverse), sides, steps)
        assert alone == pytest.approx(np.minimum(1.0 - adverse[i, steps - 1], 1.0), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(cases(), st.floats(0.0, 1.0))
def test_larger_ratio_is_never_safer(case, factor):
    adverse, favourable, sides, steps = case
    assert np.all(joint(adverse * factor, favourable, sides, steps) >= joint(adverse, favourable, sides, steps) - 1e-12)


@settings(max_examples=60, deadline=None)
@given(cases())
def test_a_further_move_is_less_likely(case):
    adverse, favourable, sides, steps = case
    reach = adverse.shape[1]
    if steps + 1 <= reach:
        further = joint(adverse, favourable, sides, steps + 1)
        assert np.all(further >= joint(adverse, favourable, sides, steps) - 1e-12)


# --- the decision

PARAMETERS = Parameters.load(None)
BOUNDS = np.array([1e9, 10_000.0, 1e9, 5.0])


def policy(barrier: str) -> np.ndarray:
    return P.pack(
        {
            "epsilon": 0.02, "confidence": 0.9, "barrier": barrier, "target_fill": 0.8, "max_expected_loss_ticks": 0.3,
            "tier_factor": [2, 1, 0.5], "shock_weight": 1.0, "news_shock": 1.0, "news_log_odds": 0.5, "latency_ms": 2.0,
            "risk_aversion": 0.1,
        }
    )  # fmt: skip


def market(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A market row and a context."""
    x = np.abs(rng.normal(size=S.N_FEATURES)) * rng.choice([0.1, 1.0, 10.0])
    x[S.SPREAD], x[S.NEWS_SENTIMENT] = rng.integers(1, 9), rng.choice([0.0, 0.7])
    ctx = np.abs(rng.normal(size=S.N_CONTEXT))
    ctx[S.SIDE], ctx[S.PICK_OFF_BARRIER] = rng.choice([-1.0, 1.0]), rng.integers(-1, 30)
    ctx[S.CLIENT_RESPONSE], ctx[S.CLIENT_INFORMED_SHARE], ctx[S.CLIENT_FILL_RATE], ctx[S.EDGE] = 300.0, 0.2, 0.4, 2.0
    return x, ctx


def decide_side(rows, sides, weights, xs, model, terms, x, ctx) -> np.ndarray:
    """What `decide_multileg` leaves of one side of a quote."""
    (places, states, work), out = leg_memory(len(rows)), np.zeros(D.OUT_WORDS)
    prepare_legs(PARAMETERS.table, rows, places, xs, states)
    decide_multileg(
        PARAMETERS.table, rows, places, sides, weights, xs, states, model, terms, x, ctx, BOUNDS, work, out
    )  # fmt: skip
    return out


def decide_legs(sides: list[float], weights: list[float], x: np.ndarray, ctx: np.ndarray, model: int = 2) -> np.ndarray:
    n = len(sides)
    xs, rows = np.repeat(x[None], n, axis=0), np.zeros(n, np.int64)
    return decide_side(rows, np.array(sides), np.array(weights), xs, model, policy("pick_off"), x, ctx)


@pytest.mark.parametrize("seed", range(60))
def test_one_leg_of_ratio_one_equals_the_instrument(seed):
    rng = np.random.default_rng(seed)
    x, ctx = market(rng)
    terms = policy(["one_tick", "pick_off", "touch"][seed % 3])
    model, row = seed // 3 % 3, seed % len(PARAMETERS.table)
    plain = np.zeros(D.OUT_WORDS)
    D.decide(PARAMETERS.table, row, model, terms, x, ctx, BOUNDS, plain)
    packed = decide_side(
        np.array([row]), np.array([ctx[S.SIDE]]), np.ones(1), x[None].copy(), model, terms, x, ctx
    )  # fmt: skip
    assert packed[: D.OUT_RECORD] == pytest.approx(plain[: D.OUT_RECORD], rel=1e-9, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("seed", range(10))
def test_more_legs_and_larger_ratios_move_the_net_more(seed):
    x, ctx = market(np.random.default_rng(seed))
    ctx[S.SIDE], ctx[S.PICK_OFF_BARRIER] = 1.0, 6.0
    one = decide_legs([1.0], [1.0], x, ctx)
    two = decide_legs([1.0, -1.0], [1.0, 1.0], x, ctx)
    wide = decide_legs([1.0, -1.0], [1.0, 3.0], x, ctx)
    for narrow, wider in ((one, two), (two, wide)):
        assert wider[D.OUT_P_ONE_TICK] >= narrow[D.OUT_P_ONE_TICK] - 1e-12
