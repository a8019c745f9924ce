"""The expiry models and their bounds on worked numbers, with a hazard that is the same in all markets."""

import math

import msgspec
import numpy as np
import pytest

from quotelife.config.expiry import Models
from quotelife_models import decide as D
from quotelife_models import hazard as H
from quotelife_models import policy as P
from quotelife_models import reasons as R
from quotelife_models import schema as S
from quotelife_models.covariates import COVARIATES
from quotelife_models.enums import MODELS
from quotelife_models.response import log_moments, responded, response_quantile
from quotelife_models.tolerance import step_lifetime
from tests.oracle import models as naive_models

NONE = math.inf
CURVE = [(0.02, 750.0), (0.10, 250.0), (1.0, 150.0)]


def hazard_of(p_500: float) -> list[float]:
    """Hazards of the bins for one rate of time, with p(500 ms) given."""
    return [1 - (1 - p_500) ** ((b - a) / 500) for a, b in zip((0, *S.BIN_ENDS_MS[:-1]), S.BIN_ENDS_MS, strict=True)]


def flat_table(p_500: float, per_log_barrier: float = 0.0) -> np.ndarray:
    """Parameters under which p is that of `hazard_of`; its log-odds may fall with the barrier's logarithm."""
    row = np.zeros(H.N_PARAMETERS)
    row[H.ALPHA : H.ALPHA + H.N_BINS] = [math.log(h / (1 - h)) for h in hazard_of(p_500)]
    row[H.SCALE : H.SCALE + H.N_COVARIATES] = 1.0
    row[H.REGIME_HIGH : H.REGIME_HIGH + H.N_REGIME] = 1e9
    row[H.BETA + COVARIATES.index("log_barrier")] = -per_log_barrier
    return row[None].copy()


def market(**values: float) -> np.ndarray:
    x = np.zeros(S.N_FEATURES)
    x[S.SPREAD] = 2.0
    for name, value in values.items():
        x[S.INDEX[name]] = value
    return x


def request(**values: float) -> np.ndarray:
    plain = {
        "side": 1.0,
        "edge": 1.0,
        "pick_off_barrier": 1.0,
        "legs": 1.0,
        "client_tier": 1.0,
        "client_fill_rate": 0.5,
        "client_response": 300.0,
        "client_response_cv": 0.8,
        "client_informed_share": 0.2,
    }
    return np.array([{**plain, **values}.get(name, 0.0) for name in S.CONTEXT_NAMES])


def bounds(client: float = NONE, instrument: float = NONE, session: float = NONE, minimum: float = 0.0) -> np.ndarray:
    return np.array([client, instrument, session, minimum])


def decide(model: str, table: np.ndarray, x=None, ctx=None, limits=None, **changes) -> np.ndarray:
    section = msgspec.structs.asdict(getattr(Models(), model)) | changes
    out = np.full(D.OUT_WORDS, np.nan)
    x, ctx, limits = (
        market() if x is None else x,
        request() if ctx is None else ctx,
        bounds() if limits is None else limits,
    )
    ns = D.decide(table, 0, MODELS.index(model), P.pack(section), x, ctx, limits, out)
    assert ns == out[D.OUT_LIFETIME_NS]
    assert np.isfinite(out[: D.OUT_RECORD]).all()
    return out


def ms(out: np.ndarray) -> float:
    return out[D.OUT_LIFETIME_NS] / 1e6


@pytest.mark.parametrize(
    ("p", "lifetime"), [(0.0, 750), (0.01, 750), (0.02, 750), (0.0200001, 250), (0.10, 250), (0.15, 150), (1.0, 150)]
)
def test_a_step_includes_its_own_probability(p: float, lifetime: float) -> None:
    assert step_lifetime(P.pack({"tolerance_curve": CURVE}), p) == lifetime


