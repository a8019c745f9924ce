"""The hazard against its oracle and its promises: in [0, 1], rising in T, finite whatever comes, sides mirrored."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quotelife_models import covariates as C
from quotelife_models import decide as D
from quotelife_models import hazard as H
from quotelife_models import policy as P
from quotelife_models import schema as S
from tests.oracle import models as naive_models

any_float = st.floats(allow_nan=True, allow_infinity=True, width=64)
coefficient = st.floats(-3, 3)
seed = st.integers(0, 2**32 - 1)
wild_row = st.lists(any_float, min_size=S.N_FEATURES, max_size=S.N_FEATURES).map(np.array)
wild_context = st.lists(any_float, min_size=S.N_CONTEXT, max_size=S.N_CONTEXT).map(np.array)


def random_table(seed: int, scale: float = 0.3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    row = rng.normal(0, scale, H.N_PARAMETERS)
    row[H.ALPHA : H.ALPHA + H.N_BINS] = rng.normal(-3, 2, H.N_BINS)
    row[H.SCALE : H.SCALE + H.N_COVARIATES] = rng.uniform(0.2, 3, H.N_COVARIATES)
    row[H.USUAL : H.BOOST] = rng.uniform(0, 2, H.BOOST - H.USUAL)
    row[H.REGIME_LOW : H.USUAL] = np.sort(rng.uniform(1, 8, 2 * H.N_REGIME))
    row[H.TREE_SHARE], row[H.BOOST] = 1.0, 0
    return row[None].copy()


def sane_row(seed: int) -> np.ndarray:
    """A market row as it may come from a real book."""
    rng = np.random.default_rng(seed)
    x = rng.exponential(3, S.N_FEATURES)
    x[S.SPREAD] = rng.integers(1, 12)
    for name in ("imbalance_1", "imbalance_5", "trade_flow_imbalance", "news_sentiment"):
        x[S.INDEX[name]] = rng.uniform(-1, 1)
    for name in ("order_flow_imbalance", "micro_deviation", "vwap_deviation_100ms", "vwap_deviation_500ms"):
        x[S.INDEX[name]] = rng.normal(0, 3)
    x[S.CORRELATED_VELOCITY], x[S.VOLATILITY_INDEX_CHANGE], x[S.CORRELATED_RETURN_5S] = rng.normal(0, 0.05, 3)
    for side in ("BID", "ASK"):
        depths = np.cumsum(rng.integers(1, 50, 4))
        for levels, depth in zip((1, 3, 5, 10), depths, strict=True):
            x[getattr(S, f"{side}_DEPTH_{levels}")] = depth
    x[S.AVERAGE_TRADE] = rng.choice([0.0, 7.5])
    return x


def filled(x: np.ndarray, side: float, barrier: float, event: float = C.THROUGH) -> np.ndarray:
    z = np.full(C.N_COVARIATES, np.nan)
    C.fill_base(x, side, z)
    C.fill_barrier(barrier, event, z)
    return z


@given(seed, st.sampled_from([1, -1]), st.floats(1, 200), st.booleans())
def test_covariates_equal_the_oracle(seed: int, side: int, barrier: float, touch: bool) -> None:
    x = sane_row(seed)
    naive = naive_models.covariates(dict(zip(S.NAMES, x.tolist(), strict=True)), side, barrier, touch)
    found = filled(x, side, barrier, C.TOUCH if touch else C.THROUGH)
    np.testing.assert_allclose(found, [naive[name] for name in C.COVARIATES], rtol=1e-9, atol=1e-12)


@given(wild_row, st.sampled_from([1.0, -1.0]), any_float)
def test_covariates_are_finite_for_any_row(x: np.ndarray, side: float, barrier: float) -> None:
    assert np.isfinite(filled(x, side, barrier)).all()


def mirrored(x: np.ndarray) -> np.ndarray:
    """The same market upside down."""
    y = x.copy()
    for name in ("imbalance_1", "imbalance_5", "trade_flow_imbalance", "news_sentiment", "order_flow_imbalance"):
        y[S.INDEX[name]] *= -1
    for name in ("micro_deviation", "vwap_deviation_100ms", "vwap_deviation_500ms", "correlated_velocity"):
        y[S.INDEX[name]] *= -1
    y[S.CORRELATED_RETURN_5S] *= -1
    for name in S.NAMES:
        if name.startswith(("bid_", "buy_")):
            other = S.INDEX[name.replace("bid_", "ask_").replace("buy_", "sell_")]
            y[S.INDEX[name]], y[other] = x[other], x[S.INDEX[name]]
    return y


@given(seed, st.floats(1, 50))
def test_offer_equals_the_bid_of_the_mirrored_market(seed: int, barrier: float) -> None:
    x = sane_row(seed)
    np.testing.assert_allclose(filled(x, 1.0, barrier), filled(mirrored(x), -1.0, barrier), rtol=1e-12, atol=1e-12)


def curve_of(seed: int, barrier: float = 2.0) -> tuple[np.ndarray, list[float]]:
    """A curve by the kernel, and the hazards of its bins by the definition."""
    table, x = random_table(seed), sane_row(seed)
    raw, z, survival = filled(x, 1.0, barrier), np.zeros(C.N_COVARIATES), np.zeros(H.N_BINS)
    level, tilt = H.base_predictor(table[0], raw, z)
    H.barrier_curve(table[0], raw, level, tilt, barrier, C.THROUGH, z, survival)
    row = table[0]
    covariates = np.clip((raw - row[H.CENTRE : H.SCALE]) * row[H.SCALE : H.ERROR], -6, 6)
    hazards = []
    for k in range(H.N_BINS):
        eta = row[H.ALPHA + k] + (row[H.BETA : H.GAMMA] + H.TAU[k] * row[H.GAMMA : H.CENTRE]) @ covariates
        hazards.append(1 / (1 + math.exp(-min(max(eta, -30), 30))))
    return survival, hazards


@given(seed, st.integers(1, 5))
def test_tree_traversal_equals_the_oracle(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    row, z = random_table(seed)[0], rng.normal(size=C.N_COVARIATES)
    row[H.BOOST], total = n, 0.0
    for tree in row[H.BOOST + 1 :].reshape(-1, H.TREE_WORDS)[:n]:
        tree[: 2 * H.TREE_NODES : 2] = rng.integers(0, C.N_BASE, H.TREE_NODES)
        node = 0
        while node < H.TREE_NODES:
            node = 2 * node + 1 + int(z[int(tree[2 * node])] > tree[2 * node + 1])
        total += tree[2 * H.TREE_NODES + node - H.TREE_NODES]
    assert math.isclose(H.boosted(row, z), total, rel_tol=1e-12, abs_tol=1e-12)


@given(seed, st.floats(0, 60_000))
def test_probability_equals_the_oracle(seed: int, t_ms: float) -> None:
    survival, hazards = curve_of(seed)
    assert math.isclose(H.p_at(survival, t_ms), naive_models.p_move(hazards, t_ms), rel_tol=1e-9, abs_tol=1e-12)


@given(seed, st.floats(0, 60_000), st.floats(0, 60_000))
def test_probability_never_falls_with_time(seed: int, a: float, b: float) -> None:
    survival, _ = curve_of(seed)
    early, late = (H.p_at(survival, t) for t in sorted((a, b)))
    assert 0.0 <= early <= late <= 1.0


@given(seed, st.floats(1e-6, 0.999), st.floats(1, 100_000))
def test_longest_lifetime_is_the_inverse_of_the_probability(seed: int, epsilon: float, limit: float) -> None:
    survival, _ = curve_of(seed)
    t = H.longest(survival, epsilon, limit)
    assert 0.0 <= t <= limit
    assert H.p_at(survival, t) <= epsilon * (1 + 1e-6) + 1e-12
    if t < limit:
        assert H.p_at(survival, t * 1.001 + 1e-6) >= epsilon * (1 - 1e-6)


@given(seed, st.floats(0.1, 100))
def test_the_pooled_fit_takes_over_outside_of_the_known_spreads(seed: int, spread: float) -> None:
    row, x = random_table(seed)[0], sane_row(seed)
    x[S.SPREAD] = spread
    low, high = row[H.REGIME_LOW], row[H.REGIME_HIGH]
    times = max(spread / high, low / spread, 1.0)
    share = min(math.log(times) / math.log(3.0), 1.0)
    mixture = np.full(H.N_PARAMETERS, np.nan)
    assert H.mixed(row, x, mixture) == (share > 0)
    used = mixture if share > 0 else row
    np.testing.assert_allclose(
        used[: H.CENTRE], (1 - share) * row[: H.CENTRE] + share * row[H.POOLED : H.POOLED + H.N_THETA], atol=1e-12
    )
    assert math.isclose(used[H.ERROR], (1 - share) * row[H.ERROR] + share * row[H.POOLED_ERROR], abs_tol=1e-12)
    assert math.isclose(used[H.TREE_SHARE], 1 - share, abs_tol=1e-12)


@settings(max_examples=300)
@given(seed, wild_row, wild_context, st.integers(0, 2), st.booleans())
def test_decision_is_valid_for_any_input(seed: int, x: np.ndarray, ctx: np.ndarray, model: int, steps: bool) -> None:
    policy = P.pack(
        {
            "tolerance_curve": [(0.02, 750.0), (1.0, 150.0)] if steps else [],
            "news_log_odds": 1.0,
            "epsilon": 0.02,
            "confidence": 0.95,
            "barrier": "pick_off",
            "shock_weight": 0.5,
            "target_fill": 0.9,
            "max_expected_loss_ticks": 0.5,
            "tier_factor": (2.0, 1.0, 0.25),
            "latency_ms": 1.0,
            "risk_aversion": 0.1,
        }
    )
    out = np.full(D.OUT_WORDS, np.nan)
    limits = np.array([math.inf, 10_000.0, math.inf, 5.0])
    lifetime_ns = D.decide(random_table(seed), 0, model, policy, x, ctx, limits, out)
    assert np.isfinite(out[: D.OUT_RECORD]).all()
    assert lifetime_ns == 0 or 5_000_000 <= lifetime_ns <= 10_000_000_000
    for at in (D.OUT_CURVE_ONE_TICK, D.OUT_CURVE_PICK_OFF):
        curve = out[at : at + H.N_BINS]
        assert (np.diff(curve) >= 0).all() and curve[0] >= 0 and curve[-1] <= 1
    assert 0 <= out[D.OUT_P_PICK_OFF] <= 1 and 0 <= out[D.OUT_FILL] <= 1


@given(seed, st.integers(0, 2))
def test_a_decision_is_reproduced_bit_for_bit(seed: int, model: int) -> None:
    table, x, policy = random_table(seed), sane_row(seed), P.pack({"epsilon": 0.02, "target_fill": 0.9})
    ctx = np.abs(np.random.default_rng(seed).normal(1, 1, S.N_CONTEXT))
    limits = np.array([math.inf] * 3 + [0.0])
    first, second = np.full(D.OUT_WORDS, np.nan), np.zeros(D.OUT_WORDS)
    D.decide(table, 0, model, policy, x, ctx, limits, first)
    D.decide(table, 0, model, policy, x, ctx, limits, second)
    np.testing.assert_array_equal(first[: D.OUT_RECORD], second[: D.OUT_RECORD])
