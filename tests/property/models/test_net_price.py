"""Decisions on random multilegs against a naive reference, and the parts that make them fast."""

import numpy as np
import pytest

from quotelife_models import decide as D
from quotelife_models import hazard as H
from quotelife_models import policy as P
from quotelife_models import schema as S
from quotelife_models.covariates import THROUGH
from quotelife_models.enums import RISK_AVERSE
from quotelife_models.multileg.barrier import TERM_WORDS, fill_terms, predict_moves
from quotelife_models.multileg.bound import fill_bound
from quotelife_models.multileg.decision import decide_multileg, leg_memory, prepare_legs, remaining_multileg_margin
from quotelife_models.multileg.exponential import exponentials
from quotelife_models.multileg.pair import fill_pair
from quotelife_models.multileg.steps import MAX_STEPS, SUM_WORDS
from quotelife_models.multileg.sums import summed
from quotelife_models.parameters import Parameters
from quotelife_models.stopping import STAKE_WORDS, margin
from tests.oracle.net_price import independent, net_curve, random_legs

TABLE = Parameters.load(None).table
NO_BOUNDS = np.array([1e9, 1e9, 1e9, 0.0])
BARRIERS = ("one_tick", "pick_off", "touch")


def policy(barrier: str) -> np.ndarray:
    return P.pack({"barrier": barrier, "confidence": 0.9, "news_log_odds": 0.5, "epsilon": 0.02, "latency_ms": 2.0})


def context(rng: np.random.Generator) -> np.ndarray:
    ctx = np.abs(rng.normal(size=S.N_CONTEXT))
    ctx[S.PICK_OFF_BARRIER], ctx[S.CLIENT_RESPONSE], ctx[S.EDGE] = rng.integers(-1, 80), 300.0, 2.0
    ctx[S.CLIENT_INFORMED_SHARE], ctx[S.CLIENT_FILL_RATE] = 0.2, 0.4
    return ctx