def test_a_probability_above_the_last_step_gets_its_lifetime() -> None:
    assert step_lifetime(P.pack({"tolerance_curve": [(0.02, 750.0), (0.5, 100.0)]}), 0.9) == 100.0


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("p", "lifetime"), [(0.01, 750), (0.05, 250), (0.15, 150)])
def test_a_tolerance_curve_replaces_every_model(model: str, p: float, lifetime: float) -> None:
    out = decide(model, flat_table(p), tolerance_curve=CURVE)
    assert ms(out) == lifetime
    assert out[D.OUT_P_ONE_TICK] == pytest.approx(p)
    assert out[D.OUT_REASON] == R.TOLERANCE_CURVE


def test_pack_refuses_unknown_settings() -> None:
    with pytest.raises(ValueError, match="epsilom"):
        P.pack({"epsilom": 0.1})
    with pytest.raises(ValueError, match="ascending"):
        P.pack({"tolerance_curve": [(0.5, 1.0), (0.5, 2.0)]})
    with pytest.raises(ValueError, match="at most 16"):
        P.pack({"tolerance_curve": [(i / 20, 1.0) for i in range(17)]})


def test_the_risk_bound_ends_the_lifetime_of_risk_averse() -> None:
    # p rises by 4 % in 500 ms at one rate: it reaches 2 % after 500 ms * log(0.98) / log(0.96)
    out = decide("risk_averse", flat_table(0.04))
    assert ms(out) == pytest.approx(500 * math.log(0.98) / math.log(0.96), rel=1e-6)
    assert out[D.OUT_REASON] == R.RISK_BOUND
    assert out[D.OUT_P_UPPER] == pytest.approx(0.02)
    assert out[D.OUT_P_PICK_OFF] == pytest.approx(0.02)


def test_a_less_certain_fit_shortens_risk_averse() -> None:
    table = flat_table(0.04)
    table[0, H.ERROR] = 0.5  # in log-odds
    hazards = [1 / (1 + (1 - h) / h * math.exp(-0.5 * 1.6448536)) for h in hazard_of(0.04)]
    out = decide("risk_averse", table)
    assert naive_models.p_move(hazards, ms(out)) == pytest.approx(0.02, rel=1e-6)
    assert ms(out) < ms(decide("risk_averse", table, confidence=0.6)) < ms(decide("risk_averse", flat_table(0.04)))


def test_a_shock_shortens_risk_averse() -> None:
    table = flat_table(0.04)
    at = H.MARKET_FEATURES.index("spread_volatility")
    table[0, H.USUAL + at], table[0, H.HIGH + at] = 1.0, 3.0
    table[0, H.HIGH + H.MARKET_FEATURES.index("top_update_count")] = 10.0
    calm = decide("risk_averse", table, market(spread_volatility=3.0, top_update_count=10.0))
    assert (calm[D.OUT_SHOCK], calm[D.OUT_REASON]) == (0.0, R.RISK_BOUND)
    # 2 beyond the high quantile, which is 2 above the median: excess 1, shock log 2, T / (1 + log 2 / 2)
    wild = decide("risk_averse", table, market(spread_volatility=5.0))
    assert wild[D.OUT_SHOCK] == pytest.approx(math.log(2))
    assert ms(wild) == pytest.approx(ms(calm) / (1 + 0.5 * math.log(2)), rel=1e-6)
    assert wild[D.OUT_REASON] == R.RISK_BOUND_IN_SHOCK


def test_news_raises_the_odds_by_policy_alone() -> None:
    calm, news = (decide("risk_averse", flat_table(0.04), market(news_sentiment=s)) for s in (0.0, -1.0))
    hazards = [1 / (1 + (1 - h) / h / math.e) for h in hazard_of(0.04)]
    assert news[D.OUT_P_ONE_TICK] == pytest.approx(naive_models.p_move(hazards, 500))
    assert news[D.OUT_SHOCK] == pytest.approx(2.0)
    assert ms(news) < 0.25 * ms(calm)
    same = decide("risk_averse", flat_table(0.04), market(news_sentiment=-1.0), news_log_odds=0.0, news_shock=0.0)
    assert ms(same) == ms(calm)


