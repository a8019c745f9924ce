"""The lifetime of most value, against a fine grid of lifetimes."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quotelife_models import hazard as H
from quotelife_models import liquidity_provider as LP
from quotelife_models import policy as P
from quotelife_models import schema as S
from quotelife_models.response import log_moments, responded

_EDGES = np.array((0.0, *S.BIN_ENDS_MS))
_log_hazards = st.lists(st.floats(-9.0, 0.0), min_size=H.N_BINS, max_size=H.N_BINS)


@given(
    log_hazards=_log_hazards,
    mean_ms=st.floats(30.0, 5_000.0),
    cv=st.floats(0.1, 3.0),
    fill_rate=st.floats(0.05, 1.0),
    informed=st.floats(0.0, 0.9),
    edge=st.floats(0.1, 5.0),
    loss=st.floats(0.5, 30.0),
    latency_ms=st.sampled_from([0.5, 5.0, 20.0]),
)
def test_chosen_lifetime_has_the_highest_value(log_hazards, mean_ms, cv, fill_rate, informed, edge, loss, latency_ms):
    survival = np.cumprod(1.0 - np.minimum(1.0 - np.exp(-np.exp(log_hazards)), 0.999))
    policy, x, ctx = np.zeros(P.N_POLICY), np.zeros(S.N_FEATURES), np.zeros(S.N_CONTEXT)
    policy[P.LATENCY_MS], ctx[S.CLIENT_FILL_RATE], ctx[S.EDGE] = latency_ms, fill_rate, edge
    mu, sigma = log_moments(mean_ms, cv)
    ms, value = LP.best_lifetime(policy, x, ctx, survival, informed, loss, mu, sigma, np.zeros(H.N_BINS))
    log_alive = np.concatenate(([0.0], np.log(survival)))

    def worth(t_ms: float) -> float:
        p = 1.0 - math.exp(np.interp(t_ms + latency_ms, _EDGES, log_alive))
        return (1.0 - informed) * fill_rate * edge * responded(mu, sigma, math.log(t_ms)) - informed * loss * p

    nodes = LP.NODES_MS[latency_ms < LP.NODES_MS] - latency_ms
    steps = [worth(t) for t in nodes]
    best = int(np.argmax(steps))
    if ms == 0.0:
        assert steps[best] <= 0.0 and value <= 0.0
        return
    assert abs(worth(ms) - value) <= 1e-9 * (1.0 + abs(value)), "what it says is what it is worth"
    around = np.linspace(nodes[best - 1] if best else 1e-3, nodes[min(best + 1, len(nodes) - 1)], 300)
    assert value >= max(worth(t) for t in around) * (1.0 - 1e-3)