@pytest.mark.parametrize("seed", range(48))
def test_decision_and_margin_equal_those_of_the_naive_curves(seed):
    rng, n = np.random.default_rng(seed), seed % 8 + 1
    terms, model = policy(BARRIERS[seed % 3]), seed // 3 % 3
    sides, weights, xs = random_legs(rng, n)
    parameters, ctx, x = rng.integers(0, len(TABLE), n), context(rng), xs.mean(axis=0)
    rows, (places, states, work) = [TABLE[row] for row in parameters], leg_memory(n)
    prepare_legs(TABLE, parameters, places, xs, states)
    for side in (1.0, -1.0):  # the second one finds what the first one has kept
        ctx[S.PICK_OFF_BARRIER] += rng.integers(0, 3)
        barrier, z = ctx[S.PICK_OFF_BARRIER], terms[P.CONFIDENCE_Z] if model == RISK_AVERSE else 0.0
        out, naive = np.zeros(D.OUT_WORDS), np.zeros(D.OUT_WORDS)
        signed = side * sides
        legs = (TABLE, parameters, places, signed, weights, xs, states, model, terms)
        decide_multileg(*legs, x, ctx, NO_BOUNDS, work, out)
        curves = {D.AT_ONE_TICK: (1.0, THROUGH, 0.0), D.AT_PICK_OFF: (barrier, THROUGH, 0.0)}
        if model == RISK_AVERSE:
            curves[D.AT_UPPER] = (*D.risk_barrier(terms, barrier), z)
        for at, of in curves.items():
            naive[at : at + H.N_BINS] = np.maximum(1.0 - net_curve(rows, signed, weights, xs, terms, *of), H.FLOOR)
            assert out[at : at + H.N_BINS] == pytest.approx(naive[at : at + H.N_BINS], rel=1e-9, abs=1e-12)
        shock = max(D.shock(row, terms, leg) for row, leg in zip(rows, xs, strict=True)) if z > 0.0 else 0.0
        D.conclude(model, terms, x, ctx, NO_BOUNDS, shock, naive)
        assert out[: D.OUT_RECORD] == pytest.approx(naive[: D.OUT_RECORD], rel=1e-7, abs=1e-9)
        if barrier > 0.0:
            stake = np.abs(rng.normal(size=STAKE_WORDS))
            found = remaining_multileg_margin(*legs, stake, x, barrier, 0.3, 100.0, 700.0, work)
            survival = np.maximum(1.0 - net_curve(rows, signed, weights, xs, terms, barrier, THROUGH, z), H.FLOOR)
            assert found == pytest.approx(margin(model, stake, x, 0.3, survival, 100.0, 700.0), rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_one_side_has_the_same_bits_alone_and_after_the_other(seed):
    """An explanation decides one side at a time."""
    rng, n = np.random.default_rng(seed), seed % 7 + 2
    (sides, weights, xs), parameters = random_legs(rng, n), rng.integers(0, len(TABLE), n)
    ctx, outs = context(rng), []
    for first in (False, True):
        places, states, work = leg_memory(n)
        prepare_legs(TABLE, parameters, places, xs, states)
        out = np.zeros(D.OUT_WORDS)
        for side in (1.0, -1.0)[0 if first else 1 :]:
            legs = (TABLE, parameters, places, side * sides, weights, xs, states, 2, policy("pick_off"))
            ctx[S.PICK_OFF_BARRIER] = 30.0 + 4.0 * side
            decide_multileg(*legs, xs[0], ctx, NO_BOUNDS, work, out)
        outs.append(out[: D.OUT_RECORD].copy())
    assert np.array_equal(*outs, equal_nan=True)


def test_exponentials_are_exact_and_have_the_same_bits_at_every_place():
    values = np.concatenate((np.random.default_rng(1).uniform(-30.0, 30.0, 3_000), [0.0, -30.0, 30.0]))
    found = values.copy()
    exponentials(found, np.zeros_like(values))
    assert np.abs(found / np.exp(values) - 1.0).max() < 5e-16
    for n in range(1, 20):
        some = values[n : n + n].copy()
        exponentials(some, np.zeros(n))
        assert np.array_equal(some, found[n : n + n])
    beyond = np.array([-1e9, 31.0])
    exponentials(beyond, np.zeros(2))
    assert beyond == pytest.approx(np.exp([-30.0, 30.0]), rel=1e-15)


@pytest.mark.parametrize("seed", range(30))
def test_moves_are_predicted_as_one_by_one(seed):
    """Also where a covariate is bounded, at six standard deviations."""
    rng = np.random.default_rng(seed)
    row, raw = TABLE[rng.integers(len(TABLE))].copy(), np.zeros(200)
    raw[: len(row[H.BETA : H.GAMMA])] = rng.normal(size=H.GAMMA - H.BETA) * rng.choice([0.5, 3.0, 30.0])
    row[H.SCALE : H.SCALE + 70] *= rng.choice([0.1, 1.0, 5.0])
    barriers, terms = np.array([1.0, 2.0, 3.0, 7.0, 31.0, 128.0, 129.0, 900.0, 1e6]), np.zeros(TERM_WORDS)
    logs, levels, tilts = np.zeros((3, len(barriers)))
    fill_terms(row, raw, terms)
    predict_moves(row, raw, terms, barriers, logs, levels, tilts)
    one_by_one = np.array([H.predict_move(row, raw, ticks) for ticks in barriers])
    assert np.column_stack((levels, tilts)) == pytest.approx(one_by_one, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("n", range(2, 9))
def test_sums_of_independent_legs_and_their_bound(n):
    rng = np.random.default_rng(n)
    for _ in range(20):
        steps = int(rng.integers(1, 5))
        reach = -(-3 * steps // 2)
        both = -np.sort(-np.sort(rng.random((2, n, reach, H.N_BINS)) ** 3, axis=3), axis=2)
        adverse, favourable = np.ascontiguousarray(both[0]), np.ascontiguousarray(both[1])
        total, tail, spare, share, pair, bound = (np.zeros(SUM_WORDS) for _ in range(6))
        fill_bound(adverse, steps, np.zeros(3 * MAX_STEPS * H.N_BINS), bound[: H.N_BINS])
        fill_pair(adverse, favourable, steps, share[: H.N_BINS], pair[: H.N_BINS])
        for k in range(H.N_BINS):
            naive = independent(list(adverse[:, :, k]), list(favourable[:, :, k]), steps)
            assert summed(adverse, favourable, steps, k, total, tail, spare) == pytest.approx(naive, rel=1e-12)
            assert naive <= bound[k] * (1.0 + 1e-12)
            if n == 2:
                assert pair[k] == pytest.approx(naive, rel=1e-12)