def test_risk_averse_can_bound_one_tick_instead_of_the_pick_off() -> None:
    table, ctx = flat_table(0.04, per_log_barrier=2.0), request(pick_off_barrier=5.0, client_response=60_000.0)
    wide, narrow = decide("risk_averse", table, ctx=ctx), decide("risk_averse", table, ctx=ctx, barrier="one_tick")
    assert ms(narrow) == pytest.approx(500 * math.log(0.98) / math.log(0.96), rel=1e-6)
    assert ms(wide) > 10 * ms(narrow)
    assert wide[D.OUT_P_PICK_OFF] < wide[D.OUT_P_ONE_TICK]


def test_risk_averse_lives_no_longer_than_the_client_needs() -> None:
    out = decide("risk_averse", flat_table(0.0001))
    assert out[D.OUT_FILL] == pytest.approx(0.925)  # as for Client Priority below
    assert out[D.OUT_REASON] == R.FILL_TARGET
    assert ms(out) < ms(decide("risk_averse", flat_table(0.0001), ctx=request(client_response=600.0)))
    assert ms(out) < ms(decide("client_priority", flat_table(0.0001)))


@pytest.mark.parametrize("model", MODELS)
def test_a_price_through_the_market_is_refused(model: str) -> None:
    ctx = request(pick_off_barrier=0.0, client_informed_share=0.9)
    out = decide(model, flat_table(0.04), ctx=ctx, limits=bounds(minimum=1.0))
    assert ms(out) == 0
    assert int(out[D.OUT_REASON]) in R.REFUSALS


def test_response_time_is_log_normal() -> None:
    mu, sigma = log_moments(300.0, 0.8)
    assert math.exp(mu + sigma**2 / 2) == pytest.approx(300)
    assert math.sqrt(math.exp(sigma**2) - 1) == pytest.approx(0.8)
    for p in (0.001, 0.01, 0.3, 0.5, 0.9, 0.99, 0.9999):
        assert responded(mu, sigma, math.log(response_quantile(mu, sigma, p))) == pytest.approx(p, abs=1e-8)


def test_client_priority_lasts_until_the_target_share() -> None:
    # fill rate 0.5 of an ordinary client: value 0.25, target 1 - 0.1 * 0.75
    out = decide("client_priority", flat_table(0.04), target_fill=0.9)
    assert out[D.OUT_FILL] == pytest.approx(0.925)
    assert out[D.OUT_REASON] == R.FILL_TARGET
    restricted = decide("client_priority", flat_table(0.0004), ctx=request(client_tier=2.0), target_fill=0.9)
    assert restricted[D.OUT_FILL] == pytest.approx(0.9)
    strategic = decide("client_priority", flat_table(0.04), ctx=request(client_tier=0.0), target_fill=0.9)
    assert strategic[D.OUT_FILL] == pytest.approx(0.95)
    assert ms(restricted) < ms(out) < ms(strategic)


def test_size_and_legs_lengthen_client_priority() -> None:
    plain = decide("client_priority", flat_table(0.001))
    large = decide("client_priority", flat_table(0.001), ctx=request(size_against_trade=math.e - 1, legs=3.0))
    assert ms(large) == pytest.approx(ms(plain) * (1 + 0.15 + 2 * 0.5), rel=1e-6)


def test_the_loss_budget_of_the_tier_caps_client_priority() -> None:
    ctx = request(client_informed_share=0.5, client_tier=2.0, client_race_lost=0.4)
    out = decide("client_priority", flat_table(0.3), ctx=ctx, max_expected_loss_ticks=0.2)
    assert out[D.OUT_LOSS] == pytest.approx(1.0)  # half of a spread of 2
    assert out[D.OUT_EXPECTED_LOSS] == pytest.approx(0.2 * 0.25)
    assert out[D.OUT_REASON] == R.LOSS_BUDGET
    # four of ten races are lost: the same budget allows a longer lifetime
    withdrawn = decide("client_priority", flat_table(0.3), ctx=ctx, max_expected_loss_ticks=0.2, withdrawal=1.0)
    assert withdrawn[D.OUT_EXPECTED_LOSS] == pytest.approx(0.2 * 0.25)
    assert ms(withdrawn) > 2.0 * ms(out)


