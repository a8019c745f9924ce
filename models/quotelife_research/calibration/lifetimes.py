"""Lifetimes on unseen days by fifth of volatility, for an ordinary client, default policies, no withdrawal."""

import math
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from quotelife.config.expiry import Models
from quotelife_models import decide as D
from quotelife_models import policy as P
from quotelife_models import schema as S
from quotelife_models.enums import MODELS, ORDINARY
from quotelife_research.data.replay import PICK_OFF, Grid

Floats = npt.NDArray[np.float64]
_ROWS = 3000
_FIFTHS = 5
_CLIENT = {
    "legs": 1.0,
    "client_tier": float(ORDINARY),
    "client_fill_rate": 0.3,
    "client_response": 300.0,
    "client_response_cv": 0.8,
    "client_informed_share": 0.2,
}
_NO_LIMIT = np.array([math.inf, math.inf, math.inf, 0.0])


def lifetimes_by_volatility(row: Floats, grids: list[Grid]) -> list[dict[str, Any]]:
    """For each fifth of the times by the volatility of 10 s, lowest first: its mean volatility in ticks, and each
    model's median lifetime in ms of a quote at the best prices, 0 where it refuses. `row` float64[N_PARAMETERS]."""
    x = np.concatenate([g.x for g in grids])
    barrier = np.concatenate([g.barriers[:, PICK_OFF] for g in grids])
    chosen = np.sort(np.random.default_rng(0).permutation(len(x))[:_ROWS])
    chosen = chosen[np.argsort(x[chosen, S.REALISED_VOLATILITY_10S], kind="stable")]
    return [
        {"volatility": float(x[part, S.REALISED_VOLATILITY_10S].mean())}
        | {model: float(np.median(_lifetimes(row, x[part], barrier[part], model))) for model in MODELS}
        for part in np.array_split(chosen, _FIFTHS)
        if len(part)
    ]


def _lifetimes(row: Floats, x: Floats, barrier: Floats, model: str) -> list[float]:
    policy = P.pack(msgspec.structs.asdict(getattr(Models(), model)))
    ctx = np.array([_CLIENT.get(name, 0.0) for name in S.CONTEXT_NAMES])
    table, out, found = row[None].copy(), np.zeros(D.OUT_WORDS), []
    for market, ticks in zip(np.ascontiguousarray(x), barrier, strict=True):
        for side in (1.0, -1.0):
            ctx[S.SIDE], ctx[S.PICK_OFF_BARRIER] = side, ticks
            ctx[S.EDGE] = 0.5 * market[S.SPREAD] - side * market[S.MICRO_DEVIATION]
            found.append(D.decide(table, 0, MODELS.index(model), policy, market, ctx, _NO_LIMIT, out) / 1e6)
    return found