def test_liquidity_provider_chooses_the_lifetime_of_maximum_value() -> None:
    table, ctx = flat_table(0.08, per_log_barrier=3.0), request(edge=2.0)
    out = decide("liquidity_provider", table, ctx=ctx)
    known = {
        "edge": 2.0,
        "informed": 0.2,
        "fill_rate": 0.5,
        "loss": out[D.OUT_LOSS],
        "response_ms": 300.0,
        "cv": 0.8,
        "latency_ms": 1.0,
    }
    hazards = hazard_of(0.08)
    peak = max(naive_models.expected_value(t, hazards, **known) for t in np.geomspace(50, 10_000, 150))
    value = naive_models.expected_value(ms(out), hazards, **known)
    assert value == pytest.approx(peak, rel=1e-3)
    naive = naive_models.best_lifetime(np.geomspace(50, 10_000, 300), hazards=hazards, **known)
    assert ms(out) == pytest.approx(naive, rel=0.1)
    assert out[D.OUT_VALUE] == pytest.approx(peak, rel=1e-3)
    assert out[D.OUT_REASON] == R.VALUE_PEAK


def test_each_input_moves_liquidity_provider_in_its_direction() -> None:
    table = flat_table(0.08, per_log_barrier=3.0)
    plain = decide("liquidity_provider", table, ctx=request(edge=2.0))
    moving = market(realised_volatility_10s=3.0)
    for shorter in (
        decide("liquidity_provider", table, ctx=request(edge=2.0, client_informed_share=0.5)),
        decide("liquidity_provider", table, ctx=request(edge=2.0, client_response=150.0)),
        decide("liquidity_provider", table, ctx=request(edge=2.0, client_toxicity=1.0)),
        decide("liquidity_provider", table, moving, ctx=request(edge=2.0, inventory=-1.0)),
        decide("liquidity_provider", flat_table(0.3, per_log_barrier=3.0), ctx=request(edge=2.0)),
    ):
        assert 0 < ms(shorter) < ms(plain)
    # long already, selling is worth more
    long = decide("liquidity_provider", table, moving, ctx=request(edge=2.0, inventory=1.0))
    assert ms(long) > ms(plain)


def test_liquidity_provider_refuses_without_positive_value() -> None:
    out = decide("liquidity_provider", flat_table(0.3), ctx=request(edge=0.1, client_informed_share=0.9))
    assert (ms(out), out[D.OUT_REASON]) == (0.0, R.NO_VALUE)


@pytest.mark.parametrize("model", MODELS)
def test_bounds_apply_after_the_model_and_set_the_reason(model: str) -> None:
    table, ctx = flat_table(0.01, per_log_barrier=3.0), request(edge=2.0)
    free = decide(model, table, ctx=ctx)
    assert ms(free) > 100
    for limits, reason in (
        (bounds(client=90.0, instrument=95.0, session=99.0), R.CLIENT_LIMIT),
        (bounds(instrument=90.0, session=95.0), R.INSTRUMENT_MAXIMUM),
        (bounds(session=90.0), R.SESSION_MAXIMUM),
        (bounds(instrument=90.0, minimum=90.0), R.INSTRUMENT_MAXIMUM),
    ):
        out = decide(model, table, ctx=ctx, limits=limits)
        assert (ms(out), out[D.OUT_REASON]) == (90.0, reason)
        assert out[D.OUT_MODEL_MS] == free[D.OUT_MODEL_MS]
        assert out[D.OUT_MODEL_REASON] == free[D.OUT_REASON]
    refused = decide(model, table, ctx=ctx, limits=bounds(client=90.0, minimum=91.0))
    assert (ms(refused), refused[D.OUT_REASON]) == (0.0, R.BELOW_MINIMUM)


def test_a_decision_contains_both_curves() -> None:
    out = decide("risk_averse", flat_table(0.04, per_log_barrier=1.0), ctx=request(pick_off_barrier=4.0))
    one_tick = out[D.OUT_CURVE_ONE_TICK : D.OUT_CURVE_ONE_TICK + S.N_BINS]
    assert one_tick == pytest.approx([1 - 0.96 ** (t / 500) for t in S.BIN_ENDS_MS])
    assert (out[D.OUT_CURVE_PICK_OFF : D.OUT_CURVE_PICK_OFF + S.N_BINS] < one_tick).all()
